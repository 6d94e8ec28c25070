"""The recogniser passes scikit-learn's own checks.

They hand over tables with a few columns, far fewer numbers than a window of motion has. So they run
with an encoder that takes what it is given, which leaves everything that belongs to the recogniser
itself to be checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from otolith.core.errors import ConfigError
from otolith.data.batch import Batch
from otolith.data.channels import Channel
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.encoder import Encoder
from otolith.use.recogniser import Recogniser


@dataclass(frozen=True)
class NoSettings:
    """Nothing to set."""


class AsItIs(Encoder):
    """The samples themselves as embedding."""

    Config: ClassVar[type[Any]] = NoSettings
    any_length: ClassVar[bool] = False

    def __init__(
        self, channels: Sequence[Channel], rate_hz: float, length: int, **settings: Any
    ) -> None:
        super().__init__(channels, rate_hz, length, **settings)
        self.dimension = len(channels) * length

    def forward(self, batch: Batch) -> Embeddings:
        pooled = batch.values.flatten(1)
        return Embeddings(pooled[:, None], pooled)


def small(head: str, **settings: Any) -> Recogniser:
    return Recogniser(
        AsItIs,
        head,
        rate_hz=50.0,
        channels=("imu.acc.x",),
        device="cpu",
        precision="fp32",
        threads=1,
        **settings,
    )


FITTED_AT_ONCE = small("logistic")
DESCENDING = small("linear", steps=80, head_learning_rate=0.05)


@parametrize_with_checks([FITTED_AT_ONCE, DESCENDING])
def test__recogniser__scikit_learns_checks__pass(
    estimator: Recogniser, check: Callable[[Any], None]
) -> None:
    check(estimator)


def test__recogniser__real_encoder__wants_windows_of_its_length() -> None:
    real = clone(FITTED_AT_ONCE).set_params(encoder="tpn")
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="46 samples or more; these hold 10"):
        real.fit(rng.normal(size=(8, 10)), [0, 1] * 4)
    assert real.fit(rng.normal(size=(8, 46)), [0, 1] * 4).n_features_in_ == 46


def test__recogniser__is_a_classifier_and_searchable() -> None:
    assert is_classifier(FITTED_AT_ONCE)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 1, 4))
    labels = np.array(["up", "down"])[(values[:, 0, 0] < 0).astype(int)]
    values[:, 0, 0] *= 5
    search = GridSearchCV(FITTED_AT_ONCE, {"head": ["logistic", "forest"]}, cv=2).fit(
        values, labels
    )
    assert search.best_score_ > 0.9
    assert set(search.predict(values)) == {"up", "down"}
