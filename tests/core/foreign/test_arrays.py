"""NumPy's files: what the header claims is held against what is there, before memory is taken."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ReadError
from otolith.core.foreign.arrays import npy_shape, npz, read_npy, sane
from otolith.core.limits import DEFAULT_BYTES


def npy(header: str, numbers: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1") + b"\n"
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + numbers


LIES = [
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", bytes(80)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", bytes(80)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 0)}"),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (11,)}", bytes(80)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9,)}", bytes(80)),
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n(S'true'\ntR."),
    npy("{'descr': '<U9', 'fortran_order': False, 'shape': (1,)}", bytes(36)),
    npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
    npy("{'descr': '<f8', 'fortran_order': 1, 'shape': (1,)}", bytes(8)),
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': 1}", bytes(8)),
    npy("{'descr': '<f8', 'shape': (1,)}", bytes(8)),
    npy("(" * 3000, bytes(8)),
    npy("__import__('os').system('true')", bytes(8)),
    npy(" " * 20_000_000, version=2),
    b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    b"\x93NUMPY\x01",
    b"",
    b"not an array",
]


@pytest.mark.parametrize("content", LIES, ids=range(len(LIES)))
def test__read_npy__header_lies__is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"a\.npy"):
        read_npy(path)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("poses.npy", content)
    (tmp_path / "a.npz").write_bytes(packed.getvalue())
    with npz(tmp_path / "a.npz") as arrays, pytest.raises(ReadError, match=r"a\.npz"):
        arrays.read("poses")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(5, dtype=">i2"),
        np.float64(3.5),
        np.zeros((0, 3)),
        np.array([True, False]),
    ],
)
def test__read_npy__what_numpy_wrote__is_what_numpy_reads(
    array: np.ndarray, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", x=array)
    with npz(tmp_path / "a.npz") as arrays:
        for found in (read_npy(tmp_path / "a.npy"), arrays.read("x")):
            np.testing.assert_array_equal(found, array)
            assert found.dtype == np.asarray(array).dtype
    assert npy_shape(tmp_path / "a.npy") == np.shape(array)


def test__npz__small_file_of_many_zeros__is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(
        path, poses=np.zeros(DEFAULT_BYTES // 8 + 1, dtype=np.int8)
    )  # eight times as much as float64
    with npz(path) as arrays, pytest.raises(ReadError, match="--max-bytes"):
        arrays.refuse_bomb(["poses"])


def test__sane__absurd_and_missing__are_nan() -> None:
    np.testing.assert_array_equal(
        sane(np.array([1.0, 1e39, -1e300, np.inf, np.nan])), [1, *[np.nan] * 4]
    )
