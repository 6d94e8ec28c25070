"""One fold, one method: who stands on which side, what is kept, what is noted."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_recording, write_toy_study

from otolith import Cut, Study, write_study
from otolith.core.errors import DataError, OtolithWarning, SplitError, StudyError, UnknownNameError
from otolith.core.files import write_json
from otolith.data.paired import Text, write_texts
from otolith.learn.encoders.tpn import TPN
from otolith.learn.splits import people_folds
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.measure.few_shot import Fold, FoldRun, kept_encoder, scores
from otolith.measure.methods import Method, parse_method
from otolith.measure.sides import labelled_windows, plain_windows

ONE_THREAD = Runtime("cpu", "fp32", 1)


class OwnEncoder(TPN):
    """One that stands in no table."""


def fold_of(
    study: Study, out: Path, test: tuple[str, ...], method: str = "logistic", **more: Any
) -> Fold:
    cut = more.pop("evaluation", study.cut.to_json())
    shots = more.pop("shots", (1, 2, "all"))
    return Fold(
        str(study.folder),
        cut,
        "error",
        parse_method(method),
        0,
        test,
        shots,
        2,
        0,
        ONE_THREAD,
        str(out),
    )


def test__fold__held_out_people__are_in_nothing_that_is_learned_from(
    toy_study: Study, tmp_path: Path
) -> None:
    run = FoldRun(fold_of(toy_study, tmp_path, ("p1", "p4")))
    assert run.test.subjects == ["p1", "p4"]
    assert run.train.subjects == run.plain.subjects == ["p0", "p2", "p3", "p5"]


def test__fold__pretraining__sees_no_label_but_every_stretch(toy_study: Study) -> None:
    cut = replace(toy_study.cut, labels=("walking",))
    labelled, plain = labelled_windows(toy_study, cut), plain_windows(toy_study, cut)
    assert set(labelled.labels) == {"walking"}
    assert plain.classes == () and not plain.is_labelled.any()
    assert (
        len(plain) == 6 * 35
    )  # all 36 s of each, resting and shaking too, in windows of 2 s every second


def test__fold__trials_with_one_window__pretrains_on_those(toy_study: Study) -> None:
    cut = replace(toy_study.cut, label_rule="centred")
    labelled, plain = labelled_windows(toy_study, cut), plain_windows(toy_study, cut)
    assert len(labelled) == len(plain) == 18
    assert not plain.is_labelled.any()


def test__fold__nobody_of_the_held_out_is_labelled__says_so(
    toy_study: Study, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match="p9 have no labelled window"):
        FoldRun(fold_of(toy_study, tmp_path, ("p9",)))


@pytest.mark.parametrize("performers", [True, False])
def test__fold__simulated__no_clip_and_no_performer_on_both_sides(
    performers: bool, tmp_path: Path
) -> None:
    """Four motions, each worn by three bodies: a split by bodies would see every motion twice."""
    made = [
        replace(
            toy_recording(f"body{body}", seconds_each=4.0, id=f"{clip}-{body}"),
            origin="simulated", clip=clip, body=f"body{body}",
            performer=f"actor{number // 2}" if performers else None,
        )
        for number, clip in enumerate(("walk", "run", "sit", "jump"))
        for body in range(3)
    ]  # fmt: skip
    study = write_study(tmp_path / "virtual", made, name="virtual", cut=Cut(2.0, 50.0))
    clip = {recording.id: recording.clip for recording in made}
    labelled = labelled_windows(study, study.cut)
    folds = people_folds(labelled.subjects, 4)
    assert len(folds) == (2 if performers else 4)
    for test in folds:
        run = FoldRun(fold_of(study, tmp_path / "out", tuple(test)))
        for training in (run.train, run.plain):
            inside = {clip[name] for name in training.recording}
            assert not inside & {clip[name] for name in run.test.recording}
            assert len(inside) + len({clip[name] for name in run.test.recording}) == 4


QUICK = {"pretrain": {"epochs": 1, "patience": 0}, "adapt": {"epochs": 1}}


def other_study(folder: Path) -> Study:
    made = (toy_recording(f"q{n}", seconds_each=4.0, id=f"q{n}") for n in range(3))
    return write_study(folder, made, name="other", cut=Cut(1.0, 25.0, overlap=0.0))


def test__fold__pretrained_on_another_study__takes_its_windows_alone_or_too(
    toy_study: Study, tmp_path: Path
) -> None:
    other = other_study(tmp_path / "other")
    fold = fold_of(toy_study, tmp_path / "out", ("p0",), "pim")
    own = FoldRun(fold).plain
    instead = FoldRun(replace(fold, method=replace(fold.method, pretrain_on=(str(other.folder),))))
    both = FoldRun(
        replace(fold, method=replace(fold.method, pretrain_on=("people", str(other.folder))))
    )
    assert instead.pretraining.subjects == ["q0", "q1", "q2"]
    assert (instead.pretraining.seconds, instead.pretraining.rate_hz) == (own.seconds, own.rate_hz)
    assert instead.pretraining.recipe["overlap"] == 0.0
    assert set(both.pretraining.subjects) == {f"{own.study}/{p}" for p in own.subjects} | {
        f"other/{p}" for p in ("q0", "q1", "q2")
    }
    assert len({FoldRun(fold).encoder_key, instead.encoder_key, both.encoder_key}) == 3


def test__fold__pretrained_on_strangers_alone__one_encoder_serves_all_folds(
    toy_study: Study, tmp_path: Path
) -> None:
    other = other_study(tmp_path / "other")
    fold = fold_of(toy_study, tmp_path / "out", ("p0",), "pim", shots=(1,))
    fold = replace(fold, method=replace(fold.method, pretrain_on=(str(other.folder),), **QUICK))
    first, second = FoldRun(fold), FoldRun(replace(fold, number=1, test=("p1",)))
    assert first.encoder_key == second.encoder_key
    assert first.run(1, 0)["pretrained_on"] == ["other"]
    assert second.run(1, 0)["test_subjects"] == ["p1"]
    assert len(list((tmp_path / "out" / "encoders").glob("*/config.json"))) == 1


def test__fold__its_kept_encoder_is_damaged__is_made_again(
    toy_study: Study, tmp_path: Path
) -> None:
    fold = fold_of(toy_study, tmp_path / "out", ("p0",), "pim", shots=(1,))
    fold = replace(fold, method=replace(fold.method, **QUICK))
    assert FoldRun(fold).encoder
    (config,) = (tmp_path / "out" / "encoders").glob("*/config.json")
    whole = config.read_bytes()
    for content in (whole[:-20], whole.replace(b"tpn", b"tpm", 1)):
        config.write_bytes(content)
        with pytest.warns(OtolithWarning, match="It is made again"):
            assert FoldRun(fold).encoder.name == "tpn"
        assert b"tpn" in config.read_bytes()


@pytest.mark.parametrize("room", ["encoders", "cells"])
def test__fold__a_room_that_leads_to_files_of_the_users__is_not_entered(
    room: str, toy_study: Study, tmp_path: Path
) -> None:
    fold = fold_of(toy_study, tmp_path / "out", ("p0",), "pim", shots=(1,))
    fold = replace(fold, method=replace(fold.method, **QUICK))
    users = tmp_path / "users" / FoldRun(fold).encoder_key
    users.mkdir(parents=True)
    for name in ("config.json", "README.md"):
        (users / name).write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / room).symlink_to(users.parent)
    with pytest.raises(DataError, match="a link that leads out"):
        FoldRun(fold).run(1, 0)
    assert {path.name: path.read_text() for path in users.iterdir()} == {
        "config.json": "mine",
        "README.md": "mine",
    }


def test__kept_encoder__damaged_and_names_its_own_parent__removes_nothing_else(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "encoder"
    (folder / "notes").mkdir(parents=True)
    write_json(
        folder / "config.json",
        {"otolith_checkpoint": 1, "files": dict.fromkeys(["..", ".", "notes"], "")},
    )
    with pytest.warns(OtolithWarning, match="It is made again"):
        assert kept_encoder(folder, Method("own")) is None
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test__cell__under_the_name_of_another__is_made_again(toy_study: Study, tmp_path: Path) -> None:
    run = FoldRun(fold_of(toy_study, tmp_path / "out", ("p0",)))
    first, second = run.run(1, 0), run.run(2, 0)
    shutil.copy(run.cell_path(1, 0), run.cell_path(2, 0))
    with pytest.warns(OtolithWarning, match="holds another cell; it is made again"):
        assert run.run(2, 0)["train_windows"] == second["train_windows"] != first["train_windows"]


def test__kept_encoder__names_what_its_own_method_names__is_read(
    toy_study: Study, tmp_path: Path
) -> None:
    windows = toy_study.windows(seconds=1.0)
    PretrainedEncoder.fresh(windows, OwnEncoder).save(tmp_path / "own")
    named = f"{OwnEncoder.__module__}:OwnEncoder"
    assert kept_encoder(tmp_path / "own", Method("own", encoder=named)) is not None
    with pytest.raises(UnknownNameError, match="Nothing was imported"):
        kept_encoder(
            tmp_path / "own",
            Method("other", objective_settings={"text": "minilm", "note": "random"}),
        )
    assert kept_encoder(tmp_path / "none", Method("own")) is None


def test__fold__pretrained_on_the_tested_study_itself__is_refused(
    toy_study: Study, tmp_path: Path
) -> None:
    fold = fold_of(toy_study, tmp_path, ("p0",), "pim")
    with pytest.raises(SplitError, match="write people"):
        FoldRun(replace(fold, method=replace(fold.method, pretrain_on=(str(toy_study.folder),))))


def test__cells__all_labels_once__shots_in_every_draw(toy_study: Study, tmp_path: Path) -> None:
    run = FoldRun(fold_of(toy_study, tmp_path, ("p0",)))
    assert run.cells() == [(1, 0), (1, 1), (2, 0), (2, 1), ("all", 0)]
    assert len({run.cell_path(shots, draw) for shots, draw in run.cells()}) == 5


def test__cell_path__what_decides_a_cell__changes_it(toy_study: Study, tmp_path: Path) -> None:
    fold = fold_of(toy_study, tmp_path, ("p0",))
    others = [
        replace(fold, test=("p1",)),
        replace(fold, seed=1),
        replace(fold, method=parse_method("forest")),
        replace(fold, method=parse_method("scratch")),
        replace(fold, runtime=Runtime("cpu", "bf16", 1)),
        replace(fold, cut=fold.cut | {"seconds": 1.0}),
    ]
    paths = {FoldRun(other).cell_path(1, 0) for other in [fold, *others]}
    assert len(paths) == 7
    renamed = replace(fold, method=replace(fold.method, name="another word for it"))
    assert FoldRun(renamed).cell_path(1, 0) in paths


def test__run__a_row__adds_up(toy_study: Study, tmp_path: Path) -> None:
    run = FoldRun(fold_of(toy_study, tmp_path, ("p0", "p3")))
    row = run.run("all", 0)
    confusion = np.array(row["confusion"])
    assert (
        confusion.sum()
        == len(run.test)
        == sum(person["windows"] for person in row["per_subject"].values())
    )
    assert row["accuracy"] == pytest.approx(np.trace(confusion) / confusion.sum())
    weighted = sum(person["accuracy"] * person["windows"] for person in row["per_subject"].values())
    assert weighted == pytest.approx(np.trace(confusion))
    assert row["train_windows"] == len(run.train)
    assert row["test_subjects"] == sorted(row["per_subject"]) == ["p0", "p3"]
    assert row["notes"] == []
    assert row["accuracy"] > 0.9  # three activities that a line tells apart


def test__run__finished_cell__is_read_not_made(toy_study: Study, tmp_path: Path) -> None:
    run = FoldRun(fold_of(toy_study, tmp_path, ("p0",)))
    row = run.run(2, 1)
    path = run.cell_path(2, 1)
    before = path.stat().st_mtime_ns
    assert FoldRun(run.fold).run(2, 1) == row
    assert path.stat().st_mtime_ns == before


def test__run__more_shots_than_a_class_has__uses_all_and_says_so(tmp_path: Path) -> None:
    study = write_toy_study(
        tmp_path / "study", people=3, seconds_each=4.0
    )  # three windows of each class a person
    row = FoldRun(fold_of(study, tmp_path / "out", ("p0",), shots=(8,))).run(8, 0)
    assert row["train_windows"] == 18
    assert row["notes"] == [
        f"class '{name}': 6 labelled windows where 8 were asked for, all used"
        for name in ("resting", "shaking", "walking")
    ]


def test__run__class_that_only_the_held_out_have__is_noted_and_counted_wrong(
    tmp_path: Path,
) -> None:
    made = [
        toy_recording("p0"),
        *(toy_recording(f"p{i}", labels=("resting", "shaking")) for i in (1, 2)),
    ]
    study = write_study(tmp_path / "study", made, name="toy", cut=Cut(2.0, 50.0))
    row = FoldRun(fold_of(study, tmp_path / "out", ("p0",))).run("all", 0)
    assert (
        "class 'walking' is in the held-out people but not in the training people" in row["notes"]
    )
    assert np.array(row["confusion"])[2].sum() == 11
    assert np.array(row["confusion"])[:, 2].sum() == 0
    assert row["accuracy"] <= 2 / 3 + 1e-9


def test__scores__by_hand() -> None:
    # class 0: precision 1, recall 1/2, F1 2/3; class 1: precision 1/2, recall 1, F1 2/3
    assert scores([0, 0, 1], [0, 1, 1]) == {
        "macro_f1": pytest.approx(2 / 3), "accuracy": pytest.approx(2 / 3), "balanced_accuracy": pytest.approx(3 / 4),
    }  # fmt: skip


def test__fold__linear_probe__is_solved_for_all_draws_and_one_draw_is_what_it_was(
    toy_study: Study, tmp_path: Path
) -> None:
    first, second = (
        FoldRun(fold_of(toy_study, tmp_path / name, ("p0", "p3"), "none:tpn:logistic"))
        for name in "ab"
    )
    rows = [first.run(shots, draw) for shots, draw in first.cells()]
    again = [second.run(shots, draw) for shots, draw in reversed(second.cells())][::-1]
    assert [row["confusion"] for row in rows] == [row["confusion"] for row in again]
    assert [row["train_windows"] for row in rows[:2]] == [3, 3]


def test__fold__supervised__saw_all_labels_of_the_training_people_whatever_the_shots(
    toy_study: Study, tmp_path: Path
) -> None:
    fold = fold_of(toy_study, tmp_path, ("p0", "p3"), "supervised", shots=(1,))
    run = FoldRun(
        replace(fold, method=replace(fold.method, head="logistic", pretrain={"steps": 30}))
    )
    row = run.run(1, 0)
    assert run.encoder.record["objective"] == "labels"
    assert run.encoder.record["subjects"] == ["p1", "p2", "p4", "p5"]
    assert (row["objective"], row["train_windows"], row["pretrained_on"]) == ("labels", 3, ["toy"])
    assert not run.losses() and not run.notes()


def test__encoder_key__other_words_beside_the_same_recordings__another_encoder(
    tmp_path: Path,
) -> None:
    study = write_toy_study(tmp_path / "study")
    fold = fold_of(study, tmp_path / "out", ("p0",), "imu2clip")
    before = FoldRun(fold).encoder_key
    assert FoldRun(fold).encoder_key == before
    write_texts(study.folder, [Text(study.entries[0]["id"], 0.0, 4.0, "a person walks")])
    assert FoldRun(fold).encoder_key != before
