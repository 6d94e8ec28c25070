"""`otolith verify`: whether a folder of ours is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from otolith.cli.options import AsJson, Quiet, some
from otolith.cli.progress import bar
from otolith.core.errors import ConfigError
from otolith.core.options import Option
from otolith.core.settings import settings
from otolith.core.terminal import tell, tell_json

if TYPE_CHECKING:
    from otolith.data.study_check import Verified


@settings
class Verify:
    """Read every file of a folder, and name what is damaged, missing or edited.

    A study says of each of its files how long it is and what its sha256 is, and seals that list
    with a hash of its own. A file that was changed is refused when it is read; here all of them are
    read, with every fault named: the seal, the rows and channels of each stream, the times, labels
    and words, the files in partners/, the caches.

    Did you edit a study on purpose (a label, a text, a name in study.json)? Then --accept-edits
    checks that all of it can still be read and fits together, and records the new hashes, also
    those of files that you brought by hand. It does so only where nothing else is wrong.

    The exit status is 0 where all is whole and 2 where something is not. Caches that are damaged
    are no fault: they are made again when they are needed.

    otolith verify studies/mine
    otolith verify studies/mine --accept-edits
    otolith verify recognisers/mine --json
    """

    command: ClassVar[str] = "verify"

    path: Annotated[Path, Option(argument=True, metavar="PATH")]
    """A study's folder; or that of an encoder, a recogniser, results."""
    accept_edits: bool = False
    """You changed the study yourself: where all of it can be read, record it as it is now."""
    as_json: AsJson = False
    quiet: Quiet = False

    def run(self) -> None:
        """Read all of it, and exit with 2 where something is wrong."""
        verified = self._verified()
        if self.as_json:
            tell_json(verified.to_json())
        else:
            self._say(verified)
        if not verified.whole:
            raise typer.Exit(2)

    def _verified(self) -> Verified:
        from otolith.data.study_check import verify_study
        from otolith.measure.results_check import verify_checkpoint, verify_results

        path = self.path
        results = any((path / name).exists() for name in ("results.json", "cells"))
        if results or (path / "config.json").exists():
            if self.accept_edits:
                raise ConfigError(
                    f"--accept-edits is for studies; {path} is none, and was made by one command: "
                    f"repeat it."
                )
            return verify_results(path) if results else verify_checkpoint(path)
        with bar(self.quiet or self.as_json, "recordings", "study.json is read") as show:
            return verify_study(path, self.accept_edits, show)

    def _say(self, verified: Verified) -> None:
        for fault in verified.faults:
            tell(f"fault: {fault}")
        if self.quiet:
            return
        for note in verified.notes:
            tell(f"note: {note}")
        size = f"{some(verified.files, 'file', 'files')}, {verified.bytes / 1e6:.1f} MB read"
        what = f"{verified.kind} {verified.path}: {size}"
        if verified.whole:
            tell(f"{what}; {'as it is now is recorded' if verified.accepted else 'all is whole'}.")
            return
        faults = some(len(verified.faults), "fault", "faults")
        if verified.kind == "study" and self.accept_edits:
            faults += ", so nothing was recorded"
        tell(f"{what}; {faults}. {self._next_step(verified)}")

    def _next_step(self, verified: Verified) -> str:
        if verified.kind == "results":
            return "Type the benchmark's command again, or copy the whole folder again."
        if verified.kind != "study":
            return "Copy the whole folder again from where it was made."
        if self.accept_edits:
            return "Mend these first, or import the study again."
        return (
            f"Import the study again; or, if you changed it on purpose, type: otolith verify "
            f"{verified.path} --accept-edits"
        )
