"""Fit, predict and score on windows and arrays."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from otolith import Study
from otolith.core.errors import (
    ChannelError,
    CheckpointError,
    ConfigError,
    DataError,
    OtolithWarning,
    UnknownNameError,
)
from otolith.data.channels import channel_names
from otolith.data.windows import Windows
from otolith.learn.metrics.accuracy import accuracy
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.use.recogniser import Recogniser

QUICK: dict[str, Any] = {
    "steps": 60,
    "epochs": 1,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
}


def test__recogniser__people_it_has_never_seen__are_recognised(
    recogniser: Recogniser, toy_windows: Windows
) -> None:
    test = toy_windows.of(["p4", "p5"])
    assert recogniser.classes_.tolist() == ["resting", "shaking", "walking"]
    probability = recogniser.predict_proba(test)
    assert probability.shape == (len(test), 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    predicted = recogniser.predict(test)
    assert (predicted == recogniser.classes_[probability.argmax(axis=1)]).all()
    assert recogniser.score(test) == accuracy(test.labels, predicted) > 0.9


def test__recogniser__unlabelled_windows__are_predicted_and_left_out_of_the_score(
    recogniser: Recogniser, toy_windows: Windows
) -> None:
    test = toy_windows.of(["p4"])
    half = dataclasses.replace(test, code=np.where(np.arange(len(test)) % 2, test.code, -1))
    assert len(recogniser.predict(half)) == len(test)
    assert recogniser.score(half) == recogniser.score(half.labelled)
    with pytest.raises(DataError, match="nothing to score against"):
        recogniser.score(test.hide_labels())


def test__recogniser__encoder_as_object_folder_or_text__is_the_same(
    encoder_folder: Path, toy_windows: Windows
) -> None:
    few = toy_windows.few(2)
    ways = (PretrainedEncoder.load(encoder_folder), encoder_folder, str(encoder_folder))
    first, *others = (Recogniser(way, **QUICK).fit(few).predict_proba(toy_windows) for way in ways)
    assert all((first == other).all() for other in others)
    scratch = Recogniser("tpn", **QUICK).fit(few)
    assert not (scratch.predict_proba(toy_windows) == first).all()
    assert scratch.record_["pretraining"]["objective"] == "none"


def test__recogniser__frozen__leaves_the_encoder_as_it_was(
    encoder_folder: Path, toy_windows: Windows
) -> None:
    start = PretrainedEncoder.load(encoder_folder)
    frozen = Recogniser(start, mode="frozen", **QUICK).fit(toy_windows.few(4))
    moved = Recogniser(start, **QUICK).fit(toy_windows.few(4))
    weight = start.encoder.state_dict()["layers.0.weight"]
    assert (frozen.adapted_.encoder.encoder.state_dict()["layers.0.weight"] == weight).all()
    assert (moved.adapted_.encoder.encoder.state_dict()["layers.0.weight"] != weight).any()
    assert (
        not frozen.record_["adaptation"]["encoder_moved"]
        and moved.record_["adaptation"]["encoder_moved"]
    )


@pytest.mark.parametrize("head", ["forest", "logistic"])
def test__recogniser__features__need_no_pretraining(toy_windows: Windows, head: str) -> None:
    controls = Recogniser("features", head, **QUICK).fit(toy_windows.without(["p4", "p5"]).few(8))
    assert controls.score(toy_windows.of(["p4", "p5"])) > 0.9


@pytest.mark.parametrize("kind", [np.int64, str, bool, object])
def test__recogniser__array__gives_back_what_y_held(toy_windows: Windows, kind: type) -> None:
    some = toy_windows[toy_windows.code != 2].few(6)
    y = (
        np.array(["ten", "nine"])[some.code]
        if kind is object
        else some.code.astype(kind)
        if kind is bool
        else (some.code + 9).astype(kind)
    )
    y = y.astype(object) if kind is object else y
    unfitted = Recogniser(rate_hz=50, channels=channel_names(some.channels), **QUICK)
    fitted = unfitted.fit(some.values(), y)
    assert fitted.classes_.dtype == y.dtype
    assert fitted.classes_.tolist() == sorted(set(y.tolist()))  # 9 before 10, as numbers are
    assert fitted.predict(some.values()).dtype == y.dtype
    assert fitted.score(some.values(), y) == 1.0


def test__recogniser__array_in_two_dimensions__holds_the_same_numbers(toy_windows: Windows) -> None:
    few = toy_windows.few(4)
    values, y = few.values(), few.labels.astype(str)
    settings = QUICK | {"rate_hz": 50, "channels": channel_names(few.channels)}
    deep, flat = (
        Recogniser(**settings).fit(X, y) for X in (values, values.reshape(len(values), -1))
    )
    assert deep.n_features_in_ == flat.n_features_in_ == 1200
    assert (deep.predict_proba(values) == flat.predict_proba(values.reshape(len(values), -1))).all()
    assert (deep.predict_proba(few) == deep.predict_proba(values)).all()


def test__recogniser__array__is_never_guessed_at(toy_windows: Windows) -> None:
    few = toy_windows.few(2)
    values, y = few.values(), few.code
    named = QUICK | {"channels": channel_names(few.channels)}
    with pytest.raises(ConfigError, match="does not say what it holds"):
        Recogniser(**QUICK).fit(values, y)
    with pytest.raises(ConfigError, match="does not say what it holds"):
        Recogniser(**named).fit(values, y)
    with pytest.raises(ConfigError, match="give y with an array"):
        Recogniser(rate_hz=50, **named).fit(values)
    with pytest.raises(DataError, match=r"need an array \(windows, 12, samples\)"):
        Recogniser(rate_hz=50, **named).fit(values[:, :6], y)
    with pytest.raises(ValueError, match="NaN"):
        Recogniser(rate_hz=50, **named).fit(np.where(values > 9, np.nan, values), y)


def test__recogniser__class_without_windows__is_told_and_left_out(toy_windows: Windows) -> None:
    two = toy_windows[toy_windows.code != 1].few(4)
    with pytest.warns(OtolithWarning, match="No window is labelled shaking"):
        fitted = Recogniser("features", "logistic", **QUICK).fit(two)
    assert fitted.classes_.tolist() == ["resting", "walking"]
    assert fitted.predict_proba(toy_windows).shape[1] == 2


def test__recogniser__same_seed__gives_the_same_probabilities(toy_windows: Windows) -> None:
    few = toy_windows.few(2)
    first, second, third = (
        Recogniser(seed=seed, **QUICK).fit(few).predict_proba(toy_windows) for seed in (1, 1, 2)
    )
    assert (first == second).all() and (first != third).any()


def test__recogniser__parameters__are_stored_untouched_and_cloned(
    recogniser: Recogniser, encoder_folder: Path, toy_windows: Windows
) -> None:
    assert recogniser.encoder is encoder_folder
    copy = clone(recogniser)
    assert copy.get_params() == recogniser.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(toy_windows)
    copy.set_params(seed=7, head="linear")
    assert (copy.seed, copy.head, recogniser.head) == (7, "linear", "mlp")
    few = toy_windows.few(2)
    given = PretrainedEncoder.load(encoder_folder)
    with_object = Recogniser(given, **QUICK)
    assert with_object.encoder is given
    probability = clone(with_object).fit(few).predict_proba(few)
    assert (probability == with_object.fit(few).predict_proba(few)).all()


def test__recogniser__what_does_not_fit__is_told(
    recogniser: Recogniser, toy_study: Study, toy_windows: Windows
) -> None:
    with pytest.raises(ChannelError, match=r"missing are right_wrist\.acc\.x"):
        recogniser.predict(toy_study.windows(placements=("left_wrist",)))
    with pytest.raises(ChannelError, match=r"Call study.windows\(seconds=2, rate_hz=50\)"):
        recogniser.predict(toy_study.windows(seconds=3.0))
    with pytest.raises(ChannelError, match="gravity removed"):
        recogniser.predict(dataclasses.replace(toy_windows, gravity="removed"))
    with pytest.raises(ConfigError, match="y differs from them"):
        clone(recogniser).fit(toy_windows, toy_windows.code)
    with pytest.raises(ConfigError, match="y differs from them"):
        recogniser.score(toy_windows, toy_windows.code)


def test__recogniser__bad_parameter__is_told_at_fit(
    toy_windows: Windows, encoder_folder: Path
) -> None:
    few = toy_windows.few(2)
    with pytest.raises(UnknownNameError, match="Did you mean 'tpn'"):
        Recogniser("tpm", **QUICK).fit(few)
    with pytest.raises(UnknownNameError, match="Did you mean 'linear'"):
        Recogniser(head="liner", **QUICK).fit(few)
    with pytest.raises(CheckpointError, match="is no saved encoder"):
        Recogniser(encoder_folder.parent / "elsewhere", **QUICK).fit(few)
    with pytest.raises(CheckpointError, match="is no saved encoder"):
        Recogniser(str(encoder_folder.parent / "elsewhere"), **QUICK).fit(few)
    with pytest.raises(ConfigError, match="'finetune', 'frozen' or 'staged'"):
        Recogniser(mode="half", **QUICK).fit(few)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="built by name, not to a saved one"):
        Recogniser(encoder_folder, encoder_settings={"dropout": 0.0}, **QUICK).fit(few)
    settings = QUICK | {"encoder_settings": {"dropout": 0.5}, "head_settings": {"width": 7}}
    fitted = Recogniser(**settings).fit(few)
    assert fitted.adapted_.encoder.encoder.settings()["dropout"] == 0.5
    assert fitted.adapted_.head.settings()["width"] == 7


def test__recogniser__progress__is_told_of_every_step(toy_windows: Windows) -> None:
    seen: list[int] = []
    Recogniser(**QUICK).fit(
        toy_windows.few(1), progress=lambda step, steps, loss: seen.append(step)
    )
    assert seen == list(range(1, 61))


def test__card__names_with_controls_and_markup__are_plain_text(
    toy_study: Study, tmp_path: Path
) -> None:
    windows = toy_study.windows().labelled
    odd = ("\x1b[2Jrest", "<script>x", "a\n# forged")
    windows = dataclasses.replace(
        windows,
        classes=odd,
        subject=np.array([f"\x07{who}" for who in windows.subject], dtype=object),
    )
    recogniser = Recogniser("features", "logistic").fit(windows.few(2))
    recogniser.save(tmp_path / "odd")
    said = (tmp_path / "odd" / "README.md").read_text()
    assert not {"\x1b", "\x07"} & set(said) and "<script" not in said and "\n# forged" not in said
