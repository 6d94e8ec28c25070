"""Where and how exactly a computation runs: device, precision, threads and seed, chosen once and
recorded.

Accelerate was tried for this; for one process it adds seconds of import and a global state that the
second precision of one program trips over, in exchange for the dozen lines below.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from otolith.core.errors import ConfigError

MOST_THREADS = 1_024


@dataclass(frozen=True)
class Runtime:
    """A device, a precision and a number of threads; equal runtimes and seeds give equal results,
    bit for bit."""

    device: str = "cpu"
    precision: str = "fp32"
    threads: int = 1

    @classmethod
    def choose(
        cls, device: str = "auto", precision: str = "auto", threads: int | None = None
    ) -> Runtime:
        """Choose by what the machine can do, never by timing it.

        Raises ConfigError for a device that is not there or an unknown precision.
        """
        available = {
            "cuda": torch.cuda.is_available(),
            "mps": torch.backends.mps.is_available(),
            "cpu": True,
        }
        if device == "auto":
            device = next(name for name, is_here in available.items() if is_here)
        kind = device.partition(":")[0]
        if not available.get(kind):
            here = ", ".join(name for name, is_here in available.items() if is_here)
            raise ConfigError(f"Device '{device}' is not available; here are {here}.")
        if precision not in ("auto", "fp32", "bf16"):
            raise ConfigError(f"Precision is auto, fp32 or bf16, not '{precision}'.")
        # By what the processor has, never by a timing: the choice is recorded and repeated.
        if precision == "auto":
            precision = "bf16" if _has_bf16(kind) else "fp32"
        return cls(device, precision, _threads(threads))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Run a block with this number of threads and repeatable kernels, and put things back
        afterwards."""
        before = torch.get_num_threads()
        deterministic = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        memory: Any = torch.utils.deterministic
        filled = memory.fill_uninitialized_memory
        torch.set_num_threads(self.threads)
        # Warned of only: some kernels have no repeatable form, and a run should not end there.
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Repeatable mode also writes NaN into every new tensor, to catch kernels that read what
        # nobody wrote. That costs a quarter of a training step and changes no result.
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            memory.fill_uninitialized_memory = filled

    def autocast(self) -> torch.autocast:
        """Return the context in which a forward pass runs."""
        kind = self.device.partition(":")[0]
        return torch.autocast(kind, dtype=torch.bfloat16, enabled=self.precision == "bf16")

    def record(self) -> dict[str, object]:
        """Return what a result says of where it was made."""
        return {
            "platform": platform.platform(terse=True),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "threads": self.threads,
            "device": self.device,
            "precision": self.precision,
        }


def number_of(variable: str, default: int) -> int:
    """Return a whole number from 0 up that the environment says, or `default` where it says
    nothing.

    Raises ConfigError for anything else. A list, as OMP_NUM_THREADS may be, counts by its first.

    >>> number_of("A_VARIABLE_THAT_NOBODY_SETS", default=1)
    1
    """
    text = os.environ.get(variable, "").partition(",")[0].strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(
            f"The environment says {variable}={text}, which is no whole number. Type: unset "
            f"{variable}"
        )
    return int(text)


def _threads(asked: int | None) -> int:
    """Return the threads of this process; processes that run together share the cores."""
    together = max(1, number_of("LOCAL_WORLD_SIZE", 1))
    share = max(1, (os.cpu_count() or 1) // together)
    count = asked or number_of("OMP_NUM_THREADS", 0) or share
    if not 1 <= count <= MOST_THREADS:
        raise ConfigError(
            f"Threads are 1 to {MOST_THREADS}, not {count} (--threads, or OMP_NUM_THREADS)."
        )
    return count


def _has_bf16(kind: str) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if kind == "cpu":
        # Emulated bf16 is slower than fp32; only processors with the instructions gain.
        return (
            bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
            and "AVX512" in torch.backends.cpu.get_cpu_capability()
        )
    return False


def _processor() -> str:
    if platform.system() == "Linux":
        with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the versions that a result depends on.

    >>> ", ".join(versions())
    'otolith, python, torch, numpy, scipy, scikit-learn'
    """
    import numpy
    import scipy
    import sklearn

    return {
        "otolith": importlib.metadata.version("otolith"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def commit() -> str | None:
    """Return the commit of this copy of the package; None outside a git checkout.

    >>> commit() is None or len(commit()) == 12
    True
    """
    from pathlib import Path

    folder = Path(__file__).resolve().parents[4]
    head = folder / ".git" / "HEAD"
    try:
        text = head.read_text(encoding="utf-8").strip()
        if not text.startswith("ref:"):
            return text[:12]
        reference = folder / ".git" / text.partition(" ")[2]
        return reference.read_text(encoding="utf-8").strip()[:12]
    except OSError:
        return None
