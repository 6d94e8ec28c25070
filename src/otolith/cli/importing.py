"""`otolith import`: recordings into a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from otolith.cli.options import (
    MaxBytes,
    Overwrite,
    Quiet,
    Recipe,
    say_some,
    settings_of,
    some,
)
from otolith.cli.progress import counter
from otolith.core.errors import ConfigError
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import note, tell

if TYPE_CHECKING:
    from otolith.data.study import Study


@settings
class Import:
    """Read recordings into a study in SI units, and report every row that was left out.

    otolith import UCI_HAPT --dataset hapt --out studies/hapt
    otolith import my_csvs --guess --mapping mapping.toml
    otolith import my_csvs --mapping mapping.toml --out studies/mine
    """

    command: ClassVar[str] = "import"

    source: Annotated[Path, Option(argument=True)]
    """Folder (or file) with the recordings."""
    out: Path | None = None
    """Study folder to write."""
    dataset: str | None = None
    """A published data set's layout; see: otolith list datasets."""
    mapping: Path | None = None
    """TOML that names columns, units and places; see docs/recordings.md."""
    settings: Annotated[
        tuple[str, ...], Option(flags=("--set",), metavar="NAME=VALUE", repeated=True)
    ] = ()
    """With --dataset: an option of the data set, such as annotation=actions; may be repeated."""
    guess: bool = False
    """Only write the mapping, as far as it can be known."""
    skip_damaged: bool = False
    """With --mapping: leave a damaged file out and say so."""
    max_bytes: MaxBytes = None
    overwrite: Overwrite = False
    quiet: Quiet = False
    recipe: Recipe = None

    def __post_init__(self) -> None:
        if self.guess:
            if self.mapping is None or self.dataset is not None:
                raise ConfigError(
                    "--guess writes a mapping: say where with --mapping FILE.toml, and give no "
                    "--dataset."
                )
        elif self.out is None or (self.dataset is None) == (self.mapping is None):
            raise ConfigError(
                "Say where to with --out STUDY, and what it is with either --dataset NAME or "
                "--mapping FILE.toml."
            )
        if self.skip_damaged and self.dataset is not None:
            raise ConfigError(
                "--skip-damaged goes with --mapping; a published data set is read whole or not at "
                "all."
            )
        if self.settings and self.dataset is None:
            raise ConfigError("--set goes with --dataset; a mapping says everything itself.")

    def run(self) -> None:
        """Import, or write a mapping."""
        if self.guess:
            self._write_mapping()
            return
        from otolith.data.datasets import import_dataset
        from otolith.data.readers import import_tables

        assert self.out is not None
        with counter(self.quiet, "recordings") as tick:
            if self.dataset is not None:
                study = import_dataset(
                    self.source,
                    self.dataset,
                    self.out,
                    overwrite=self.overwrite,
                    progress=tick,
                    **settings_of(self.settings),
                )
            else:
                assert self.mapping is not None
                study = import_tables(
                    self.source,
                    self.mapping,
                    self.out,
                    overwrite=self.overwrite,
                    on_error="skip" if self.skip_damaged else "stop",
                    progress=tick,
                )
        if self.skip_damaged:
            say_some(self.out / "skipped.json", _left_out)
        _say_cut(study)
        if not self.quiet:
            rows = study.rows
            tell(
                f"{self.out}: {some(len(study), 'recording', 'recordings')} of "
                f"{some(len(study.subjects), 'person', 'people')}, {study.hours:.2f} h; "
                f"{rows['read']} rows read = {rows['kept']} kept + {rows['reported']} reported. "
                f"See: otolith info {self.out}"
            )

    def _write_mapping(self) -> None:
        from otolith.core.files import refuse_existing, write_text
        from otolith.data.readers import guess

        assert self.mapping is not None
        refuse_existing(self.mapping, "mapping", self.overwrite)
        text, unknown = guess(self.source)
        write_text(self.mapping, text)
        if unknown:
            tell(f"Wrote {self.mapping}. What could not be known, and is to be filled in there:")
            for line in unknown:
                tell(f"  - {line}")
        else:
            tell(f"Wrote {self.mapping}. Nothing is left open; read it before you trust it.")
        tell(f"Then: otolith import {self.source} --mapping {self.mapping} --out STUDY")


def _say_cut(study: Study) -> None:
    """Say once how many recordings come from files that may have been cut in their last line."""
    from otolith.data.readers.columns import NO_LINE_END

    cut = [
        entry["id"]
        for entry in study.entries
        for stream in entry["streams"]
        if any(report["kind"] == NO_LINE_END for report in stream["reports"])
    ]
    cut = list(dict.fromkeys(cut))
    if cut:
        note(
            f"the last line of the file does not end in "
            f"{some(len(cut), 'recording', 'recordings')} "
            f"({', '.join(cut[:3])}{', …' if len(cut) > 3 else ''}); it may have been cut."
        )


def _left_out(entry: dict[str, str]) -> str:
    file, reason = entry["file"], entry["reason"]
    return f"left out {reason if file in reason else f'{file}: {reason}'}"
