"""Arrays (N, C, T) as windows: what scikit-learn's own tools pass to a recogniser."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from otolith.core.errors import ConfigError, DataError
from otolith.data.channels import Channel
from otolith.data.windows import Windows


@dataclasses.dataclass(frozen=True)
class Meaning:
    """What the numbers of an array are."""

    channels: tuple[Channel, ...]
    rate_hz: float
    gravity: str

    @classmethod
    def of(
        cls, channels: Sequence[str | Channel] | None, rate_hz: float | None, gravity: str
    ) -> Meaning:
        """Take what a user said; ConfigError where nothing was."""
        if not rate_hz or not channels:
            raise ConfigError(
                "An array does not say what it holds: give Recogniser(rate_hz=50, "
                "channels=['left_wrist.acc.x', …]), or pass Windows (study.windows(...))."
            )
        parsed = (Channel.parse(c) if isinstance(c, str) else c for c in channels)
        return cls(tuple(parsed), float(rate_hz), gravity)

    def windows(self, X: Any, flat: np.ndarray) -> Windows:
        """Return windows of checked values, rows of `flat`; DataError where they do not divide."""
        count = len(self.channels)
        # Flat rows hold all samples of the first channel, then of the second.
        given = X.shape[1] if len(X.shape) == 3 else count
        if given != count or flat.shape[1] % count:
            raise DataError(
                f"Windows of {count} channels need an array (windows, {count}, samples), or the "
                f"same numbers in two dimensions; found shape {tuple(X.shape)}."
            )
        values = flat.reshape(len(flat), count, -1)
        windows = Windows.from_array(values, rate_hz=self.rate_hz, channels=self.channels)
        return dataclasses.replace(windows, gravity=self.gravity)


def labelled_array(estimator: BaseEstimator, X: Any, y: Any) -> tuple[Windows, np.ndarray]:
    """Check an array with its labels; return windows, and the classes as `y` held them.

    The estimator says what the array holds. Raises ConfigError without `y`, or where nothing was
    said of the array.
    """
    if y is None:
        # scikit-learn's words, which its own checks look for
        raise ConfigError(
            "Recogniser requires y to be passed, but the target y is None: give y with an array."
        )
    X = _shaped(X)
    # Checked in two dimensions: scikit-learn knows no third.
    flat, y = validate_data(estimator, _flat(X), y, dtype=np.float32)
    check_classification_targets(y)
    meaning = Meaning.of(estimator.channels, estimator.rate_hz, estimator.gravity)
    # Classes keep the type of y, so that predict gives it back.
    classes, code = np.unique(y, return_inverse=True)
    windows = dataclasses.replace(
        meaning.windows(X, flat), code=code.astype(np.int64), classes=tuple(map(str, classes))
    )
    return windows, classes


def array_windows(estimator: BaseEstimator, X: Any, meaning: Meaning) -> Windows:
    """Check an array against what the estimator was fitted to."""
    X = _shaped(X)
    return meaning.windows(X, validate_data(estimator, _flat(X), reset=False, dtype=np.float32))


def _shaped(X: Any) -> Any:
    return X if hasattr(X, "shape") else np.asarray(X)


def _flat(X: Any) -> Any:
    return np.reshape(X, (len(X), -1)) if len(X.shape) == 3 else X
