"""A pretrained encoder in scikit-learn's pipelines."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from otolith.core.errors import ChannelError
from otolith.data.windows import Windows
from otolith.learn.training.pretrained import PretrainedEncoder


@pytest.fixture
def encoder(toy_windows: Windows) -> PretrainedEncoder:
    return PretrainedEncoder.fresh(toy_windows, "features")


def test__transform__windows__gives_named_vectors(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    vectors = encoder.fit(toy_windows).transform(toy_windows)
    assert vectors.shape == (len(toy_windows), encoder.encoder.dimension)
    np.testing.assert_array_equal(vectors, encoder.fit_transform(toy_windows))
    names = encoder.get_feature_names_out()
    assert len(names) == vectors.shape[1] and len(set(names)) == len(names)
    assert names[0].startswith(str(toy_windows.channels[0]))
    tpn = PretrainedEncoder.fresh(toy_windows, "tpn")
    assert tpn.get_feature_names_out()[:2].tolist() == ["tpn0", "tpn1"]


def test__fit__windows_that_do_not_fit__is_refused(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    other = Windows.from_array(np.zeros((2, 1, 50)), rate_hz=50, channels=["waist.acc.x"])
    with pytest.raises(ChannelError):
        encoder.fit(other)


def test__clone__keeps_the_weights(encoder: PretrainedEncoder) -> None:
    assert clone(encoder) is encoder


def test__pipeline__scores_people_held_out(
    encoder: PretrainedEncoder, toy_windows: Windows
) -> None:
    pipeline = make_pipeline(encoder, StandardScaler(), LogisticRegression(max_iter=1000))
    train, test = toy_windows.without(["p5"]), toy_windows.of(["p5"])
    assert pipeline.fit(train, train.labels).score(test, test.labels) > 0.9
    assert "PretrainedEncoder" in repr(pipeline)


def test__cross_val_score__by_people(encoder: PretrainedEncoder, toy_windows: Windows) -> None:
    pipeline = make_pipeline(encoder, StandardScaler(), LogisticRegression(max_iter=1000))
    scores = cross_val_score(
        pipeline,
        toy_windows,
        toy_windows.labels,
        groups=toy_windows.subject,
        cv=GroupKFold(3),
        error_score="raise",
    )
    assert len(scores) == 3 and scores.mean() > 0.9


def test__repr__is_short(encoder: PretrainedEncoder) -> None:
    assert repr(encoder).startswith("PretrainedEncoder('features', none, ")
    assert len(repr(encoder)) <= 300
