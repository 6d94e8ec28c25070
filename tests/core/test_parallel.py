"""Work on several processes: everything comes, in any order; an error or Ctrl-C ends all of it."""

from __future__ import annotations

import math
import os

import pytest

from otolith.core.parallel import run_all, tell


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
