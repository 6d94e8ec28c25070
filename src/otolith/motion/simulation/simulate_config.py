"""What a simulation is made with. It stands here without the physics, so that a command can list
its options at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Interval, Le

from otolith.core.errors import ConfigError
from otolith.core.options import RUN, Option
from otolith.core.settings import Count, Positive, Seed, configure, settings

BODIES = "Who wears the sensors"
READ = "How files are read"
PerSecond = Annotated[float, Interval(gt=0, le=10_000)]


@settings
class SimulateConfig:
    """What is worn by whom, and how it is measured.

    Raises ConfigError for numbers out of range, UnknownNameError for an unknown placement or noise.

    >>> SimulateConfig(placements=["left_wrist"], bodies=3).bodies
    3
    """

    placements: tuple[str, ...] = ("left_wrist", "right_wrist")
    """Where sensors sit, with commas between; see: otolith list placements."""
    rate_hz: PerSecond = 50.0
    """Samples per second."""
    noise: str = "none"
    """none, or the errors of a device: watch, phone, mtw."""
    bodies: Annotated[Count, Le(100_000), Option(panel=BODIES)] = 1
    """Bodies that make each movement; the first is the average one of 1.70 m, the others are
    drawn."""
    body_model: Annotated[str, Option(panel=BODIES)] = ""
    """Bodies with a skin: anny, or a SMPL, SMPL-H or SMPL-X file (.npz) of your own."""
    mounting: Annotated[Literal["exact", "by_hand", "any"], Option(panel=BODIES)] = "exact"
    """exact: as the placement says; by_hand: a few degrees and a centimetre off; any: turned any
    way. Drawn for each body."""
    heading: Annotated[Literal["keep", "remove"], Option(panel=BODIES)] = "keep"
    """keep, or remove: every clip starts facing x."""
    pose_rate_hz: Annotated[PerSecond, Option(panel=BODIES)] = 30.0
    """Poses per second."""
    smoothing: Annotated[Literal["auto", "none"] | Positive, Option(panel=READ)] = "auto"
    """auto takes the noise out of captured paths, by their own spectrum; none leaves it; a number
    is a cut-off in Hz. Procedural paths have no noise and are left alone."""
    seed: Annotated[Seed, Option(panel=RUN)] = 0
    """Of bodies, mountings and noise."""
    ranges: Mapping[str, Any] | None = None
    """How bodies vary: the fields of `BodyRanges` that differ from its defaults."""
    mountings: Mapping[str, Mapping[str, Any]] | None = None
    """Placement -> how its sensor sits otherwise, before `mounting` is drawn: see `Mounting`."""

    def __post_init__(self) -> None:
        from otolith.motion.bodies.variation import BodyRanges
        from otolith.motion.simulation.noise import noise
        from otolith.motion.simulation.placements import site
        from otolith.motion.simulation.sensor import Mounting

        for placement in self.placements:
            site(placement)
        noise(self.noise)
        if not self.placements or len(set(self.placements)) < len(self.placements):
            raise ConfigError(
                f"A simulation needs placements, each once; found {list(self.placements)}."
            )
        configure(BodyRanges, self.ranges or {}, "ranges")
        for place, sits in (self.mountings or {}).items():
            configure(Mounting, sits, f"the mounting of '{place}'")
        if strange := set(self.mountings or ()) - set(self.placements):
            raise ConfigError(
                f"A mounting is given for {', '.join(sorted(strange))}, where no sensor sits; "
                f"placements are {', '.join(self.placements)}."
            )
