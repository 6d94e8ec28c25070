"""The benchmark from study to report: resumable, repeatable, the same on one worker as on two."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import toy_recording, write_toy_study

from otolith import Cut, Study, write_study
from otolith.core.errors import (
    ConfigError,
    DataError,
    InterruptedRunError,
    OtolithWarning,
    SplitError,
)
from otolith.learn.training.runtime import Runtime
from otolith.measure.benchmark import _work, benchmark
from otolith.measure.few_shot import Fold, FoldRun
from otolith.measure.report import Report
from otolith.show.report_page import save_with_page

ONE_THREAD = Runtime("cpu", "fp32", 1)
QUICK = {
    "small": {
        "objective": "pim",
        "encoder_settings": {"filters": [4, 4, 4]},
        "pretrain": {"epochs": 2},
        "adapt": {"steps": 5, "epochs": 1},
    }
}
CHOICES: dict[str, Any] = {
    "save": save_with_page,
    "methods": ["small", "logistic"],
    "shots": [1, 2, "all"],
    "folds": 2,
    "draws": 2,
    "runtime": ONE_THREAD,
    "method": QUICK,
}
CELLS = 2 * 2 * (2 + 2 + 1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Four people, four seconds of each activity."""
    return write_toy_study(tmp_path_factory.mktemp("small") / "study", people=4, seconds_each=4.0)


@pytest.fixture(scope="module")
def finished(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run from start to end."""
    out = tmp_path_factory.mktemp("finished") / "out"
    benchmark([study], **CHOICES, out=out)
    return out


def rows_of(out: Path) -> list[dict[str, Any]]:
    """The rows, without the one number that differs from run to run."""
    rows = json.loads((out / "results.json").read_text())["rows"]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def stamps(out: Path) -> dict[str, int]:
    return {
        str(path.relative_to(out)): path.stat().st_mtime_ns
        for path in out.glob("*s/**/*")
        if path.is_file()
    }


def test__run__two_methods__fills_every_cell_and_writes_every_file(
    finished: Path, study: Study
) -> None:
    rows = rows_of(finished)
    assert len(rows) == CELLS
    assert len({(r["method"], r["shots"], r["fold"], r["draw"]) for r in rows}) == CELLS
    assert {"results.json", "results.csv", "people.csv", "report.html"} <= {
        path.name for path in finished.iterdir()
    }
    report = Report.load(finished)
    assert report.missing() == []
    assert {line["method"] for line in report.summary} == {"small", "logistic"}
    assert {(row["fold"], row["epoch"]) for row in report.losses} == {
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    }
    assert len(report.embedding) == 1
    assert len(report.embedding[0]["x"]) == len(report.embedding[0]["label"])
    assert report.studies[0]["hash"] == study.hash
    assert all(
        0 <= row[score] <= 1
        for row in rows
        for score in ("macro_f1", "accuracy", "balanced_accuracy")
    )


def test__run__every_row__has_nobody_on_both_sides(finished: Path) -> None:
    rows = rows_of(finished)
    for row in rows:
        assert not set(row["train_subjects"]) & set(row["test_subjects"])
        assert sorted(row["train_subjects"] + row["test_subjects"]) == ["p0", "p1", "p2", "p3"]
        assert sorted(row["per_subject"]) == row["test_subjects"]
        assert sum(person["windows"] for person in row["per_subject"].values()) == sum(
            map(sum, row["confusion"])
        )
    tested = [
        tuple(row["test_subjects"])
        for row in rows
        if row["method"] == "logistic" and row["shots"] == "all"
    ]
    assert sorted(person for people in tested for person in people) == ["p0", "p1", "p2", "p3"]


def test__run__methods__are_asked_the_same_question(finished: Path) -> None:
    by_cell: dict[Any, set[str]] = {}
    for row in rows_of(finished):
        question = json.dumps([row["train_subjects"], row["test_subjects"], row["train_windows"]])
        by_cell.setdefault((row["shots"], row["fold"], row["draw"]), set()).add(question)
    assert {len(questions) for questions in by_cell.values()} == {1}


def test__again__makes_no_cell_and_gives_the_same_rows(finished: Path, study: Study) -> None:
    before, rows = stamps(finished), json.loads((finished / "results.json").read_text())["rows"]
    assert (
        len([name for name in before if name.startswith("cells/") and "picture" not in name])
        == CELLS
    )
    benchmark([study], **CHOICES, out=finished)
    assert stamps(finished) == before
    assert json.loads((finished / "results.json").read_text())["rows"] == rows


def test__again__elsewhere_with_the_same_seed__same_rows_bit_for_bit(
    finished: Path, study: Study, tmp_path: Path
) -> None:
    benchmark([study], **CHOICES, out=tmp_path)
    assert rows_of(tmp_path) == rows_of(finished)


def test__two_workers__give_what_one_gives(finished: Path, study: Study, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    choices = CHOICES | {"methods": ["small"], "shots": [2], "draws": 1}
    benchmark([study], **choices, out=tmp_path, workers=2, progress=lambda *step: seen.append(step))
    wanted = [
        r for r in rows_of(finished) if (r["method"], r["shots"], r["draw"]) == ("small", 2, 0)
    ]
    assert rows_of(tmp_path) == wanted
    counts = [done for done, cells, _ in seen if cells == 2]
    assert len(counts) == len(seen) and sorted(counts) == counts and set(counts) == {0, 1, 2}
    assert any("small, seed 0, fold 1 pretrains, epoch 1 of at most" in what for _, _, what in seen)


def test__progress__counts_cells_not_folds_and_what_was_there_at_once(
    study: Study, tmp_path: Path
) -> None:
    counts: list[tuple[int, int]] = []
    choices = CHOICES | {"methods": ["logistic"]}

    def run(shots: list[int]) -> list[int]:
        counts.clear()
        more = {"progress": lambda done, cells, _: counts.append((done, cells))}
        benchmark([study], **choices | {"shots": shots} | more, out=tmp_path)
        assert (
            len({cells for _, cells in counts}) == 1
            and counts[0][0] == 0
            and counts[-1][0] == counts[-1][1]
        )
        return [b - a for (a, _), (b, _) in itertools.pairwise(counts) if b != a]

    first = run([1])
    assert set(first) == {1} and len(first) == counts[-1][1] == 4
    assert sorted(run([1, 2])) == [1] * 4 + [2] * 2


def test__more_shots__only_the_new_cells_are_made(study: Study, tmp_path: Path) -> None:
    choices = CHOICES | {"methods": ["logistic"]}
    benchmark([study], **choices | {"shots": [1]}, out=tmp_path)
    before = stamps(tmp_path)
    benchmark([study], **choices | {"shots": [1, 2]}, out=tmp_path)
    assert before.items() <= stamps(tmp_path).items()
    assert len(rows_of(tmp_path)) == 8


def test__another_seed__is_another_split_or_draw(
    finished: Path, study: Study, tmp_path: Path
) -> None:
    benchmark([study], **CHOICES | {"methods": ["logistic"]}, out=tmp_path, seed=1)
    assert rows_of(tmp_path) != [row for row in rows_of(finished) if row["method"] == "logistic"]


def test__seeds__repeat_everything_on_the_same_folds(
    finished: Path, study: Study, tmp_path: Path
) -> None:
    choices = CHOICES | {"shots": [2], "draws": 1}
    report = benchmark([study], **choices, out=tmp_path, seeds=2)
    first, second = ([r for r in rows_of(tmp_path) if r["seed"] == seed] for seed in (0, 1))
    wanted = [r for r in rows_of(finished) if (r["shots"], r["draw"]) == (2, 0)]
    assert first == wanted and len(second) == len(first)
    assert [r["test_subjects"] for r in second] == [r["test_subjects"] for r in first]
    assert [r["macro_f1"] for r in second] != [r["macro_f1"] for r in first]
    assert report.missing() == [] and report.planned["seeds"] == [2]
    assert {line["seeds"] for line in report.summary} == {2} and {
        line["people"] for line in report.summary
    } == {4}
    assert {(row["seed"], row["fold"]) for row in report.losses} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert "fold 1, seed 1" in (tmp_path / "report.html").read_text()
    assert len(report.embedding) == 1
    with pytest.raises(ConfigError, match="'seeds' should be greater than or equal to 1"):
        benchmark([study], **choices, out=tmp_path, seeds=0)


def test__interrupted__what_is_finished_is_reported_and_the_same_call_goes_on(
    finished: Path, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, calls = FoldRun.run, []

    def stopped(run: FoldRun, shots: Any, draw: int) -> dict[str, Any]:
        calls.append(draw)
        if len(calls) == 8:  # in the second fold of the first method
            raise KeyboardInterrupt
        return original(run, shots, draw)

    with (
        monkeypatch.context() as patch,
        pytest.raises(InterruptedRunError, match="7 of 20 cells are finished"),
    ):
        patch.setattr(FoldRun, "run", stopped)
        benchmark([study], **CHOICES, out=tmp_path)
    kept = rows_of(tmp_path)
    assert len(kept) == 7
    assert all(row in rows_of(finished) for row in kept)
    assert "This run is not finished" in (tmp_path / "report.html").read_text()
    before = stamps(tmp_path)
    benchmark([study], **CHOICES, out=tmp_path)
    assert before.items() <= stamps(tmp_path).items()
    assert rows_of(tmp_path) == rows_of(finished)


def test__killed__the_same_call_goes_on_and_ends_the_same(
    finished: Path, study: Study, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import json, sys\n"
        "from otolith import Study\n"
        "from otolith.measure.benchmark import benchmark\n"
        "from otolith.learn.training.runtime import Runtime\n"
        "choices = json.loads(sys.argv[3]) | {'runtime': Runtime('cpu', 'fp32', 1)}\n"
        "benchmark([Study.load(sys.argv[1])], **choices, out=sys.argv[2])\n"
    )
    out = tmp_path / "out"
    plain = {key: value for key, value in CHOICES.items() if key not in ("runtime", "save")}
    choices = json.dumps(plain)
    run = subprocess.Popen([sys.executable, str(script), str(study.folder), str(out), choices])
    while run.poll() is None and len(list(out.glob("cells/*.json"))) < 3:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not (out / "results.json").exists()
    for path in out.glob("cells/*.json"):
        json.loads(path.read_text())  # whole, as everything under a final name
    before = stamps(out)
    benchmark([study], **CHOICES, out=out)
    assert {name: at for name, at in before.items() if not name.endswith(".tmp")}.items() <= stamps(
        out
    ).items()
    assert rows_of(out) == rows_of(finished)


def test__fewer_people_than_folds__a_fold_a_person_and_a_note(study: Study, tmp_path: Path) -> None:
    report = benchmark(
        [study], **CHOICES | {"methods": ["logistic"], "shots": ["all"], "folds": 9}, out=tmp_path
    )
    assert report.notes == ["toy: 4 folds, one a person, instead of 9"]
    assert len(report.rows) == 4


def test__one_person__no_fold_is_possible_and_nothing_is_written(tmp_path: Path) -> None:
    alone = write_toy_study(tmp_path / "study", people=1, seconds_each=4.0)
    with pytest.raises(SplitError, match=r"1 person \(p0\), so nobody is left to test on"):
        benchmark([alone], **CHOICES, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test__one_class__there_is_nothing_to_tell_apart(tmp_path: Path) -> None:
    made = [toy_recording(f"p{i}", seconds_each=4.0, labels=("walking",)) for i in range(3)]
    study = write_study(tmp_path / "study", made, name="one", cut=Cut(2.0, 50.0))
    with pytest.raises(ConfigError, match=r"'one' has one class or none \(walking\)"):
        benchmark([study], **CHOICES, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"draws": 0}, "'draws' should be greater than or equal to 1"),
        ({"shots": [0]}, r"'shots\[0\]' should be greater than or equal to 1 or 'all'; given 0"),
        ({"shots": ["some"]}, "a whole number or 'all'; given 'some'"),
        ({"methods": ["logistic", "logistic"]}, "two of method 'logistic'"),
        ({"methods": ["forrest"]}, "Did you mean 'forest'"),
    ],
)
def test__senseless_request__says_what_to_ask_for(
    change: Any, said: str, study: Study, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        benchmark([study], **CHOICES | change, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test__same_study_twice__is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two of study 'toy'"):
        benchmark([study, study], **CHOICES, out=tmp_path / "out")


def test__two_studies__each_has_its_own_people_and_rows(study: Study, tmp_path: Path) -> None:
    made = [toy_recording(f"q{i}", seconds_each=4.0) for i in range(3)]
    other = write_study(tmp_path / "study", made, name="other", cut=Cut(2.0, 50.0))
    report = benchmark(
        [study, other],
        **CHOICES | {"methods": ["logistic"], "shots": ["all"]},
        out=tmp_path / "out",
    )
    # Both folders are called "study": what tells them apart is the whole path.
    assert [(row["study"], row["fold"]) for row in report.rows] == [
        ("toy", 0),
        ("toy", 1),
        ("other", 0),
        ("other", 1),
    ]
    assert {
        person for row in report.rows if row["study"] == "other" for person in row["train_subjects"]
    } <= {
        "q0",
        "q1",
        "q2",
    }


def test__disk_full__at_a_cell__leaves_no_half_cell_and_the_same_call_goes_on(
    finished: Path, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from otolith.core import files

    choices = CHOICES | {"methods": ["logistic"]}
    original, calls = files.os.fsync, []

    def full(handle: int) -> None:
        calls.extend([handle] * stat.S_ISREG(files.os.fstat(handle).st_mode))
        if len(calls) == 7:  # what makes the folder ours twice, and four cells
            raise OSError(28, "No space left on device")
        original(handle)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(files.os, "fsync", full)
        benchmark([study], **choices, out=tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 4
    benchmark([study], **choices, out=tmp_path)
    assert rows_of(tmp_path) == [row for row in rows_of(finished) if row["method"] == "logistic"]


def test__benchmark__by_the_authors_lists__who_stands_on_both_sides_is_only_tested(
    tmp_path: Path,
) -> None:
    made = []
    for number, part in enumerate(("train", "train", "test", "")):
        recording = toy_recording(
            f"p{number % 2}", seconds_each=4.0 + 0.1 * number, id=f"take{number}"
        )
        made.append(replace(recording, facts={"split": part} if part else {}))
    study = write_study(tmp_path / "listed", made, name="listed", cut=Cut(2.0, 50.0))
    choices = CHOICES | {"methods": ["logistic"], "shots": [2], "draws": 1}
    report = benchmark([study], **choices, split="official", out=tmp_path / "out")
    row = report.rows[0]
    assert len(report.rows) == 1 and report.folds == {"listed": [["p0"]]}
    assert (row["train_subjects"], row["test_subjects"]) == (["p1"], ["p0"])
    assert any(
        "1 people stand on both sides of the authors' lists" in note for note in report.notes
    )
    assert "listed: one fold, by its authors' lists of recordings (official)" in report.notes


def test__benchmark__modality_fraction__reaches_the_methods_that_have_modalities(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        "otolith.measure.benchmark.run_all",
        lambda work, tasks, *_: seen.extend(task.method for task in tasks) or [],
    )
    own = {"told": {"objective": "primus", "objective_settings": {"modality_fraction": 0.5}}}
    choices = CHOICES | {"methods": ["primus", "told", "pim", "scratch"], "method": own}
    benchmark([study], **choices, modality_fraction=0.1, out=tmp_path)
    shares = {method.name: method.objective_settings.get("modality_fraction") for method in seen}
    assert shares == {"primus": 0.1, "told": 0.5, "pim": None, "scratch": None}
    with pytest.raises(ConfigError, match="modality_fraction"):
        benchmark([study], **choices, modality_fraction=1.5, out=tmp_path)


@pytest.mark.parametrize("damage", [b"", b'{"method": "logistic"}', b"[]", b"\xff", "flip"])
def test__cell__is_damaged__is_made_again(
    finished: Path, study: Study, tmp_path: Path, damage: bytes | str
) -> None:
    choices = CHOICES | {"methods": ["logistic"]}
    benchmark([study], **choices, out=tmp_path)
    path = sorted((tmp_path / "cells").iterdir())[0]
    whole = path.read_text()
    path.write_bytes(
        whole.replace('"shots": ', '"shots": 1').encode() if damage == "flip" else damage
    )  # type: ignore[arg-type]
    with pytest.warns(OtolithWarning, match="is damaged; it is made again"):
        benchmark([study], **choices, out=tmp_path)
    assert rows_of(tmp_path) == [row for row in rows_of(finished) if row["method"] == "logistic"]


@pytest.mark.parametrize("name", ["results.csv", "notes.txt", "cells/x.txt"])
def test__benchmark__into_a_folder_of_other_files__is_refused_and_all_stay(
    study: Study, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    (tmp_path / "other").write_text("mine")
    with pytest.raises(DataError, match="did not write"):
        benchmark([study], **CHOICES | {"methods": ["logistic"]}, out=tmp_path)
    assert (tmp_path / name).read_text() == "mine" and not (tmp_path / "results.json").exists()


def _dies_in_fold_1(fold: Fold) -> dict[str, Any]:
    if fold.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return _work(fold)


def test__benchmark__process_of_a_fold_dies__is_a_failed_row_and_the_others_finish(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otolith.measure.benchmark._work", _dies_in_fold_1)
    choices = CHOICES | {"methods": ["logistic"], "workers": 2}
    with pytest.raises(InterruptedRunError, match=r"1 of \d+ folds failed.*tries them again"):
        benchmark([study], **choices, out=tmp_path)
    report = Report.load(tmp_path)
    (failed,) = report.failed
    assert (failed["study"], failed["method"], failed["fold"]) == (study.name, "logistic", 1)
    assert "killed" in failed["failed"]
    assert any("fold 2: failed in 3 attempts" in note for note in report.notes)
    assert {row["fold"] for row in report.rows} == set(range(len(report.folds[study.name]))) - {1}
    monkeypatch.undo()
    assert not benchmark([study], **choices, out=tmp_path).failed
