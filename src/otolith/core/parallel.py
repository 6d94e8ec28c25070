"""Independent pieces of work on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, TypeVar

from otolith.core.environment import variable
from otolith.core.errors import OtolithWarning

Task = TypeVar("Task")
Result = TypeVar("Result")
ATTEMPTS = 3
"""How often a piece of work is tried whose process dies: memory that ran out may be free again."""
_say: Callable[[object], None] = lambda message: None  # noqa: E731  # what `tell` does in this process


@dataclass(frozen=True)
class Lost(Generic[Task]):
    """A piece of work without a result: its process died in every attempt."""

    task: Task
    reason: str


def tell(message: object) -> None:
    """Send a message from within a piece of work to the caller of `run_all`.

    >>> list(run_all(tell, ["begun"], workers=1, heard=print))
    begun
    [None]
    """
    _say(message)


def run_all(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int,
    threads: int = 1,
    heard: Callable[[Any], None] = lambda message: None,
) -> Iterator[Result | Lost[Task]]:
    """Yield the result of every piece of work as it comes.

    A process that dies (kill -9, no memory left) is replaced and its piece of work tried again;
    after `ATTEMPTS` deaths it is yielded as `Lost` and the others go on. An error that `work`
    raises, and Ctrl-C, stop all of them and are raised here. `heard(message)` is called in this
    process, in this thread, for every `tell`. One worker works in this process.

    >>> list(run_all(abs, [-1, 2], workers=1))
    [1, 2]
    """
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            with _saying(heard):
                result = work(task)
            yield result
        return
    with variable("OMP_NUM_THREADS", str(threads)), _Pool(work, tasks, workers) as pool:
        while pool.busy:
            for worker in pool.ready():
                kind, content = worker.read()
                if kind == "told":
                    heard(content)
                elif kind == "raised":
                    raise content
                elif kind == "done":
                    pool.take(worker)
                    yield content
                elif lost := pool.replace(worker, cause=content):
                    yield lost


class _Worker:
    """A process that works on one task after the other.

    Each has a pipe of its own: a queue that all share stays locked when a process dies in it.
    """

    def __init__(self, work: Callable[[Any], object]) -> None:
        # Started fresh, not forked: threads of a forked torch deadlock.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, work))
        self.process.start()
        theirs.close()  # so that the pipe ends when the process does

    def read(self) -> tuple[Literal["told", "done", "raised", "died"], Any]:
        """Return what the process says; of a dead one, what it died of."""
        try:
            kind, content = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()  # its exit code is known a moment after its pipe has ended
            return "died", _cause(self.process.exitcode or 0)
        return kind, content


class _Pool:
    """Workers that are busy, idle ones, and the tasks that wait."""

    def __init__(
        self, work: Callable[[Any], object], tasks: Sequence[object], workers: int
    ) -> None:
        self._work, self._workers = work, workers
        self._waiting = deque((task, 1) for task in tasks)
        self._idle: list[_Worker] = []
        self.busy: dict[_Worker, tuple[Any, int]] = {}
        """Worker -> its task, and which attempt at it this is."""

    def __enter__(self) -> _Pool:
        self._give()
        return self

    def __exit__(self, *raised: object) -> None:
        # An idle worker ends when its pipe does; a busy one would first finish its task.
        for worker in self.busy:
            worker.process.terminate()
        for worker in (*self.busy, *self._idle):
            worker.pipe.close()
            worker.process.join()

    def ready(self) -> list[_Worker]:
        """Wait until a busy worker has something to read, and return all that have."""
        pipes = wait([worker.pipe for worker in self.busy])
        return [worker for worker in self.busy if worker.pipe in pipes]

    def take(self, worker: _Worker) -> None:
        """Take a worker back that is done, and give it the next task."""
        del self.busy[worker]
        self._idle.append(worker)
        self._give()

    def replace(self, worker: _Worker, cause: str) -> Lost[Any] | None:
        """Replace a worker that died; its task waits again, or is returned as lost."""
        task, attempt = self.busy.pop(worker)
        worker.pipe.close()
        again = attempt < ATTEMPTS
        if again:  # last in line: until then others may have given back the memory
            self._waiting.append((task, attempt + 1))
        self._give()
        return None if again else Lost(task, cause)

    def _give(self) -> None:
        while self._waiting and len(self.busy) < self._workers:
            task, attempt = self._waiting.popleft()
            worker = self._idle.pop() if self._idle else _Worker(self._work)
            self.busy[worker] = task, attempt
            with suppress(OSError):  # it died while it was idle: reading from it says so
                worker.pipe.send(task)


def _cause(exitcode: int) -> str:
    if exitcode >= 0:
        return f"its process ended with exit code {exitcode}"
    if -exitcode == signal.SIGKILL:
        return "its process was killed, most likely because memory ran out: try fewer --workers"
    return f"its process was ended by signal {-exitcode}"


def _serve(pipe: Connection[Any, Any], work: Callable[[Any], object]) -> None:
    global _say
    _say = lambda message: pipe.send(("told", message))  # noqa: E731
    # Ctrl-C reaches every process of a terminal; the parent alone decides, and ends its workers in
    # order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Each worker would say the same; what is worth knowing comes back with the results.
    warnings.simplefilter("ignore", OtolithWarning)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError):  # the parent has closed the pipe: nothing is left to do
        while True:
            pipe.send(_answer(work, pipe.recv()))


def _answer(work: Callable[[Any], object], task: object) -> tuple[str, object]:
    try:
        return "done", work(task)
    except Exception as error:
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        return "raised", error


def _end_with_parent() -> None:
    # A parent that was killed cannot end its workers; they would go on computing for nobody.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _saying(heard: Callable[[Any], None]) -> Iterator[None]:
    global _say
    before, _say = _say, heard
    try:
        yield
    finally:
        _say = before
