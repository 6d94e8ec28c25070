"""Every number that stands in some files, whatever reads them."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator

import numpy as np

_BETWEEN = re.compile(rb"[,;\t\s\"'\[\]{}:]+")
_BETWEEN_DECIMAL_COMMA = re.compile(rb"[;\t\s\"'\[\]{}:]+")
MOST = 64 * 2**20
"""Of what is packed, so much is looked at; a bomb is read by nobody."""


def numbers_in(content: bytes) -> Iterator[np.ndarray]:
    """Arrays of all numbers that the bytes may mean: as text, as arrays of any place and width,
    within archives."""
    if content[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    with archive.open(name) as opened:
                        yield from numbers_in(opened.read(MOST))
        except Exception:
            return
    elif content[:2] == b"\x1f\x8b":
        try:
            with gzip.open(io.BytesIO(content)) as opened:
                yield from numbers_in(opened.read(MOST))
        except Exception:
            return
    elif content[:4] == b"PAR1":
        yield _of_parquet(content)
    elif content[:6] in (b"\x93NUMPY", b"MATLAB"):
        inner, places = content, (0, 4)  # elements begin at multiples of eight, small ones at four
        if content[:6] != b"MATLAB":  # an array begins where its header ends
            wide = 2 if content[6:7] == b"\x01" else 4
            inner, places = (
                content[8 + wide + int.from_bytes(content[8 : 8 + wide], "little") :],
                (0,),
            )
        elif int.from_bytes(content[128:132], "little") == 15:
            inner = zlib.decompressobj().decompress(content[136:], MOST)
        for width, types in (
            (8, ("<f8", "<i8")),
            (4, ("<f4", "<i4")),
            (2, ("<i2", "<u2")),
            (1, ("u1", "i1")),
        ):
            for start in (place for place in places if place < width or width == 8):
                usable = (len(inner) - start) // width * width
                for one in types:
                    for order in (one, one.replace("<", ">")):
                        with np.errstate(invalid="ignore"):
                            yield np.frombuffer(
                                inner[start : start + max(0, usable)], order
                            ).astype(np.float64)
    else:
        yield _of_text(content)


def _of_text(content: bytes) -> np.ndarray:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", "ignore").encode()
    found = []
    for between in (_BETWEEN, _BETWEEN_DECIMAL_COMMA):
        for word in between.split(content):
            try:
                found.append(float(word.replace(b",", b".")))
            except ValueError:
                continue
    return np.array(found)


def _of_parquet(content: bytes) -> np.ndarray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(content))
        table = file.read() if file.metadata.num_rows < 10**6 else None
    except Exception:
        return np.zeros(0)
    found = []
    for column in table.columns if table is not None else ():
        for value in column.to_pylist():
            try:
                found.append(float(value))
            except (TypeError, ValueError, OverflowError):
                continue
    return np.array(found)


def as_kept(found: Iterable[np.ndarray], factors: Iterable[float]) -> np.ndarray:
    """What may stand in a stream: each number times each factor, as float32."""
    flat = np.unique(np.concatenate([np.zeros(0), *(array.reshape(-1) for array in found)]))
    with np.errstate(all="ignore"):
        # A file may say that its numbers are single ones, before they are multiplied.
        both = np.concatenate([flat, flat.astype(np.float32).astype(np.float64)])
        kept = np.unique(np.concatenate([(both * factor).astype(np.float32) for factor in factors]))
    return kept[np.isfinite(kept)]
