"""Windows as other libraries take them: numpy, scikit-learn, pandas and notebooks."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from otolith import Cut, Recogniser, Study
from otolith.core.errors import ConfigError
from otolith.data.windows import Windows

FOLDS = GroupKFold(2)


def quick() -> Recogniser:
    return Recogniser("features", "logistic", device="cpu", precision="fp32", threads=1)


@pytest.fixture(scope="module")
def windows(toy_study: Study) -> Windows:
    return toy_study.windows(placements=("left_wrist",)).few(6)


def test__asarray__is_the_signals_in_float32(windows: Windows) -> None:
    array = np.asarray(windows)
    assert array.dtype == np.float32 and array.shape == windows.shape
    np.testing.assert_array_equal(array, windows.values())
    assert np.asarray(windows, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="always a copy"):
        np.array(windows, copy=False)


@pytest.mark.parametrize("labels", [True, False])
def test__cross_val_score__keeps_people_whole(windows: Windows, labels: bool) -> None:
    y = windows.labels if labels else None
    scores = cross_val_score(quick(), windows, y, groups=windows.subject, cv=FOLDS)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    for train, test in FOLDS.split(windows, windows.labels, windows.subject):
        assert not set(windows[train].subjects) & set(windows[test].subjects)


def test__fit__labels_of_others__are_refused(windows: Windows) -> None:
    with pytest.raises(ConfigError, match="carry their labels"):
        quick().fit(windows, windows.labels[::-1])


def test__grid_search__over_windows(windows: Windows) -> None:
    search = GridSearchCV(quick(), {"head": ["logistic", "forest"]}, cv=FOLDS)
    search.fit(windows, groups=windows.subject)
    assert search.best_params_["head"] in ("logistic", "forest")


def test__grid_search__a_pipeline_over_their_array(windows: Windows) -> None:
    flat = FunctionTransformer(lambda values: np.abs(values).mean(axis=2))
    pipeline = make_pipeline(flat, LogisticRegression(max_iter=1000))
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=FOLDS)
    search.fit(np.asarray(windows), windows.labels.astype(str), groups=windows.subject)
    assert 0.0 <= search.best_score_ <= 1.0


def test__to_frame__a_row_for_each_window(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))  # type: ignore[arg-type]
    columns: Any = windows.to_frame()
    assert list(columns) == ["subject", "recording", "start_s", "end_s", "label"]
    assert {len(column) for column in columns.values()} == {len(windows)}
    np.testing.assert_allclose(columns["end_s"] - columns["start_s"], windows.seconds)


def test__to_frame__without_pandas__says_what_to_install(
    windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"pip install 'otolith\[frames\]'"):
        windows.to_frame()


def test__every_noun__has_a_short_repr(toy_study: Study, windows: Windows) -> None:
    recording = toy_study.recording(toy_study.entries[0]["id"])
    fitted = quick().fit(windows)
    nouns = [
        toy_study,
        recording,
        recording.streams[0],
        windows,
        windows.store,
        windows.channels[0],
        Cut(labels=tuple(f"activity {number}" for number in range(500))),
        fitted,
        fitted.recognise(recording),
        fitted.adapted_.encoder,
    ]
    for noun in nouns:
        assert 10 < len(repr(noun)) <= 300, type(noun)


def test__cut__shows_what_differs_from_the_defaults() -> None:
    assert repr(Cut()) == "Cut()"
    assert repr(Cut(seconds=2.5, labels=["walking"])) == "Cut(seconds=2.5, labels=('walking',))"


def test__notebooks__show_tables_with_text_escaped(toy_study: Study, windows: Windows) -> None:
    recording = toy_study.recording(toy_study.entries[0]["id"])
    object.__setattr__(recording, "subject", "<b>")
    for noun in (toy_study, recording, windows):
        shown = noun._repr_html_()
        assert shown.startswith("<table>") and "<b>" not in shown
    assert "&lt;b&gt;" in recording._repr_html_()
