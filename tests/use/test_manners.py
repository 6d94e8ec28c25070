"""The recogniser passes scikit-learn's own checks.

They hand over tables with a few columns, far fewer numbers than a window of motion has. So they run
with an encoder that takes what it is given, which leaves everything that belongs to the recogniser
itself to be checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
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
from otolith.learn.training.adapt import AdaptConfig
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


OTHER_VALUES: dict[str, Any] = {
    "mode": "frozen",
    "steps": 7,
    "epochs": 2,
    "batch_size": 5,
    "learning_rate": 2e-4,
    "head_learning_rate": 2e-3,
    "patience": 3,
    "staged_learning_rate": 2e-4,
    "weight_decay": 0.01,
    "warmup": 2,
    "space": "shared",
    "balanced": False,
    "seed": 4,
}


@pytest.mark.parametrize("name", [field.name for field in fields(AdaptConfig)])
def test__recogniser__every_field_of_adapt_config__reaches_the_training(name: str) -> None:
    value = OTHER_VALUES[name]
    changed = clone(FITTED_AT_ONCE).set_params(**{name: value})
    assert changed.get_params()[name] == getattr(changed, name) == value
    assert getattr(clone(changed), name) == value
    assert name in inspect.signature(Recogniser).parameters
    values, labels = np.random.default_rng(0).normal(size=(8, 10)), [0, 1] * 4
    if name == "space":  # this encoder has no space that it shares
        with pytest.raises(ConfigError, match="shares no space"):
            changed.fit(values, labels)
        return
    assert getattr(changed.fit(values, labels).adapted_.config, name) == value


def test__recogniser__a_typo__names_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match=r"no parameter 'weightdecay'\. Did you mean 'weight_decay'"
    ):
        Recogniser(weightdecay=0.1)
    with pytest.raises(ConfigError, match=r"no parameter 'hed'\. Did you mean 'head'"):
        Recogniser().set_params(hed="linear")


def test__repr__twelve_channels_and_many_settings__stays_short() -> None:
    channels = [f"left_{place}.acc.{axis}" for place in ("wrist", "ankle", "hip") for axis in "xyz"]
    long = Recogniser("tpn", channels=channels, rate_hz=50, **OTHER_VALUES)
    assert len(repr(long)) <= 300 and repr(long).startswith("Recogniser(")
