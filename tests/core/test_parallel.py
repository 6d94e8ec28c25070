"""Work on several processes: everything comes, in any order; an error or Ctrl-C ends all of it."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path

import pytest

from otolith.core.parallel import ATTEMPTS, Lost, run_all, tell


def test__run_all__one_worker__works_here_and_in_order() -> None:
    here: list[int] = []

    def work(task: int) -> int:
        here.append(os.getpid())
        return task * task

    assert list(run_all(work, [3, 1, 2], 1)) == [9, 1, 4]
    assert set(here) == {os.getpid()}


def test__run_all__one_worker__comes_as_it_is_made() -> None:
    done: list[int] = []
    results = run_all(lambda task: done.append(task) or task, [1, 2, 3], 1)
    assert next(results) == 1
    assert done == [1]


def test__run_all__two_workers__the_same_set_and_the_environment_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert sorted(run_all(math.factorial, [3, 4, 5, 6], 2)) == [6, 24, 120, 720]
    assert os.environ["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert sorted(run_all(os.getenv, ["OMP_NUM_THREADS"] * 2, 2, threads=3)) == ["3", "3"]
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("workers", [1, 2])
def test__run_all__an_error_in_one_piece__is_raised_here(workers: int) -> None:
    with pytest.raises(ValueError, match="factorial"):
        list(run_all(math.factorial, [3, -1, 5, 6], workers))


@pytest.mark.parametrize("workers", [1, 2])
def test__run_all__stopped_by_the_caller__ends(workers: int) -> None:
    results = run_all(math.factorial, [3, 4, 5], workers)
    next(results)
    results.close()
    assert list(results) == []


def test__run_all__nothing_to_do__is_nothing() -> None:
    assert list(run_all(math.factorial, [], 2)) == []


def said(task: int) -> int:
    for part in range(task):
        tell((task, part))
    return task


@pytest.mark.parametrize("workers", [1, 2])
def test__run_all__what_work_tells__is_heard_in_order_before_its_result(workers: int) -> None:
    heard: list[tuple[int, int]] = []
    for task in run_all(said, [3, 4, 5], workers, heard=heard.append):
        assert [part for of, part in heard if of == task] == list(range(task))
    assert len(heard) == 12
    tell("nobody listens any more")
    assert len(heard) == 12


def dies_once(task: tuple[str, int]) -> int:
    """Kill the own process in the first attempt at 2."""
    folder, number = task
    if number == 2 and not (mark := Path(folder) / "died").exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test__run_all__process_is_killed_once__is_replaced_and_the_result_is_complete(
    tmp_path: Path,
) -> None:
    tasks = [(str(tmp_path), number) for number in range(4)]
    assert sorted(run_all(dies_once, tasks, 2)) == [0, 1, 2, 3]  # type: ignore[type-var]
    assert (tmp_path / "died").exists()


def dies_always(task: tuple[str, int]) -> int:
    folder, number = task
    if number == 2:
        with (Path(folder) / "attempts").open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test__run_all__process_is_killed_every_time__is_lost_by_name_and_the_others_finish(
    tmp_path: Path,
) -> None:
    tasks = [(str(tmp_path), number) for number in range(4)]
    results = list(run_all(dies_always, tasks, 2))
    lost = [result for result in results if isinstance(result, Lost)]
    assert sorted(result for result in results if isinstance(result, int)) == [0, 1, 3]
    assert [one.task for one in lost] == [tasks[2]]
    assert "killed" in lost[0].reason and "--workers" in lost[0].reason
    assert (tmp_path / "attempts").read_text() == "x" * ATTEMPTS


def leaves(task: int) -> int:
    os._exit(7)


def test__run_all__process_leaves__says_its_exit_code() -> None:
    results = list(run_all(leaves, [1, 2], 2))
    assert {result.reason for result in results if isinstance(result, Lost)} == {
        "its process ended with exit code 7"
    }
