"""Matching: a simulated study whose values are spread as those of a real one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from otolith.cli.console import some
from otolith.cli.options import Overwrite, Quiet, words
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError
from otolith.core.terminal import tell


def match(
    simulated: Annotated[Path, typer.Argument(help="Simulated study.")],
    real: Annotated[Path, typer.Argument(help="Real study with sensors at the same places.")],
    out: Annotated[Path, typer.Option(help="Study folder to write.")],
    leave_out: Annotated[
        str,
        typer.Option(
            help="People of the real study not to look at: whoever you will test on.",
            metavar="P1,P2",
        ),
    ] = "",
    by: Annotated[
        str,
        typer.Option(
            help="axes: each axis by itself; magnitude: lengths alone, gravity keeps its direction."
        ),
    ] = "axes",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Spread the values of a simulated study as those of a real one, and say what that changes.

    Each channel gets a rising map from simulated values to real ones of the same rank. The result
    knows whose recordings it saw, and a benchmark refuses to test on them.
    """
    from otolith.data.study import Study
    from otolith.motion.fidelity.matching import FILE, match_study

    if by not in ("axes", "magnitude"):
        raise ConfigError(f"--by is axes or magnitude; found '{by}'.")
    pair = Study.load(simulated), Study.load(real)
    with bar(quiet, "recordings", "both studies are read") as show:
        study, changes = match_study(
            *pair, out, words(leave_out), by == "axes", overwrite=overwrite, progress=show
        )  # fmt: skip
    if quiet:
        return
    wide = max(len(change.name) for change in changes)
    tell(f"{'':{wide}}  changed by  away from the real before  and after")
    for change in changes:
        after = f"{change.distance_before:23.3f}  {change.distance_after:9.3f}"
        tell(f"{change.name:{wide}}  {change.moved:10.3f}  {after}")
    tell(
        f"{out}: {some(len(study), 'recording', 'recordings')}; what was done is kept in "
        f"{out / FILE}"
    )
