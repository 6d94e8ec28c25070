"""Bins against scikit-learn's, at their limits, and through JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import KBinsDiscretizer

from otolith.core.errors import CheckpointError, ConfigError
from otolith.data.physics.bins import UniformBins

numbers = arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e3, 1e3, width=32))


@settings(max_examples=60, deadline=None)
@given(values=numbers, unseen=numbers, n_bins=st.integers(2, 15))
def test__uniform_bins__without_clipping__equal_scikit_learn(values, unseen, n_bins):
    if values.min() == values.max():  # scikit-learn makes one bin of it; here it is masked
        return
    theirs = KBinsDiscretizer(n_bins, strategy="uniform", encode="ordinal").fit(values[:, None])
    ours = UniformBins.fit(values, n_bins, clip_percentile=None)
    assert np.array_equal(ours.edges, theirs.bin_edges_[0])
    for numbers_to_bin in (values, unseen):
        assert np.array_equal(
            ours.transform(numbers_to_bin), theirs.transform(numbers_to_bin[:, None])[:, 0]
        )


def test__fit__eleven_bins__are_equal_steps():
    bins = UniformBins.fit(np.linspace(0.0, 11.0, 100), clip_percentile=None)
    assert bins.edges == pytest.approx(np.arange(12.0))
    assert bins.transform(np.array([-5.0, 0.0, 0.999, 1.0, 10.5, 11.0, 99.0])).tolist() == [
        0,
        0,
        0,
        1,
        10,
        10,
        10,
    ]


def test__fit__one_outlier__empties_the_bins_only_without_clipping():
    values = np.append(np.linspace(0.0, 1.0, 2000), 1e6)
    clipped, literal = UniformBins.fit(values), UniformBins.fit(values, clip_percentile=None)
    count, one_bin = (bins.occupancy(bins.transform(values)) for bins in (clipped, literal))
    assert count.max() < 0.15 * count.sum()
    assert one_bin.max() > 0.99 * one_bin.sum()
    assert clipped.edges[[0, -1]] == pytest.approx(np.percentile(values, [0.5, 99.5]))


def test__transform__undefined_values__are_masked_and_counted_nowhere():
    bins = UniformBins.fit(np.array([np.nan, 0.0, np.inf, 4.0]), 4, clip_percentile=None)
    codes = bins.transform(np.array([[np.nan, 0.0], [3.5, -np.inf]]))
    assert codes.tolist() == [[-1, 0], [3, -1]]
    assert codes.dtype == np.int64
    assert bins.occupancy(codes).tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize("values", [np.full(9, 3.0), np.full(9, np.nan), np.zeros(0)])
def test__fit__constant_or_missing__masks_everything(values):
    bins = UniformBins.fit(values)
    assert bins.constant
    assert bins.transform(np.array([0.0, 3.0, 5.0])).tolist() == [-1, -1, -1]
    assert not bins.occupancy(bins.transform(values)).any()
    assert UniformBins.from_dict(json.loads(json.dumps(bins.to_dict(), allow_nan=False))) == bins


@settings(max_examples=30, deadline=None)
@given(values=numbers, clip=st.sampled_from([None, (0.5, 99.5), (5.0, 90.0)]))
def test__to_dict__through_json__is_the_same_again(values, clip):
    bins = UniformBins.fit(values, 7, clip)
    again = UniformBins.from_dict(json.loads(json.dumps(bins.to_dict(), allow_nan=False)))
    assert again == bins
    assert hash(again) == hash(bins)
    assert np.array_equal(again.transform(values), bins.transform(values))


def test__edges__once_fitted__cannot_be_changed():
    bins = UniformBins.fit(np.arange(5.0))
    with pytest.raises(ValueError, match="read-only"):
        bins.edges[0] = -1.0
    assert bins != UniformBins.fit(np.arange(6.0))


def test__fit__settings_out_of_range__say_so():
    with pytest.raises(ConfigError, match="n_bins=1"):
        UniformBins.fit(np.arange(5.0), 1)
    for clip in ((99.0, 1.0), (-1.0, 50.0), (0.0, 101.0)):
        with pytest.raises(ConfigError, match="clip_percentile"):
            UniformBins.fit(np.arange(5.0), clip_percentile=clip)
    with pytest.raises(ConfigError, match="rising"):
        UniformBins(np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    "stored",
    [{}, {"edges": ["a"], "clip_percentile": None}, {"edges": [0.0], "clip_percentile": None}],
)
def test__from_dict__damaged__says_what_was_found(stored):
    with pytest.raises(CheckpointError, match="Stored bins"):
        UniformBins.from_dict(stored)
