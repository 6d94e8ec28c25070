"""Hand-made features on signals whose features are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.learn.encoders._features import SIGNAL_FEATURES, feature_names, hand_made_features

_TRIADS = [(0, 1, 2)]
_NAMES = ["waist.acc.x", "waist.acc.y", "waist.acc.z"]


def _table(windows: np.ndarray, rate_hz: float = 50.0) -> dict[str, np.ndarray]:
    features = hand_made_features(windows.astype(np.float32), rate_hz, _TRIADS)
    return dict(zip(feature_names(_NAMES, _TRIADS), features.T, strict=True))


def test__feature_names__match_the_columns() -> None:
    windows = np.zeros((2, 6, 100), dtype=np.float32)
    triads = [(0, 1, 2), (3, 4, 5)]
    names = feature_names([*_NAMES, "waist.gyro.x", "waist.gyro.y", "waist.gyro.z"], triads)
    assert hand_made_features(windows, 50.0, triads).shape == (2, len(names))
    assert len(set(names)) == len(names) == 8 * len(SIGNAL_FEATURES) + 6
    assert names[0] == "waist.acc.x mean"
    assert names[-1] == "waist.gyro correlation yz"


def test__features__sine__match_closed_form() -> None:
    time = np.arange(200) / 50.0
    # The phase keeps samples off the zero line, where rounding would decide about a crossing.
    x = 3.0 + 2.0 * np.sin(2 * np.pi * 2.0 * time + 0.1)
    found = _table(np.stack([x, -x, np.zeros(200)])[None])
    expected = {
        "mean": 3.0,
        "std": np.sqrt(2.0),
        "max": 5.0,
        "min": 1.0,
        "median": 3.0,
        "iqr": 2 * np.sqrt(2.0),
        "rms": np.sqrt(11.0),
        "skew": 0.0,
        "kurtosis": -1.5,
        "zero_crossing_rate": 0.0,
        "mean_crossing_rate": 16 / 199,
        "energy": 11.0,
        "rhythm": 0.875,  # one of eight periods later, seven still overlap
        "dominant_hz": 2.0,
        "spectral_entropy": 0.0,
        "spectral_centroid_hz": 2.0,
        "energy_0_1_hz": 0.0,
        "energy_1_3_hz": 2.0,
        "energy_above_10_hz": 0.0,
    }
    for feature, value in expected.items():
        assert found[f"waist.acc.x {feature}"][0] == pytest.approx(value, abs=0.1), feature
    assert found["waist.acc norm mean"][0] == pytest.approx(3.0 * np.sqrt(2.0), rel=1e-4)
    assert found["waist.acc correlation xy"][0] == pytest.approx(-1.0, abs=1e-4)
    assert found["waist.acc correlation xz"][0] == 0.0


def test__features__ramp__has_its_slope_and_ends() -> None:
    ramp = 5.0 - 1.5 * np.arange(100) / 50.0
    found = _table(np.stack([ramp, -ramp, 0 * ramp])[None])
    assert found["waist.acc.x trend"][0] == pytest.approx(-1.5, rel=1e-4)
    assert found["waist.acc.y trend"][0] == pytest.approx(1.5, rel=1e-4)
    assert (
        found["waist.acc.x time_of_max"][0],
        found["waist.acc.y time_of_max"][0],
    ) == pytest.approx((0.0, 0.99))


def test__features__noise__fills_the_spectrum() -> None:
    found = _table(np.random.default_rng(0).normal(size=(50, 3, 500)))
    assert found["waist.acc.x spectral_entropy"].min() > 0.85
    assert found["waist.acc.x spectral_centroid_hz"].mean() == pytest.approx(12.5, abs=0.5)
    bands = sum(value for name, value in found.items() if "acc.x energy_" in name)
    np.testing.assert_allclose(bands, found["waist.acc.x std"] ** 2, rtol=1e-4)


@pytest.mark.parametrize("level", [0.0, 9.80665, -3.3e4])
def test__features__constant_window__is_finite_and_zero_where_undefined(level: float) -> None:
    found = _table(np.full((3, 3, 128), level))
    assert all(np.isfinite(column).all() for column in found.values())
    for feature in (
        "skew",
        "kurtosis",
        "dominant_hz",
        "spectral_entropy",
        "mean_crossing_rate",
        "rhythm",
        "trend",
    ):
        assert np.array_equal(found[f"waist.acc.y {feature}"], np.zeros(3)), feature
    assert np.array_equal(found["waist.acc correlation yz"], np.zeros(3))


def test__features__masked_channel__is_nan_in_its_own_columns_alone() -> None:
    windows = np.random.default_rng(0).normal(size=(4, 3, 64))
    whole = _table(windows)
    windows[:, 2] = np.nan
    found = _table(windows)
    for name, column in found.items():
        if name.startswith(("waist.acc.x", "waist.acc.y")) or name.endswith("correlation xy"):
            assert np.array_equal(column, whole[name]), name
        else:
            assert np.isnan(column).all(), name


def test__features__many_windows__do_not_depend_on_their_chunk() -> None:
    windows = np.random.default_rng(0).normal(size=(9000, 3, 100)).astype(np.float32)
    whole = hand_made_features(windows, 50.0, _TRIADS)
    np.testing.assert_allclose(
        whole[8000:8005], hand_made_features(windows[8000:8005], 50.0, _TRIADS), rtol=1e-5
    )


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(4, 300), seed=st.integers(0, 999), scale=st.floats(0.01, 100.0))
def test__features__any_window__statistics_are_those_of_numpy_and_scipy(
    samples: int, seed: int, scale: float
) -> None:
    from scipy.stats import kurtosis, skew

    windows = (
        np.random.default_rng(seed).normal(1.0, scale, size=(5, 3, samples)).astype(np.float32)
    )
    found, x = _table(windows), windows[:, 0].astype(np.float64)
    close = {"rtol": 1e-3, "atol": 1e-3}
    np.testing.assert_allclose(found["waist.acc.x std"], x.std(axis=1), **close)
    np.testing.assert_allclose(found["waist.acc.x median"], np.median(x, axis=1), **close)
    np.testing.assert_allclose(
        found["waist.acc.x iqr"], np.subtract(*np.percentile(x, [75, 25], axis=1)), **close
    )
    np.testing.assert_allclose(found["waist.acc.x skew"], skew(x, axis=1), **close)
    np.testing.assert_allclose(found["waist.acc.x kurtosis"], kurtosis(x, axis=1), **close)


def test__features__nonsense__says_what_to_do() -> None:
    windows = np.zeros((1, 3, 64), dtype=np.float32)
    with pytest.raises(ChannelError, match="0 to 2"):
        hand_made_features(windows, 50.0, [(0, 1, 3)])
    with pytest.raises(DataError, match="at least 4 samples"):
        hand_made_features(windows[..., :3], 50.0)
    with pytest.raises(ConfigError, match="rate_hz"):
        hand_made_features(windows, 0.0)
    assert hand_made_features(windows[:0], 50.0, _TRIADS).shape == (0, 4 * len(SIGNAL_FEATURES) + 3)
