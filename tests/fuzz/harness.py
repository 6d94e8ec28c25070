"""A worker seen from outside: started, asked, killed when it takes too long, replaced when it dies."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
LIMIT_S = 20.0
START_S = 300.0
ROOM_BYTES = 2**30
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Harness:
    """One worker process at a time; a case that kills it is a fault, and the next case gets another
    one."""

    def __init__(self, quick: bool = False) -> None:
        self.more = ["quick"] if quick else []
        memory = Path("/dev/shm")  # where it is, no case waits for a disk
        place = (
            memory
            if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM_BYTES
            else None
        )
        self.root = Path(tempfile.mkdtemp(prefix="otolith-fuzz-", dir=place))
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, target: str, case: int, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """Run a case; one that outlasts the limit is killed and tried once more, since the machine
        may be busy."""
        for limit in (limit_s, 2 * limit_s):
            self._ask({"target": target, "case": case, "prepare": True}, START_S)
            answer = self._ask({"target": target, "case": case}, limit)
            if answer is not None and answer.get("seconds", 0.0) <= limit_s:
                return answer
        if answer is None:
            answer = {"outcome": "fault", "what": "", "damage": "?", "seconds": limit_s, "bytes": 0}
            answer["faults"] = [f"it took more than {limit_s:g} s"]
        else:
            answer |= {
                "outcome": "fault",
                "faults": [f"it took {answer['seconds']:.0f} s", *answer["faults"]],
            }
        return answer

    def keep(self, target: str, case: int, folder: Path) -> None:
        """Write down the damaged files of a case."""
        self._ask({"target": target, "case": case, "keep": str(folder)}, START_S)

    def _ask(self, told: dict[str, Any], limit_s: float) -> dict[str, Any] | None:
        process = self._started()
        assert process.stdin is not None
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        line = self._line(limit_s)
        if line is None:
            self.stop()
            return None
        if not line:
            code = process.wait()
            log = self._log()
            self.stop()
            what = (
                f"the process died of signal {-code}"
                if code < 0
                else f"the process ended itself with {code}"
            )
            return {
                "outcome": "fault",
                "what": "",
                "damage": "?",
                "faults": [f"{what}\n{log}"],
                "seconds": 0.0,
                "bytes": 0,
            }
        answer: dict[str, Any] = json.loads(line)
        if "broken" in answer:
            raise RuntimeError(f"{told}: the harness itself failed\n{answer['broken']}")
        return answer

    def _started(self) -> subprocess.Popen[str]:
        if self.process is None:
            root = Path(tempfile.mkdtemp(dir=self.root))
            source = TESTS.parent / "src"
            paths = os.pathsep.join(
                [str(TESTS), str(source), os.environ.get("PYTHONPATH", "")]
            ).rstrip(os.pathsep)
            settings = {
                "PYTHONPATH": paths,
                "MPLBACKEND": "Agg",
                "MPLCONFIGDIR": str(self.root / "matplotlib"),
            }
            with (root / "log.txt").open("w") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "fuzz.worker", str(root), *self.more],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**os.environ, **settings, **dict.fromkeys(THREADS, "1")},
                    start_new_session=True,
                )
            self.place = root
            if not self._line(START_S):
                raise RuntimeError(f"the worker did not start:\n{self._log()}")
        return self.process

    def _line(self, limit_s: float) -> str | None:
        assert self.process is not None and self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], limit_s)
        return self.process.stdout.readline() if ready else None

    def _log(self) -> str:
        return (self.place / "log.txt").read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self) -> None:
        """End the worker, and what it started."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        shutil.rmtree(self.place, ignore_errors=True)
