"""The process that reads damaged files: it is told target and case, and says what came of it. It
may die of one."""

from __future__ import annotations

import faulthandler
import fnmatch
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.damage import ANY, MOST_KEPT, formats
from fuzz.kinds import Kind, Made
from fuzz.numbers import as_kept, numbers_in
from fuzz.sandbox import Sandbox, memory_bytes, reset_peak
from fuzz.target import Case, Target, faults_of, fingerprint, records_in, seeded

LIMIT_BYTES = 2**30
ROOM_BYTES = 4 * 2**30
"""How much address space a case may take before the system refuses more: enough to see it, too
little to harm."""


@dataclass
class Sample:
    """The undamaged files of a target, or of one of its parts, and what is read from them."""

    files: dict[str, bytes]
    reading: dict[str, str]
    """Harmed file -> fingerprint of what is read then; of most targets one for all."""
    numbers: np.ndarray | None
    """What may stand in a stream because it stands in one of the files, sorted."""


class Worker:
    """Runs cases, one after the other."""

    def __init__(self, root: Path, quick: bool = False) -> None:
        self.quick = quick
        self.sandbox = Sandbox(root / "box")
        self.root = root
        self.samples: dict[str, list[tuple[str, Sample]]] = {}
        self.ready: tuple[Any, ...] = ()
        self.sandbox.enter()

    def case_of(self, target: Target, number: int) -> tuple[Sample, Case]:
        """Make the damage of a case."""
        rng = seeded(target.name, number)
        samples = self._samples(target)
        _, sample = samples[rng.randrange(len(samples))]
        names = sorted(n for n in sample.files if any(fnmatch.fnmatch(n, p) for p in target.harmed))
        name = rng.choice(names)
        content = sample.files[name]
        if rng.random() < 0.02:
            absent = rng.choice(("gone", "folder", "loop"))
            return sample, Case(
                f"{name}: {absent}", name, b"", target.promise == "ours", absent=absent
            )
        if rng.random() < 0.03:
            other = sample.files[rng.choice(sorted(sample.files))]
            return sample, Case(
                f"{name}: another file", name, other, target.promise == "ours" and other != content
            )
        kind = self._kind(target, name, content, rng)
        try:
            made = kind.make(content, rng)
        except Exception:  # damage that knows the format of a file which is not quite of it
            made = Made(rng.choice(ANY).make(content, rng).content)
        harmed = (
            made.content
            if len(made.content) < max(20 * 2**20, 2 * len(content))
            else made.content[:MOST_KEPT]
        )
        anew = target.reseal is not None and rng.random() < 0.5
        checked = made.checked and kind.name != "twice"  # what is packed may be chained
        seen = target.promise == "ours" or (target.promise == "checked" and checked)
        return sample, Case(f"{name}: {kind.name}", name, harmed, seen and not anew, anew)

    def _kind(self, target: Target, name: str, content: bytes, rng: Any) -> Kind:
        own: list[Kind] = [one for group in formats(name, content) for one in group]
        if target.more:
            own += target.more(name, content) * 2
        chosen: Kind = rng.choice(own if own and rng.random() < 0.65 else ANY)
        # A bomb takes seconds to make; tests of their own hold them.
        return rng.choice(ANY) if self.quick and chosen.name.endswith("bomb") else chosen

    def prepare(self, target: Target, number: int) -> None:
        """Make the files of a case, outside of any measuring."""
        self.ready = (target.name, number, *self.case_of(target, number))

    def run(self, target: Target, number: int) -> dict[str, Any]:
        """Run one case and say what came of it."""
        if self.ready[:2] != (target.name, number):
            self.prepare(target, number)
        _, _, sample, case = self.ready
        reference = self._reading(target, sample, case.file)
        files = {**sample.files, case.file: case.content}
        if case.absent:
            del files[case.file]
        self.sandbox.fill(files)
        self._absent(case)
        if case.sealed_anew and target.reseal:
            try:
                target.reseal(self.sandbox.given, case.file)
            except Exception:
                case.sealed_anew = False
        before = self.sandbox.look(target.writes)
        idle = memory_bytes("VmRSS")
        reset_peak()
        self._room()
        start = time.monotonic()
        outcome, what, trace = "read", "", ""
        found: Any = None
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = target.read(self.sandbox.given, self.sandbox.out, case.file)
            except BaseException as error:
                outcome, what, trace = self._of_error(error)
        seconds = time.monotonic() - start
        grown = max(0, memory_bytes("VmHWM") - idle)
        faults = [trace] if outcome == "fault" else []
        strange = [w for w in told if not self._ours(w.category)]
        faults += [
            f"a warning that is not ours: {w.category.__name__}: {w.message} "
            f"({w.filename}:{w.lineno})"
            for w in strange
        ]
        if outcome == "read":
            faults += self._of_content(target, sample, case, found)
            if fingerprint(found) == reference:
                outcome = "unchanged"
            elif case.seen and len(strange) == len(told):  # nobody was warned
                faults.append(
                    "a change that nobody saw: what was read is another content than what was "
                    "written"
                )
        faults += self._around(before, target)
        if grown > LIMIT_BYTES:
            faults.append(f"{grown / 2**20:.0f} MiB above the idle process")
        del found
        return {
            "outcome": "fault" if faults else outcome,
            "what": what,
            "damage": case.what + (", sealed anew" if case.sealed_anew else ""),
            "faults": faults,
            "seconds": seconds,
            "bytes": grown,
        }

    def keep(self, target: Target, number: int, folder: Path) -> None:
        """Write the damaged files of a case down, for whoever mends what they broke."""
        sample, case = self.case_of(target, number)
        for name, content in {**sample.files, case.file: case.content}.items():
            path = folder / "given" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if case.sealed_anew and target.reseal:
            target.reseal(folder / "given", case.file)

    def _absent(self, case: Case) -> None:
        path = self.sandbox.given / case.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if case.absent == "folder":
            path.mkdir()
        elif case.absent == "loop":
            path.symlink_to(path.name)

    def _of_error(self, error: BaseException) -> tuple[str, str, str]:
        from otolith.core.errors import OtolithError

        if isinstance(error, OtolithError):
            text = str(error)
            if any(ord(c) < 32 and c not in "\n\t" for c in text):
                return "fault", "", f"a message with control characters: {text!r:.300}"
            if len(text) > 4000:
                return "fault", "", f"a message of {len(text):,} letters: {text[:300]!r}"
            return "refused", f"{type(error).__name__}: {text[:200]}", ""
        lines = traceback.format_exception(error, limit=-25)
        return "fault", "", "".join(lines)[-6000:]

    def _of_content(self, target: Target, sample: Sample, case: Case, found: Any) -> list[str]:
        recordings = list(records_in(found))
        if not recordings:
            return []
        if sample.numbers is None:
            return list(faults_of(recordings))
        # Nothing can come from the file as it was, so that its numbers may stay among those of the
        # others.
        return list(
            faults_of(
                recordings,
                sample.numbers,
                lambda: as_kept(numbers_in(case.content), target.factors),
            )
        )

    def _around(self, before: dict[str, str], target: Target) -> list[str]:
        after = self.sandbox.look(target.writes)
        if after == before:
            return []
        both = before.keys() | after.keys()
        changed = sorted(
            os.path.relpath(n, self.sandbox.root) for n in both if before.get(n) != after.get(n)
        )
        shutil.rmtree(self.sandbox.root)
        Sandbox.__init__(self.sandbox, self.sandbox.root)
        self.sandbox.enter()
        return [f"files outside of the named folder: {', '.join(changed[:5])}"]

    def _ours(self, category: type[Warning]) -> bool:
        from otolith.core.errors import OtolithWarning

        return issubclass(category, OtolithWarning)

    def _room(self) -> None:
        if sys.platform != "linux":
            return
        held = memory_bytes("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (held + ROOM_BYTES, resource.RLIM_INFINITY))

    def _samples(self, target: Target) -> list[tuple[str, Sample]]:
        if target.name not in self.samples:
            folder = Path(tempfile.mkdtemp(dir=self.root)) / "sample"
            folder.mkdir()
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                target.write(folder)
            roots = sorted(p for p in folder.iterdir() if p.is_dir()) if target.parts else [folder]
            made = []
            for root in roots:
                paths = sorted(p for p in root.rglob("*") if p.is_file())
                files = {p.relative_to(root).as_posix(): p.read_bytes() for p in paths}
                counts = target.promise != "ours" and target.factors
                found = (array for content in files.values() for array in numbers_in(content))
                made.append(
                    (
                        root.name,
                        Sample(files, {}, as_kept(found, target.factors) if counts else None),
                    )
                )
            shutil.rmtree(folder.parent)
            self.samples[target.name] = made
            for _, sample in made:
                name = min(sample.files)
                whole = Case("", name, sample.files[name], True)
                faults = self._of_content(
                    target, sample, whole, self._read_whole(target, sample, name)
                )
                if faults:
                    raise AssertionError(f"the undamaged files of {target.name}: {faults}")
        return self.samples[target.name]

    def _read_whole(self, target: Target, sample: Sample, file: str) -> Any:
        self.sandbox.fill(sample.files)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return target.read(self.sandbox.given, self.sandbox.out, file)

    def _reading(self, target: Target, sample: Sample, file: str) -> str:
        if file not in sample.reading:
            sample.reading[file] = fingerprint(self._read_whole(target, sample, file))
        return sample.reading[file]


def main() -> None:
    """Answer lines of JSON until there are no more."""
    root = Path(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    log = os.open(root / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(log, stream)
    faulthandler.enable()
    import otolith.cli.app  # noqa: F401  what every case stands on is loaded before anything is measured
    from fuzz.targets import TARGETS
    from fuzz.targets_broken import BROKEN

    worker = Worker(root, quick="quick" in sys.argv[2:])
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        target = {**TARGETS, **BROKEN}[told["target"]]
        try:
            if told.get("keep"):
                worker.keep(target, told["case"], Path(told["keep"]))
                answer: dict[str, Any] = {}
            elif told.get("prepare"):
                worker.prepare(target, told["case"])
                answer = {}
            else:
                answer = worker.run(target, told["case"])
        except Exception:
            answer = {"broken": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
