"""`otolith fidelity`: how close simulated sensors come to real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Interval

from otolith.cli.options import AsJson, MaxBytes, OverwriteFile, Quiet, Recipe
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError, DataError
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import note, tell, tell_json

if TYPE_CHECKING:
    from otolith.motion.fidelity.study_fidelity import Compared


@settings
class Fidelity:
    """Measure how close simulated sensors come to real ones that recorded the same movement.

    Recordings go together by name: a clip is called what the real recording is called.

    otolith fidelity studies/simulated studies/real
    """

    command: ClassVar[str] = "fidelity"

    simulated: Annotated[Path, Option(argument=True)]
    """Simulated study."""
    real: Annotated[Path | None, Option(argument=True)] = None
    """Real study of the same movements."""
    fit: Literal["none", "rotation", "mounting"] = "mounting"
    """What of the mounting is estimated on the first half."""
    band: Annotated[float, Interval(gt=0, le=10_000)] | None = None
    """Compare what is slower than this, in Hz."""
    normalise: Literal["deviation", "range", "real"] = "deviation"
    """What magnitudes are divided by."""
    search: Annotated[float, Interval(ge=0, le=3_600)] = 0.0
    """Seconds by which the two clocks may be apart; the shift is found."""
    html: Annotated[Path | None, Option(metavar="FILE")] = None
    """Write a page with table and figure."""
    figure: Annotated[Path | None, Option(metavar="FILE")] = None
    """Draw both side by side into an .svg or .png."""
    as_json: AsJson = False
    max_bytes: MaxBytes = None
    overwrite: OverwriteFile = False
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Compare, print, and draw what was asked for."""
        from otolith.core.files import refuse_existing
        from otolith.data.study import Study
        from otolith.motion.fidelity.study_fidelity import compare_studies
        from otolith.show.fidelity_page import HEAD, rows_of

        if self.real is None:
            raise ConfigError(
                "Two studies are compared: otolith fidelity SIMULATED_STUDY REAL_STUDY. The "
                "published paired sets (BROAD, gaitmap) are measured by benchmarks/fidelity.py in "
                "the repository: OTOLITH_DATA=FOLDER python benchmarks/fidelity.py"
            )
        for path, what in ((self.html, "page"), (self.figure, "picture")):
            if path is not None:
                refuse_existing(path, what, self.overwrite)
        pair = Study.load(self.simulated), Study.load(self.real)
        with bar(self.quiet, "pairs", "recordings are read") as show:
            rows, notes = compare_studies(
                *pair, self.fit, self.band, self.normalise, self.search, show
            )
        if not rows:
            raise DataError(f"Nothing could be compared: {'; '.join(notes)}.")
        if self.as_json:
            tell_json([row.as_dict() for row in rows])
        else:
            _print_table([HEAD, *rows_of(rows)])
        self._draw(rows, notes, f"Fidelity of {self.simulated.name} to {self.real.name}")
        if not self.quiet:
            for sentence in notes:
                note(sentence)

    def _draw(self, rows: list[Compared], notes: list[str], title: str) -> None:
        from otolith.show.fidelity_page import write_fidelity_figure, write_fidelity_page

        if self.html is not None:
            write_fidelity_page(rows, notes, self.html, title)
        if self.figure is not None:
            write_fidelity_figure(rows, self.figure, title)
        for path in filter(None, (self.html, self.figure)):
            # JSON is all that --json prints, so that a pipe can read it.
            tell(f"Wrote {path}", err=self.as_json)


def _print_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        tell("  ".join(cells).rstrip())
