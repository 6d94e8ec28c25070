"""`otolith view`: a recording on one line of time."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Interval

from otolith.cli.options import MaxBytes, OverwriteFile
from otolith.core.errors import ConfigError
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import tell


@settings
class View:
    """Show a recording over time: its signals and, if it is simulated, skeleton and sensors.

    otolith view studies/cmu
    otolith view studies/cmu 02_01-body03 --rrd walk.rrd
    otolith view studies/cmu 02_01-body03 --figure walk.svg
    """

    command: ClassVar[str] = "view"

    study: Annotated[Path, Option(argument=True)]
    """Study folder."""
    recording: Annotated[str | None, Option(argument=True)] = None
    """Which recording; the first if not given."""
    rrd: Annotated[Path | None, Option(metavar="FILE")] = None
    """Write a file for Rerun instead of opening its window."""
    figure: Annotated[Path | None, Option(metavar="FILE")] = None
    """Draw four seconds into an .svg or .png instead; no Rerun needed."""
    start: Annotated[float, Interval(ge=-1e9, le=1e9)] | None = None
    """Second at which --figure starts; the liveliest four seconds if not given."""
    max_bytes: MaxBytes = None
    overwrite: OverwriteFile = False

    def __post_init__(self) -> None:
        if self.start is not None and self.figure is None:
            raise ConfigError(
                "--start says where the picture starts; say where to draw it with --figure "
                "FILE.svg."
            )

    def run(self) -> None:
        """Draw, or open the viewer."""
        from otolith.core.files import refuse_existing
        from otolith.data.study import Study

        study = Study.load(self.study)
        for path, what in ((self.figure, "picture"), (self.rrd, "file")):
            if path is not None:
                refuse_existing(path, what, self.overwrite)
        if self.figure is not None:
            from otolith.show.recording_figure import write_recording_figure

            drawn = write_recording_figure(study, self.figure, self.recording, self.start)
            tell(f"Wrote {drawn}")
            if self.rrd is None:
                return
        from otolith.motion.simulation.viewing import view

        view(study, self.recording, self.rrd)
        if self.rrd is not None:
            tell(
                f"Wrote {self.rrd}. Open it with: rerun --bind 127.0.0.1 "
                f"{shlex.quote(str(self.rrd))}"
            )
