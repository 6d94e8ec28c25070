"""Independent pieces of work on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from otolith.core.errors import InterruptedRunError, OtolithWarning

Task = TypeVar("Task")
_LISTEN_S = 0.25
_say: Callable[[Any], None] = lambda message: None  # noqa: E731  # what `tell` does in this process


def tell(message: Any) -> None:
    """Say something from within a piece of work, while it lasts, to whoever called `run_all`."""
    _say(message)


def run_all(
    work: Callable[[Task], Any],
    tasks: Sequence[Task],
    workers: int,
    threads: int = 1,
    heard: Callable[[Any], None] = lambda message: None,
) -> Iterator[Any]:
    """Yield the result of every piece of work as it comes; an error or Ctrl-C stops the rest and is
    raised here.

    `heard(message)` is called in this process, in this thread, with whatever a piece of work tells
    (`tell`). Workers are started fresh, not forked: threads of a forked torch deadlock. One worker
    works in this process.
    """
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            with _saying(heard):
                result = work(task)
            yield result
        return
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    context = multiprocessing.get_context("spawn")
    messages = context.SimpleQueue()
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=context, initializer=_begin, initargs=(messages.put,)
    )
    try:
        waiting: set[Future[Any]] = {pool.submit(work, task) for task in tasks}
        while waiting:
            done, waiting = wait(waiting, _LISTEN_S, FIRST_COMPLETED)
            while not messages.empty():
                heard(messages.get())
            for one in done:
                yield one.result()
    except BrokenProcessPool as error:
        raise InterruptedRunError(
            "A worker process was ended from outside, most likely because memory ran out. What is "
            "finished stays; the "
            "same call goes on from there, and fewer workers need less memory (--workers 1)."
        ) from error
    except BaseException:
        for process in list(getattr(pool, "_processes", {}).values()):
            process.terminate()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before


@contextmanager
def _saying(heard: Callable[[Any], None]) -> Iterator[None]:
    global _say
    before, _say = _say, heard
    try:
        yield
    finally:
        _say = before


def _begin(say: Callable[[Any], None]) -> None:
    global _say
    _say = say
    # Ctrl-C reaches every process of a terminal; the parent alone decides, and ends its workers in
    # order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Each worker would say the same; what is worth knowing comes back with the results.
    warnings.simplefilter("ignore", OtolithWarning)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that was killed cannot end its workers; they would go on computing for nobody.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
