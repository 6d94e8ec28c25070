"""Independent pieces of work on several processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from otolith.errors import InterruptedRunError, OtolithWarning

Task = TypeVar("Task")


def run_all(work: Callable[[Task], Any], tasks: Sequence[Task], workers: int, threads: int = 1) -> Iterator[Any]:
    """Yield the result of every piece of work as it comes; an error or Ctrl-C stops the rest and is raised here.

    Workers are started fresh, not forked: threads of a forked torch deadlock. One worker works in this process.
    """
    if workers <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield work(task)
        return
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(tasks)), mp_context=context, initializer=_begin)
    try:
        for done in as_completed([pool.submit(work, task) for task in tasks]):
            yield done.result()
    except BrokenProcessPool as error:
        raise InterruptedRunError(
            "A worker process was ended from outside, most likely because memory ran out. What is finished stays; the "
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


def _begin() -> None:
    # Ctrl-C reaches every process of a terminal; the parent alone decides, and ends its workers in order.
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
