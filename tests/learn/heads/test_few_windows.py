"""Heads that are fitted at once, on as few windows as there can be."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from otolith.learn import heads


@pytest.mark.parametrize("name", ["logistic", "forest"])
def test__closed_head__one_window_for_each_of_many_classes__fits_without_a_warning(
    name: str,
) -> None:
    vectors = np.eye(27, dtype=np.float32) * 5
    head = heads.FAMILY.resolve(name)(27, 27)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head.fit(vectors, np.arange(27), seed=0)
    assert all(torch.isfinite(buffer).all() for buffer in head.buffers())
