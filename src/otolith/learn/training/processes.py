"""Several processes that pretrain one encoder: each encodes its share of every batch, and all see
the whole.

What one process would do with a batch, several do with the same batch: every process draws the same
views, takes its rows through the encoder, and hands the vectors to all. Losses, negatives and
queues are then those of the whole batch, computed everywhere alike, whatever the objective is; only
the encoder, where the time goes, is divided.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from otolith.data.batch import Batch
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.training.runtime import Runtime, number_of

_MEETING = "OTOLITH_MEETING"
"""Where the processes that `launch` starts are told of the file through which they meet."""


@dataclass(frozen=True)
class Processes:
    """Which of several processes this is."""

    rank: int = 0
    count: int = 1

    @classmethod
    @contextmanager
    def here(cls, runtime: Runtime) -> Iterator[Processes]:
        """Join the processes that torchrun, or `launch`, has started together; alone where there
        are none."""
        from torch import distributed

        if distributed.is_available() and distributed.is_initialized():
            yield cls(distributed.get_rank(), distributed.get_world_size())
        elif number_of("WORLD_SIZE", 1) == 1:
            yield cls()
        else:
            _join("nccl" if runtime.device.startswith("cuda") else "gloo")
            try:
                yield cls(distributed.get_rank(), distributed.get_world_size())
                # Who leaves first takes down what the others still speak through: torch then ends
                # them with an abort.
                distributed.barrier()
            finally:
                distributed.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this one writes the files."""
        return self.rank == 0

    def runtime(self, runtime: Runtime) -> Runtime:
        """Return the runtime of this process: its own GPU."""
        if self.count == 1 or runtime.device != "cuda":
            return runtime
        return replace(runtime, device=f"cuda:{os.environ.get('LOCAL_RANK', self.rank)}")

    def divide(self, encoder: Encoder) -> Encoder:
        """Return an encoder that gives what `encoder` gives, each process taking its share of the
        rows."""
        return encoder if self.count == 1 else Divided(encoder, self)

    def add_up(self, encoder: nn.Module, goal: nn.Module) -> None:
        """Bring the gradients of all processes together after a backward pass.

        The encoder's belong to each one's rows and are added. The objective's are of the whole
        batch in each process; their mean takes the last rounding errors away, so that all processes
        take the same step.
        """
        if self.count == 1:
            return
        from torch import distributed

        whole = [p.grad for p in goal.parameters() if p.grad is not None]
        for gradient in whole:
            gradient /= self.count
        gradients = [p.grad for p in encoder.parameters() if p.grad is not None] + whole
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        sizes = [gradient.numel() for gradient in gradients]
        for gradient, summed in zip(gradients, torch.split(flat, sizes), strict=True):
            gradient.copy_(summed.view_as(gradient))


class Divided(Encoder):
    """An encoder of whose batches each process takes a share, and hands the result to all."""

    def __init__(self, encoder: Encoder, processes: Processes) -> None:
        nn.Module.__init__(self)
        self.whole, self.processes = encoder, processes
        self.config, self.channels, self.rate_hz = encoder.config, encoder.channels, encoder.rate_hz
        self.length, self.dimension = encoder.length, encoder.dimension
        self.shortest, self.tokens_in_time = encoder.shortest, encoder.tokens_in_time
        self.keeps_sensors_apart = encoder.keeps_sensors_apart

    @override
    def forward(self, batch: Batch) -> Embeddings:
        """Encode this process's rows and return all rows; a batch that does not divide repeats its
        last row."""
        rank, count = self.processes.rank, self.processes.count
        # Equal shares: all_gather takes tensors of one shape.
        share = -(-len(batch) // count)
        rows = torch.arange(rank * share, (rank + 1) * share, device=batch.values.device)
        mine = self.whole(batch.take(rows.clamp(max=len(batch) - 1)))
        return _FromAll(mine, self.processes, len(batch))


class _FromAll(Embeddings):
    """The embeddings of all processes; tokens are exchanged only if an objective asks for them."""

    def __init__(self, mine: Embeddings, processes: Processes, rows: int) -> None:
        self._mine, self._processes, self._rows = mine, processes, rows

    @cached_property
    @override
    def tokens(self) -> Tensor:  # type: ignore[override]
        """(B, L, D) of all rows."""
        return self._gather(self._mine.tokens)

    @cached_property
    @override
    def pooled(self) -> Tensor:  # type: ignore[override]
        """(B, D) of all rows."""
        return self._gather(self._mine.pooled)

    @cached_property
    @override
    def sensors(self) -> Tensor | None:  # type: ignore[override]
        """(B, S, D) of all rows, where the encoder keeps sensors apart."""
        return None if self._mine.sensors is None else self._gather(self._mine.sensors)

    def _gather(self, mine: Tensor) -> Tensor:
        # Not every backend knows bf16, which float32 holds exactly.
        gather: Any = _Gather.apply
        everything: Tensor = gather(mine.float(), self._processes)
        return everything[: self._rows].to(mine.dtype)


class _Gather(torch.autograd.Function):
    """(share, …) of each process -> (count·share, …) in all; backwards each process takes the
    gradient of its own rows."""

    @staticmethod
    @override
    def forward(ctx: Any, mine: Tensor, processes: Processes) -> Tensor:
        from torch import distributed

        # Every process computes the whole loss, so its own rows hold their full gradient.
        ctx.rows = slice(processes.rank * len(mine), (processes.rank + 1) * len(mine))
        parts = [torch.empty_like(mine) for _ in range(processes.count)]
        distributed.all_gather(parts, mine.contiguous())
        return torch.cat(parts)

    @staticmethod
    @override
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.rows], None


def _join(backend: str) -> None:
    """Meet the others: through a file where `launch` has started them, through torchrun's address
    where that has."""
    from torch import distributed

    for name, value in _stay_inside().items():
        os.environ.setdefault(name, value)
    meeting = os.environ.get(_MEETING)
    if meeting is None:
        distributed.init_process_group(backend)
        return
    rank, count = number_of("RANK", 0), number_of("WORLD_SIZE", 1)
    kinds: Any = distributed  # its stores are not in its list of exported names
    store = kinds.FileStore(meeting, count)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count)


def _stay_inside() -> dict[str, str]:
    """Return what makes processes speak through the loopback interface alone.

    gloo would listen at the address that this machine's name stands for, and torch's own meeting
    place at all of them.
    """
    interfaces = [name for _, name in socket.if_nameindex()]
    default = "lo0" if sys.platform == "darwin" else "lo"
    loopback = next((name for name in ("lo", "lo0") if name in interfaces), default)
    return {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback}


def is_launched() -> bool:
    """Whether this process was started as one of several.

    >>> is_launched()
    False
    """
    return number_of("WORLD_SIZE", 1) > 1


def is_first() -> bool:
    """Whether this process is alone, or the one of several that writes and speaks.

    >>> is_first()
    True
    """
    return number_of("RANK", 0) == 0


def launch(count: int, arguments: Sequence[str]) -> int:
    """Start `python -m otolith` with some arguments in `count` processes that know of each other,
    as torchrun does.

    They meet through a file in a private folder and speak through the loopback interface alone. The
    first one speaks. When one fails, the others are stopped. Returns the first exit code that is
    not 0.
    """
    group = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)} | _stay_inside()
    command = [sys.executable, "-m", "otolith", *arguments]
    running: list[subprocess.Popen[bytes]] = []
    # A folder that only its owner may enter: whoever could write there could join the group.
    with (
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory(prefix="otolith-meeting-") as meeting,
    ):
        group[_MEETING] = os.path.join(meeting, "store")
        for rank in range(count):
            environment = os.environ | group | {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            # All would write the same lines; the first one does.
            out, wrong = (subprocess.DEVNULL, errors) if rank else (None, None)
            running.append(subprocess.Popen(command, env=environment, stdout=out, stderr=wrong))
        try:
            code = _wait(running)
        finally:
            for process in running:
                if process.poll() is None:
                    process.terminate()
            for process in running:
                process.wait()
        if code and running[0].returncode <= 0:  # the first one said nothing of it itself
            errors.seek(0)
            sys.stderr.write(errors.read().decode(errors="replace"))
    return code


def _wait(running: Sequence[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [process.poll() for process in running]
        failed = next((code for code in codes if code), 0)
        if failed or None not in codes:
            return abs(failed)
        # Polled: waiting for one process would miss that another has failed.
        time.sleep(0.05)
