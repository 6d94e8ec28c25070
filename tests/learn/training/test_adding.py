"""Labelled windows of another study beside the few: by the label's name, in a recogniser, a
benchmark, a command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import toy_recording
from typer.testing import CliRunner

from otolith import Cut, Recogniser, Study, write_study
from otolith.cli.app import app
from otolith.core.errors import ChannelError, DataError, SplitError
from otolith.data.windows import Windows
from otolith.learn.training.adding import with_added
from otolith.learn.training.runtime import Runtime
from otolith.measure.benchmark import benchmark
from otolith.measure.few_shot import Fold, FoldRun
from otolith.measure.methods import Method
from otolith.measure.sides import added_windows

CPU = Runtime("cpu", "fp32", 1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three people who shake, walk and rest; cut otherwise than the toy study."""
    people = [toy_recording(f"q{i}", 8.0, labels=("walking", "shaking")) for i in range(2)]
    people += [toy_recording("q2", 8.0, labels=("resting",))]
    folder = tmp_path_factory.mktemp("other") / "other"
    return write_study(folder, people, name="other", cut=Cut(seconds=4.0, rate_hz=25.0))


@pytest.fixture
def added(other: Study, toy_study: Study) -> Windows:
    return added_windows(other, toy_study.cut)


def test__with_added__labels__keep_their_names_and_the_first_study_its_codes(
    added: Windows, toy_windows: Windows
) -> None:
    two = toy_windows[toy_windows.labels != "resting"].few(3)
    together = with_added(two, [added])
    assert together.classes == two.classes
    assert together.labels[: len(two)].tolist() == two.labels.tolist()
    fitting = added[added.labels != "resting"]
    assert together.labels[len(two) :].tolist() == fitting.labels.tolist()
    np.testing.assert_array_equal(together.values(slice(len(two), None)), fitting.values())
    assert set(np.bincount(together.part).tolist()) == {len(two), len(fitting)}


def test__with_added__nothing_in_common_or_other_channels__is_told(
    added: Windows, other: Study, toy_study: Study, toy_windows: Windows
) -> None:
    with pytest.raises(
        DataError, match=r"Study 'other' has none of the classes shaking, walking; it has resting"
    ):
        with_added(
            toy_windows[toy_windows.labels != "resting"],
            [added[added.labels == "resting"].few("all")],
        )
    one = other.windows(**toy_study.cut.to_json() | {"placements": ("left_wrist",)})
    with pytest.raises(ChannelError, match="right_wrist"):
        with_added(toy_windows, [one])


def test__recogniser__with_added_windows__knows_whose_they_are(
    added: Windows, toy_windows: Windows
) -> None:
    few = toy_windows.few(2)
    fitted = Recogniser(
        "tpn", "linear", steps=20, epochs=1, device="cpu", precision="fp32", threads=1
    )
    plain = fitted.fit(few).predict_proba(toy_windows)
    more = fitted.fit(few, add=[added]).predict_proba(toy_windows)
    assert fitted.record_["adaptation"]["added"] == {"other": len(added)}
    assert fitted.chain_.rate_hz == 50.0 and not np.allclose(plain, more)


@pytest.mark.parametrize("head", ["linear", "logistic", "forest"])
def test__benchmark__method_that_adds__is_measured(
    other: Study, toy_study: Study, tmp_path: Path, head: str
) -> None:
    settings = {"adapt": {"steps": 5, "epochs": 1}, "mode": "frozen"}
    both = [
        Method("alone", head=head, **settings),
        Method("more", head=head, add=(str(other.folder),), **settings),
    ]
    report = benchmark(
        [toy_study], methods=both, shots=[1], folds=2, draws=1, out=tmp_path / "out", runtime=CPU
    )
    assert {row["method"] for row in report.rows} == {"alone", "more"}
    again = benchmark(
        [toy_study], methods=both, shots=[1], folds=2, draws=1, out=tmp_path / "out", runtime=CPU
    )
    assert [row["macro_f1"] for row in again.rows] == [row["macro_f1"] for row in report.rows]


def test__benchmark__virtual_sensors_of_a_tested_person__are_left_out_and_told(
    toy_study: Study, tmp_path: Path
) -> None:
    virtual = write_study(
        tmp_path / "virtual",
        [toy_recording(f"p{i}", 8.0, id=f"virtual-{i}") for i in range(6)],
        name="virtual",
        cut=toy_study.cut,
    )
    adds = Method("more", head="logistic", encoder="features", add=(str(virtual.folder),))
    sees = Method("sees", "simclr", pretrain_on=(str(virtual.folder),))
    for method in (adds, sees):
        fold = Fold(
            str(toy_study.folder),
            toy_study.cut.to_json(),
            "error",
            method,
            0,
            ("p1", "p4"),
            (1,),
            1,
            0,
            CPU,
            str(tmp_path / "out"),
        )
        run = FoldRun(fold)
        (windows,) = run.added or run.others
        assert windows.subjects == ["p0", "p2", "p3", "p5"]
        assert run.left_out == [
            f"toy, {method.name}: p1, p4, tested here, also stands in 'virtual': left out there"
        ]
    report = benchmark(
        [toy_study], methods=[adds], shots=[1], folds=3, draws=1, out=tmp_path / "out", runtime=CPU
    )
    assert sum("also stands in 'virtual'" in note for note in report.notes) == 3


def test__benchmark__added_study_of_the_tested_people__is_refused(
    toy_study: Study, tmp_path: Path
) -> None:
    own = Method("cheat", add=(str(toy_study.folder),))
    with pytest.raises(SplitError, match="cannot be trained on whole"):
        benchmark(
            [toy_study],
            methods=[own],
            shots=[1],
            folds=2,
            draws=1,
            out=tmp_path / "out",
            runtime=CPU,
        )


def test__otolith_adapt__add__says_how_many(other: Study, toy_study: Study, tmp_path: Path) -> None:
    out = tmp_path / "recogniser"
    command = [
        "adapt",
        "tpn",
        str(toy_study.folder),
        "--add",
        str(other.folder),
        "--shots",
        "2",
        "--head",
        "linear",
    ]
    told = CliRunner().invoke(
        app, [*command, "--out", str(out), "--threads", "1", "--device", "cpu"]
    )
    assert told.exit_code == 0, told.output
    assert " of other, 3 classes" in told.output
    assert Recogniser.load(out).record_["adaptation"]["added"]["other"] > 0
