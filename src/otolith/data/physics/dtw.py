"""Dynamic time warping: how far apart two signals are if one may locally run faster than the other.

    D[i, j] = c(x[i], y[j]) + min(D[i−1, j], D[i, j−1], D[i−1, j−1])

with c(x, y) = |x − y| or (x − y)²; the distance is D in the last cell. (Sakoe and Chiba, "Dynamic
programming algorithm optimization for spoken word recognition", 1978,
https://doi.org/10.1109/TASSP.1978.1163055.)

Many pairs are computed at once, thirty-two side by side in the processor's vector lanes (see
`lanes`) and on all cores that Numba was given. Pairs may differ in length: a cell of the table
depends only on cells before it, so what a short pair holds beyond its end cannot reach its own last
cell.
"""

from __future__ import annotations

from typing import Any, Literal

import numba
import numpy as np
from jaxtyping import Float, Float32, Int

from otolith.core.errors import ConfigError, DataError
from otolith.data.physics.lanes import (
    LANES,
    add,
    load,
    maximum,
    minimum,
    multiply,
    splat,
    store,
    subtract,
)

Cost = Literal["absolute", "squared"]

_PAIRS_AT_ONCE = 1 << 20  # index arrays of a large distance matrix are built in parts


def distance(
    x: Float[np.ndarray, "T"],
    y: Float[np.ndarray, "T2"],
    cost: Cost = "absolute",
    band: int | None = None,
    root: bool = False,
) -> float:
    """Return how far apart two signals are, in float64; for many pairs use `distances`.

    `band`, `cost` and `root` as there. NaN or infinity in either signal gives NaN. Raises
    ConfigError for an unknown cost or a negative band, DataError for an empty signal or wrong
    dimensions.

    >>> distance(np.array([0.0, 1.0, 2.0]), np.array([0.0, 2.0, 2.0]))
    1.0
    """
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 1 or second.ndim != 1 or 0 in (first.size, second.size):
        raise DataError(
            "distance compares two one-dimensional signals with samples in them; found shapes "
            f"{first.shape} and {second.shape}. For many pairs call distances(x, y)."
        )
    squared, allowed = _settings(cost, band, max(first.size, second.size))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return float("nan")
    low, high = _band_edges(first.size - second.size, allowed)
    total = float(_one(first, second, low, high, squared))
    return float(np.sqrt(total)) if root else total


def distances(
    x: Float[np.ndarray, "N T"],
    y: Float[np.ndarray, "N T2"],
    lengths: Int[np.ndarray, "N"] | None = None,
    lengths_y: Int[np.ndarray, "N"] | None = None,
    cost: Cost = "absolute",
    band: int | None = None,
    root: bool = False,
) -> Float32[np.ndarray, "N"]:
    """Return how far apart row n of x and row n of y are, for every n.

    Only the first `lengths[n]` samples of both rows count (of x alone when `lengths_y` is given for
    y); None means all. `band` is how many samples a path may leave the diagonal (counted from the
    nearer of the two corner diagonals when lengths differ); None allows any. `root` takes the
    square root of the sum. Sums are float32, with a relative error of about 1e-6. Rows with NaN or
    infinity among the samples that count give NaN. Raises ConfigError for an unknown cost or a
    negative band, DataError for shapes or lengths that do not fit.

    >>> float(distances(np.array([[0.0, 1.0, 2.0]]), np.array([[0.0, 0.0, 2.0]]))[0])
    1.0
    """
    first, second = _rows(x, "x"), _rows(y, "y")
    if len(first) != len(second):
        raise DataError(
            f"distances compares row by row; found {len(first)} rows in x and {len(second)} in y."
        )
    rows = _lengths(lengths, first, "lengths")
    columns = _lengths(lengths if lengths_y is None else lengths_y, second, "lengths_y")
    squared, allowed = _settings(cost, band, max(first.shape[1], second.shape[1]))
    which = np.arange(len(first))
    start = np.zeros(len(first), np.int64)
    result = warp_pairs(
        first, second, np.stack([which, which, start, start, rows, columns]), allowed, squared
    )
    return np.sqrt(result) if root else result


def distance_matrix(
    series: Float[np.ndarray, "N T"],
    cost: Cost = "squared",
    root: bool = True,
    band: int | None = None,
) -> Float32[np.ndarray, "N N"]:
    """Return how far apart every two of N equally long signals are: symmetric, its diagonal zero.

    With the settings given here it is the figure that other time-warping libraries call the DTW
    distance. Rows with NaN or infinity give NaN against every other row.

    Raises ConfigError for an unknown cost or a negative band, DataError for an array that is not
    (N, T).
    """
    rows = _rows(series, "series")
    count, samples = rows.shape
    squared, allowed = _settings(cost, band, samples)
    result = np.zeros((count, count), np.float32)
    top = 0
    while top < count - 1:
        bottom = min(count - 1, top + max(1, _PAIRS_AT_ONCE // count))
        first = np.repeat(
            np.arange(top, bottom), np.arange(count - 1 - top, count - 1 - bottom, -1)
        )
        second = np.concatenate([np.arange(index + 1, count) for index in range(top, bottom)])
        start = np.zeros(len(first), np.int64)
        lengths = np.full(len(first), samples)
        part = warp_pairs(
            rows, rows, np.stack([first, second, start, start, lengths, lengths]), allowed, squared
        )
        result[first, second] = result[second, first] = np.sqrt(part) if root else part
        top = bottom
    return result


def warp_pairs(
    x: Float[np.ndarray, "rows T"],
    y: Float[np.ndarray, "rows2 T2"],
    pairs: Int[np.ndarray, "6 N"],
    band: int,
    squared: bool,
) -> Float32[np.ndarray, "N"]:
    """Return the distances of pairs cut out of the rows of x and y, without copying the rows first.

    The six rows of `pairs` say, pair by pair: row of x, row of y, first sample in x, first sample
    in y, samples of x, samples of y. x and y are float64 and C-contiguous. Nothing is checked:
    `distances` is the door for users.
    """
    count = pairs.shape[1]
    result = np.empty(count, np.float32)
    if not count:
        return result
    rows, columns = pairs[4], pairs[5]
    # The edges of the band follow from the difference of lengths, so pairs in one group of lanes
    # share that difference.
    unlimited = band >= max(int(rows.max()), int(columns.max()))
    difference = np.zeros(count, np.int64) if unlimited else rows - columns
    order = np.lexsort((rows, difference))
    ordered = difference[order]
    changes = np.flatnonzero(np.diff(ordered)) + 1
    runs = zip([0, *changes], [*changes, count], strict=True)
    bounds = np.concatenate([*(np.arange(start, end, LANES) for start, end in runs), [count]])
    low, high = _band_edges(ordered[bounds[:-1]], band)
    _groups(x, y, np.ascontiguousarray(pairs[:, order]), bounds, low, high, squared, order, result)
    return result


@numba.njit(cache=True)
def _one(x: Any, y: Any, low: int, high: int, squared: bool) -> float:
    row = np.full(len(y), np.inf)
    for i in range(len(x)):
        first = max(0, i + low)
        left = np.inf
        diagonal = np.inf
        if i == 0:
            diagonal = 0.0
        elif first > 0:
            diagonal = row[first - 1]
        for j in range(first, min(len(y), i + high + 1)):
            above = row[j]
            gap = x[i] - y[j]
            left = (gap * gap if squared else abs(gap)) + min(left, diagonal, above)
            diagonal = above
            row[j] = left
    return row[len(y) - 1]  # type: ignore[no-any-return]


@numba.njit(cache=True)
def _sweep(
    x: Any, y: Any, row: Any, rows: Any, columns: Any, low: int, high: int, squared: bool
) -> None:
    """Fill the tables of one group row by row in place; leaves the answer of lane p in row[0, p].

    x, y and row hold one time step per row and one pair per lane. Pairs stand in rising order of
    `rows`.
    """
    widest = columns.max()
    answers = np.empty(len(rows), np.float32)
    outside = splat(np.inf)
    for j in range(widest):
        store(row, j, outside)
    done = 0
    for i in range(rows[-1]):
        first = max(0, i + low)
        sample = load(x, i)
        left = outside
        if i == 0:
            diagonal = splat(0.0)
        elif first > 0:
            diagonal = load(row, first - 1)
        else:
            diagonal = outside
        for j in range(first, min(widest, i + high + 1)):
            other = load(y, j)
            above = load(row, j)
            best = minimum(minimum(above, diagonal), left)
            gap = subtract(sample, other)
            price = multiply(gap, gap) if squared else maximum(gap, subtract(other, sample))
            left = add(price, best)
            diagonal = above
            store(row, j, left)
        while done < len(rows) and rows[done] == i + 1:
            answers[done] = row[columns[done] - 1, done]
            done += 1
    row[0, : len(rows)] = answers


@numba.njit(cache=True)
def _place(signal: Any, start: int, length: int, centre: float, lanes: Any, lane: int) -> bool:
    """Copy one signal into its lane as float32, less `centre`; return whether all is finite."""
    finite = True
    for t in range(length):
        value = signal[start + t] - centre
        finite &= np.isfinite(value)
        lanes[t, lane] = value
    if not finite:
        lanes[:, lane] = 0.0
    return finite


@numba.njit(cache=True, parallel=True)
def _groups(
    x: Any,
    y: Any,
    pairs: Any,
    bounds: Any,
    low: Any,
    high: Any,
    squared: bool,
    order: Any,
    result: Any,
) -> None:
    x_row, y_row, x_start, y_start, rows, columns = pairs
    for group in numba.prange(len(bounds) - 1):
        begin, end = bounds[group], bounds[group + 1]
        tallest, widest = rows[begin:end].max(), columns[begin:end].max()
        x_lanes = np.zeros((tallest, LANES), np.float32)
        y_lanes = np.zeros((widest, LANES), np.float32)
        row = np.empty((widest, LANES), np.float32)
        finite = np.empty(end - begin, np.bool_)
        for pair in range(begin, end):
            left, right = x[x_row[pair]], y[y_row[pair]]
            # Distances do not change when both signals move together; near zero, single precision
            # is at its finest.
            centre = 0.5 * (left[x_start[pair]] + right[y_start[pair]])
            whole = _place(left, x_start[pair], rows[pair], centre, x_lanes, pair - begin)
            finite[pair - begin] = (
                _place(right, y_start[pair], columns[pair], centre, y_lanes, pair - begin) and whole
            )
        _sweep(
            x_lanes,
            y_lanes,
            row,
            rows[begin:end],
            columns[begin:end],
            low[group],
            high[group],
            squared,
        )
        for pair in range(begin, end):
            result[order[pair]] = row[0, pair - begin] if finite[pair - begin] else np.nan


def _band_edges(difference: Any, band: int) -> tuple[Any, Any]:
    """First and last j - i inside the band when x is `difference` samples longer than y."""
    return -(band + np.maximum(difference, 0)), band + np.maximum(-difference, 0)


def _settings(cost: str, band: int | None, longest: int) -> tuple[bool, int]:
    if cost not in ("absolute", "squared"):
        raise ConfigError(f"The cost of time warping is 'absolute' or 'squared'; found {cost!r}.")
    if band is not None and band < 0:
        raise ConfigError(
            f"A band of {band} samples allows no path; give 0 or more, or None for no band."
        )
    return cost == "squared", longest if band is None else min(int(band), longest)


def _rows(values: Any, name: str) -> Float[np.ndarray, "N T"]:
    array = np.ascontiguousarray(values, np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(
            f"{name} holds one signal per row, shape (N, T) with T > 0; found shape {array.shape}."
        )
    return array


def _lengths(lengths: Any, signals: Any, name: str) -> Int[np.ndarray, "N"]:
    count, samples = signals.shape
    if lengths is None:
        return np.full(count, samples, np.int64)
    array = np.asarray(lengths, np.int64)
    if array.shape != (count,) or (count and not (array.min() >= 1 and array.max() <= samples)):
        raise DataError(f"{name} holds {count} whole numbers from 1 to {samples}; found {array!r}.")
    return array
