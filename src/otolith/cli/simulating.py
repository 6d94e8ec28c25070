"""`otolith simulate`: motion capture into a study."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Interval

from otolith.cli.options import MaxBytes, Overwrite, Quiet, Recipe, say_some, some
from otolith.cli.progress import bar
from otolith.cli.recipe import keep_recipe
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import tell
from otolith.motion.simulation.simulate_config import SimulateConfig


@settings
class Reading:
    """What a file of motion capture does not say, or says wrongly."""

    frame_rate: Annotated[float, Interval(gt=0, le=100_000)] | None = None
    """Frames per second, where a file says none or a wrong one."""
    unit: Literal["m", "cm", "mm", "inch", "cmu"] | None = None
    """Unit of length."""
    up: Literal["x", "y", "z", "-x", "-y", "-z"] | None = None
    """The file's upward axis."""

    def given(self) -> dict[str, Any]:
        """Return what was said."""
        fields = {"frame_rate": self.frame_rate, "unit": self.unit, "up": self.up}
        return {name: value for name, value in fields.items() if value is not None}


@settings
class Simulate:
    """Simulate what sensors worn by many bodies would have measured of captured movements, and
    write a study.

    Each recording also gets the pose of the body, the text of its clip, and what each sensor truly
    did. A stopped run goes on where it was when the same command is typed again. A recipe may also
    say how bodies vary (\\[ranges]) and how a sensor sits (right_wrist = {rotation_deg = [180, 0,
    0]} under \\[mountings]).

    otolith simulate procedural --bodies 10 --out studies/virtual
    otolith simulate cmu/ --placements left_wrist,head --bodies 10 --rate 50 --out studies/cmu
    otolith simulate salsa/ --frame-rate 60 --out studies/salsa
    """

    command: ClassVar[str] = "simulate"

    motions: Annotated[tuple[str, ...], Option(argument=True)]
    """Files of motion capture, folders of them, or procedural:walking."""
    out: Path
    """Study folder to write."""
    simulate: SimulateConfig = field(default_factory=SimulateConfig)
    reading: Annotated[Reading, Option(panel="How files are read")] = Reading()
    skip_damaged: Annotated[bool, Option(panel="How files are read")] = False
    """Leave a clip out that cannot be used, and say so."""
    max_bytes: MaxBytes = None
    overwrite: Overwrite = False
    quiet: Quiet = False
    recipe: Recipe = None

    def run(self) -> None:
        """Simulate, and say what was left out and what is doubtful."""
        from otolith.motion.simulation.simulate_study import simulate_study

        out = self.out
        with bar(self.quiet, "recordings", "clips are looked for") as show:
            study = simulate_study(
                self.motions,
                out,
                self.simulate,
                reading=self.reading.given(),
                overwrite=self.overwrite,
                on_error="skip" if self.skip_damaged else "stop",
                progress=show,
            )
        keep_recipe(self, out)
        say_some(out / "skipped.json", lambda one: f"left out {one['file']}: {one['reason']}")
        say_some(
            out / "doubtful.json",
            lambda one: f"kept, but look at {one['recording']}: {'; '.join(one['doubts'])}",
        )
        if not self.quiet:
            clips = len({(entry["performer"], entry["clip"]) for entry in study.entries})
            tell(
                f"{out}: {some(len(study), 'recording', 'recordings')} of "
                f"{some(clips, 'clip', 'clips')} on "
                f"{some(self.simulate.bodies, 'body', 'bodies')}, {study.hours:.2f} h. See: "
                f"otolith info {out}, otolith view {out}"
            )
