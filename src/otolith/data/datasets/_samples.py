"""Tiny fakes of published data sets: what `write_sample` of every data set is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float


def fake_imu(
    rest: Sequence[float], rows: int, seed: int | list[int], noise: float = 0.02
) -> Float[np.ndarray, "T C"]:
    """Return a sensor that lies still for the first half and then moves.

    rest: what each of the C channels reads at rest, in the unit that the authors' file has.
    """
    random = np.random.default_rng(seed)
    values: np.ndarray = random.normal(0, noise, (rows, len(rest))) + np.array(rest)
    values[rows // 2 :] += 15 * noise * np.sin(np.arange(rows - rows // 2) / 8)[:, None]
    return values


def table_text(header: str, *columns: object, delimiter: str = ",") -> str:
    """Return columns side by side as text; an array of two dimensions is several columns.

    An empty header leaves its line out. Numbers are written with all their digits.

    >>> table_text("t,x", [0, 20], [0.5, 1.0])
    't,x\\n0,0.5\\n20,1.0\\n'
    """
    flat: list[list[object]] = []
    for column in columns:
        array = np.asarray(column)
        flat += array.T.tolist() if array.ndim == 2 else [array.tolist()]
    rows = [delimiter.join(map(str, cells)) for cells in zip(*flat, strict=True)]
    return "\n".join([*([header] if header else []), *rows, ""])


def write_table(path: Path, header: str, *columns: object, delimiter: str = ",") -> None:
    """Write what `table_text` returns, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(table_text(header, *columns, delimiter=delimiter), encoding="utf-8")


def write_json(path: Path, content: object) -> None:
    """Write JSON as the authors' files hold it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
