"""What a Parquet file's last bytes say, held against what Arrow reads there."""

from __future__ import annotations

import contextlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otolith.core.thrift import read_struct


def test__read_struct__a_parquet_footer__counts_as_arrow_does(tmp_path: Path) -> None:
    vectors = pa.array([[1.0, 2.0], [3.0], []], pa.list_(pa.float32()))
    pq.write_table(
        pa.table({"a": [1, 2, 3], "b": ["x", None, "z"], "c": vectors}),
        tmp_path / "a",
        row_group_size=2,
    )
    content = (tmp_path / "a").read_bytes()
    length = int.from_bytes(content[-8:-4], "little")
    footer = read_struct(BytesIO(content[-8 - length : -8]))
    metadata = pq.read_metadata(tmp_path / "a")
    assert footer[3] == metadata.num_rows == 3
    assert [[chunk[3][5] for chunk in group[1]] for group in footer[4]] == [
        [metadata.row_group(g).column(c).num_values for c in range(3)] for g in range(2)
    ]
    assert b"x" in str(footer).encode() and len(footer[4]) == 2


@given(st.binary(max_size=200))
def test__read_struct__any_bytes__a_struct_or_a_value_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(read_struct(BytesIO(content)), dict)


@pytest.mark.parametrize(
    "content", [b"", b"\x1c" * 100, b"\x19\xfc\xff\xff\xff\xff\x0f", bytes([0x15]) + b"\xff" * 20]
)
def test__read_struct__cut_off_too_deep_or_too_long__is_refused_at_once(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut off|too deeply|too long"):
        read_struct(BytesIO(content))


def test__read_struct__maps_and_doubles__are_passed_over() -> None:
    # field 1: a map of one binary to one i32; field 2: a double; field 3: true; then 7
    content = bytes([0x1B, 1, 0x85, 1, 65, 4, 0x17, *np.float64(1.5).tobytes(), 0x11, 0x15, 14, 0])
    assert read_struct(BytesIO(content)) == {
        1: [(b"A", 2)],
        2: np.float64(1.5).tobytes(),
        3: True,
        4: 7,
    }
