"""Whom a model was trained on: told by person and by content, in whatever study and under whatever
name they come."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_recording

from otolith import Study, write_study
from otolith.core.errors import OtolithWarning, SplitError
from otolith.data.windows import Cut, Windows
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.seen import check_unseen, seen_people, training_facts, unseen_people
from otolith.measure.methods import Method
from otolith.measure.sides import sides_of
from otolith.use.recogniser import Recogniser

CUT = Cut(seconds=2.0, rate_hz=50.0)


def study_of(folder: Path, name: str, called: dict[str, str]) -> Study:
    """Recordings of toy people (the values) under other names (the keys)."""
    recordings = [
        dataclasses.replace(toy_recording(who), id=f"{called_so}-{name}", subject=called_so)
        for called_so, who in called.items()
    ]
    return write_study(folder, recordings, name=name, cut=CUT)


def fitted(windows: Windows) -> Recogniser:
    return Recogniser("features", "logistic", device="cpu", threads=1).fit(windows)


def test__score__people_never_seen__says_nothing(toy_windows: Windows) -> None:
    recogniser = fitted(toy_windows.without(["p4", "p5"]).few(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert recogniser.score(toy_windows.of(["p4", "p5"])) > 0.9
        recogniser.predict(toy_windows.of(["p4", "p5"]))


def test__score__other_windows_of_a_person__warns_and_still_scores(toy_windows: Windows) -> None:
    own = toy_windows.of(["p0"])
    recogniser = fitted(own[::2])
    with pytest.warns(
        OtolithWarning,
        match=r"trained on people who are tested here: p0 by the very same recordings",
    ):
        assert recogniser.score(own[1::2]) > 0.9
    with pytest.warns(OtolithWarning, match="Other windows of the same person are no test either"):
        recogniser.predict(own[1::2])
    recogniser.predict(own[1::2].hide_labels())  # recognising, not testing


def test__score__the_same_recordings_under_other_names__are_known_by_content(
    tmp_path: Path,
) -> None:
    here = study_of(tmp_path / "a", "first", {"anna": "p0", "bert": "p1", "carl": "p2"})
    there = study_of(tmp_path / "b", "second", {"x1": "p1", "x9": "p5"})
    recogniser = fitted(here.windows())
    recogniser.save(tmp_path / "kept")
    for model in (recogniser, Recogniser.load(tmp_path / "kept")):
        seen = seen_people(model.record_, there.windows())
        assert (seen.by_content, seen.by_name, seen.namesakes) == (["x1"], [], [])
        with pytest.warns(OtolithWarning, match="x1 by the very same recordings"):
            model.score(there.windows())
        model.score(there.windows().of(["x9"]))


def test__seen_people__same_name_other_recordings__is_told_by_name_and_as_a_namesake(
    tmp_path: Path,
) -> None:
    recogniser = fitted(study_of(tmp_path / "a", "first", {"anna": "p0", "bert": "p1"}).windows())
    again = study_of(tmp_path / "b", "first", {"anna": "p4", "dora": "p5"}).windows()
    other = study_of(tmp_path / "c", "third", {"anna": "p4", "dora": "p5"}).windows()
    assert seen_people(recogniser.record_, again).by_name == ["anna"]
    seen = seen_people(recogniser.record_, other)
    assert (seen.surely, seen.namesakes) == ([], ["anna"])
    assert "if they are the same people" in next(iter(seen.sentences("It")))


def test__score__people_of_the_pretraining_alone__are_told_too(toy_windows: Windows) -> None:
    encoder = PretrainedEncoder.fresh(toy_windows.without(["p5"]), "tpn")
    few = toy_windows.of(["p0", "p1"]).few(2)
    recogniser = Recogniser(
        encoder, "linear", mode="frozen", steps=2, epochs=1, device="cpu", threads=1
    ).fit(few)
    with pytest.warns(OtolithWarning, match="p3 by the very same recordings"):
        recogniser.score(toy_windows.of(["p3"]))
    recogniser.score(toy_windows.of(["p5"]))


def test__score__people_of_an_added_study__are_told_too(
    tmp_path: Path, toy_windows: Windows
) -> None:
    added = study_of(tmp_path / "a", "more", {"zoe": "p3"}).windows()
    few = toy_windows.of(["p0", "p1"]).few(2)
    recogniser = Recogniser("features", "logistic", device="cpu", threads=1).fit(few, add=[added])
    with pytest.warns(OtolithWarning, match="zoe by the very same recordings"):
        recogniser.score(added)
    seen = seen_people(recogniser.record_, dataclasses.replace(added, contents={}))
    assert seen.by_name == ["zoe"]
    assert seen_people(
        recogniser.record_, dataclasses.replace(toy_windows, contents={})
    ).by_name == ["p0", "p1"]


def test__score__arrays__are_told_where_they_name_their_people() -> None:
    rng = np.random.default_rng(0)
    names = ["waist.acc.x", "waist.acc.y", "waist.acc.z"]
    values, labels = rng.normal(size=(12, 3, 50)).astype(np.float32), ["a", "b"] * 6
    told = Windows.from_array(
        values, labels, rate_hz=50, channels=names, subject=["x"] * 6 + ["y"] * 6
    )
    untold = Windows.from_array(values, labels, rate_hz=50, channels=names)
    with pytest.warns(OtolithWarning, match="x by name and study"):
        fitted(told.of(["x"])[:4]).score(told.of(["x"])[4:])
    fitted(told.of(["x"])).score(told.of(["y"]))
    fitted(untold[:8]).score(untold[8:])


def test__seen_people__a_record_of_an_older_version__goes_by_its_names(
    toy_windows: Windows,
) -> None:
    old: dict[str, Any] = {"subjects": ["p1", "p2"], "studies": {"toy": "0123"}}
    assert seen_people(old, toy_windows).by_name == ["p1", "p2"]
    both = {"subjects": ["mex/9", "toy/p4"], "studies": {"toy + mex": "0123"}}
    assert seen_people(both, toy_windows).by_name == ["p4"]
    assert seen_people({}, toy_windows).surely == []


def test__check_unseen__refuses_a_person_by_content_and_lets_strangers_pass(
    toy_windows: Windows,
) -> None:
    record = training_facts(toy_windows.of(["p0", "p1"]))
    with pytest.raises(SplitError, match="It was trained on people who are tested here: p1 by the"):
        check_unseen(record, toy_windows.of(["p1", "p2"]), "It", refuse=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check_unseen(record, toy_windows.of(["p2"]), "It", refuse=True).surely == []


def test__unseen_people__are_those_left_to_test_on(toy_windows: Windows) -> None:
    record = training_facts(toy_windows.without(["p4"]))
    assert unseen_people(record, toy_windows, "It") == ["p4"]
    with pytest.raises(SplitError, match="trained on everybody"):
        unseen_people(record, toy_windows.without(["p4"]), "It")


def test__training_facts__several_studies__name_each_person_with_their_study(
    tmp_path: Path, toy_windows: Windows
) -> None:
    other = study_of(tmp_path / "a", "more", {"zoe": "p3"}).windows()
    facts = training_facts(Windows.concatenate([toy_windows.of(["p0"]), other]))
    assert facts["people"] == ["more/zoe", "toy/p0"]
    assert len(facts["recordings"]) == 4 and all(
        len(content) == 16 for content in facts["recordings"]
    )


def test__sides__a_tested_person_in_another_study_by_content__is_left_out_there(
    tmp_path: Path, toy_study: Study
) -> None:
    other = study_of(tmp_path / "a", "more", {"zoe": "p3", "yan": "p9"})
    method = Method("m", "pim", pretrain_on=(str(other.folder),))
    sides = sides_of(toy_study, toy_study.cut, "error", method, ["p3"], None)
    assert sides.others[0].subjects == ["yan"]
    assert (
        "zoe, tested here, by the same recordings also stands in 'more': left out there"
        in sides.left_out[0]
    )
