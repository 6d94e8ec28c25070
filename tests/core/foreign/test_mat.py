"""MATLAB files: our parser reads what scipy wrote, and ends in our own error on whatever else it is
given."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from otolith.core.errors import ReadError
from otolith.core.foreign.mat import mat_shapes, read_mat
from otolith.core.limits import DEFAULT_BYTES

ARRAYS = {
    "x": np.arange(24.0).reshape(2, 3, 4),
    "single": np.float32([[1.5, -2.0]]),
    "whole": np.arange(-3, 3, dtype=np.int16),
    "truth": np.array([True, False]),
    "none": np.zeros((0, 3)),
}
OTHERS = {"text": "words", "record": {"a": 1}, "complex": np.ones(2) * 1j}


@pytest.mark.parametrize("packed", [False, True])
def test__read_mat__what_scipy_wrote__is_what_scipy_reads(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, OTHERS | ARRAYS, do_compression=packed)
    theirs, ours = loadmat(path), read_mat(path, list(ARRAYS))
    for name in ARRAYS:
        np.testing.assert_array_equal(ours[name], theirs[name])
        assert ours[name].shape == theirs[name].shape == mat_shapes(path)[name]
    assert read_mat(path, ["absent"]) == {}
    for name in OTHERS:
        with pytest.raises(ReadError, match="no plain array"):
            read_mat(path, [name])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test__read_mat__bytes_changed_or_cut__ends_in_numbers_or_our_error(
    data: st.DataObject, tmp_path: Path
) -> None:
    path = tmp_path / "a.mat"
    savemat(path, OTHERS | ARRAYS, do_compression=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (lambda: read_mat(path, list(ARRAYS)), lambda: mat_shapes(path)):
        try:
            read()
        except ReadError as error:
            assert "a.mat" in str(error)


def test__read_mat__packed_array_changed__is_seen_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.random.default_rng(0).normal(size=500)}, do_compression=True)
    content = bytearray(path.read_bytes())
    content[-300] ^= 1
    path.write_bytes(content)
    with pytest.raises(ReadError, match="MATLAB"):
        read_mat(path, ["x"])


def test__read_mat__terabyte_and_bomb__are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.zeros(8)})
    content = bytearray(path.read_bytes())
    at = content.index(struct.pack("<ii", 1, 8))
    content[at : at + 8] = struct.pack("<ii", 2**31 - 1, 2**31 - 1)
    path.write_bytes(content)
    with pytest.raises(ReadError, match="bytes of numbers"):
        read_mat(path, ["x"])
    savemat(path, {"x": np.zeros(DEFAULT_BYTES // 8 + 8)}, do_compression=True)
    with pytest.raises(ReadError, match="--max-bytes"):
        read_mat(path, ["x"])


@pytest.mark.parametrize(
    "start",
    [b"", b"\x89HDF\r\n\x1a\n" + bytes(600), b"MATLAB 7.3 MAT-file" + bytes(600), bytes(99)],
)
def test__read_mat__other_version_or_none__says_what_to_do(start: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(start)
    with pytest.raises(ReadError, match="-v7"):
        read_mat(path, ["x"])
    header = bytes(124) + b"\x00\x01IM"
    path.write_bytes(header + struct.pack("<II", 15, 20) + zlib.compress(bytes(5)) + bytes(7))
    with pytest.raises(ReadError):
        mat_shapes(path)
