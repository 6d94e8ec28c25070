"""Whether a folder of ours is whole: every file read and held against what was recorded of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from otolith.cli.console import some
from otolith.cli.options import Quiet
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError
from otolith.core.terminal import tell, tell_json

if TYPE_CHECKING:
    from otolith.data.study_check import Verified


def verify(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A study's folder; or that of an encoder, a recogniser, results."
        ),
    ],
    accept_edits: Annotated[
        bool,
        typer.Option(
            "--accept-edits",
            help="You changed the study yourself: where all of it can be read, record it as it is "
            "now.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Read everything that a folder holds, and name whatever is damaged, missing, or not as it was
    written.

    A study says of each of its files how long it is and what its sha256 is, and seals that list
    with a hash of its own. A file that was changed is refused when it is read; here all of them are
    read, with every fault named: the seal, the rows and channels of each stream, the times, labels
    and words, the files in partners/, the caches.

    Did you edit a study on purpose (a label, a text, a name in study.json)? Then --accept-edits
    checks that all of it can still be read and fits together, and records the new hashes, also
    those of files that you brought by hand. It does so only where nothing else is wrong.

    The exit status is 0 where all is whole and 2 where something is not. Caches that are damaged
    are no fault: they are made again when they are needed.
    """
    found = _verified(path, accept_edits, quiet or as_json)
    if as_json:
        tell_json(found.to_json())
    else:
        _tell(found, accept_edits, quiet)
    if not found.whole:
        raise typer.Exit(2)


def _verified(path: Path, accept_edits: bool, quiet: bool) -> Verified:
    from otolith.data.study_check import verify_study

    results = any((path / name).exists() for name in ("results.json", "cells"))
    if results or (path / "config.json").exists():
        if accept_edits:
            raise ConfigError(
                f"--accept-edits is for studies; {path} is none, and was made by one command: "
                f"repeat it."
            )
        from otolith.measure.results_check import verify_checkpoint, verify_results

        return verify_results(path) if results else verify_checkpoint(path)
    with bar(quiet, "recordings", "study.json is read") as show:
        return verify_study(path, accept_edits, show)


def _tell(found: Verified, accept_edits: bool, quiet: bool) -> None:
    for fault in found.faults:
        tell(f"fault: {fault}")
    if quiet:
        return
    for note in found.notes:
        tell(f"note: {note}")
    what = f"{found.kind} {found.path}: {some(found.files, 'file', 'files')}, {found.bytes / 1e6:.1f} MB read"
    if found.whole:
        tell(f"{what}; {'as it is now is recorded' if found.accepted else 'all is whole'}.")
        return
    faults = some(len(found.faults), "fault", "faults")
    if found.kind == "results":
        tell(
            f"{what}; {faults}. Type the benchmark's command again, or copy the whole folder again."
        )
    elif found.kind != "study":
        tell(f"{what}; {faults}. Copy the whole folder again from where it was made.")
    elif accept_edits:
        tell(
            f"{what}; {faults}, so nothing was recorded. Mend these first, or import the study "
            f"again."
        )
    else:
        tell(
            f"{what}; {faults}. Import the study again; or, if you changed it on purpose, type: "
            f"otolith verify {found.path} --accept-edits"
        )
