"""Data sets whose files are not what their authors wrote: each ends in our own error or in
recordings, nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from otolith.core.errors import OtolithError, ReadError
from otolith.data.datasets import ego4d, ego_exo4d, hapt, ipol_gait, mm_fit, realworld2016, utd_mhad
from otolith.data.datasets.dataset import import_dataset

# Trials made alike are told as copies of one another; that is another matter.
pytestmark = pytest.mark.filterwarnings("ignore::otolith.core.errors.OtolithWarning")

ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    "",
    "\ud800",
    "../../x",
    "/etc/passwd",
    "a" * 300,
    1e300,
    -1,
    float("nan"),
    [[1]],
    True,
)


def every_place(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Each place in a JSON file, as the keys that lead there."""
    yield at
    keys = (
        content
        if isinstance(content, dict)
        else range(min(len(content), 2))
        if isinstance(content, list)
        else ()
    )
    for key in keys:
        yield from every_place(content[key], (*at, key))


def changed(content: Any, at: tuple[Any, ...], value: Any) -> Any:
    if not at:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[at[0]] = changed(content[at[0]], at[1:], value)
    return copy


@pytest.mark.parametrize(
    ("module", "name", "file"),
    [
        (ego4d, "ego4d", "ego4d.json"),
        (ego4d, "ego4d", "narration.json"),
        (ego_exo4d, "ego_exo4d", "takes.json"),
        (ego_exo4d, "ego_exo4d", "atomic_descriptions_train.json"),
        (ego_exo4d, "ego_exo4d", "splits.json"),
        (ipol_gait, "ipol_gait", "1-1.json"),
    ],
)
def test__import__any_type_at_any_key__ends_in_a_study_or_our_error(
    module: Any, name: str, file: str, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    module.write_sample(whole)
    _shortened(whole)
    (path,) = whole.rglob(file)
    original = json.loads(path.read_text())
    places = list(every_place(original))
    random = np.random.default_rng(0)
    for number in random.permutation(len(places))[:25]:
        value = ODD[int(random.integers(len(ODD)))]
        path.write_text(json.dumps(changed(original, places[number], value)))
        try:
            import_dataset(whole, name, tmp_path / "study", overwrite=True)
        except OtolithError as error:
            assert str(error)
        assert {p.name for p in tmp_path.iterdir()} <= {"whole", "study"}
        shutil.rmtree(tmp_path / "study", ignore_errors=True)


def _shortened(folder: Path) -> None:
    """Keep a tenth of each table: this is about the other files."""
    for path in [*folder.rglob("*.csv"), *folder.rglob("*_??.txt")]:
        lines = path.read_text().splitlines()
        path.write_text("\n".join(lines[: max(60, len(lines) // 10)]) + "\n")


@pytest.mark.parametrize(
    "rows",
    [
        np.full((50, 6), np.nan),
        np.full((50, 6), 1e39),
        np.full((50, 6), 1e300),
        np.zeros((0, 6)),
        np.zeros((6,)),
        np.zeros((50, 7)),
        np.zeros((1, 6)) + 9.8,
        np.ones((50, 6)) * 1j,
    ],
)
def test__utd_mhad__odd_arrays__end_in_a_study_or_our_error(
    rows: np.ndarray, tmp_path: Path
) -> None:
    utd_mhad.write_sample(tmp_path / "whole")
    for path in (tmp_path / "whole" / "Inertial").glob("*.mat"):
        savemat(path, {"d_iner": rows})
    try:
        study = import_dataset(tmp_path / "whole", "utd_mhad", tmp_path / "study")
    except OtolithError:
        return
    assert all(
        np.isfinite(stream.values).all() for recording in study for stream in recording.streams
    )


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39, 1e300, -1e18])
def test__mm_fit__odd_numbers__end_in_finite_recordings_or_our_error(
    column: int, value: float, tmp_path: Path
) -> None:
    mm_fit.write_sample(tmp_path)
    path = tmp_path / "mm-fit" / "w00" / "w00_sw_l_acc.npy"
    rows = np.load(path)
    for count in (1, len(rows)):
        odd = rows.copy()
        odd[:count, column] = value
        np.save(path, odd)
        try:
            recording = next(iter(mm_fit.MmFit().read(tmp_path)))
        except OtolithError:
            continue
        assert all(
            np.isfinite(stream.values).all() and np.isfinite(stream.time_s).all()
            for stream in recording.streams
        )


@pytest.mark.parametrize(
    "line",
    [
        "1 1 0 1 250",
        "1 1 -3 1 250",
        "1 1 5 9 2",
        "1 1 5 1 " + "9" * 400,
        "1 1 5",
        "\xff",
        "1 1 5 -1 2",
    ],
)
def test__hapt__label_that_cannot_be__is_told_with_its_line(line: str, tmp_path: Path) -> None:
    hapt.write_sample(tmp_path)
    (tmp_path / "RawData" / "labels.txt").write_text(line + "\n", encoding="latin-1")
    with pytest.raises(ReadError, match="line 1"):
        next(iter(hapt.Hapt().read(tmp_path)))


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b[:60] + b"\xff" * 20 + b[80:],
        lambda b: b"",
        lambda b: b"PK\5\6" + bytes(18),
    ],
)
def test__realworld2016__archive_damaged__is_named(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    realworld2016.write_sample(tmp_path)
    path = next(tmp_path.rglob("acc_standing_csv.zip"))
    path.write_bytes(damage(path.read_bytes()))
    try:
        list(realworld2016.RealWorld2016(positions=("head",)).read(tmp_path))
    except ReadError as error:
        assert "acc_standing_csv.zip" in str(error)
    else:
        assert path.stat().st_size == 22  # an archive of nothing is whole
