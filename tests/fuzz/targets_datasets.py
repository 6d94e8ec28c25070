"""Every published data set, in the tiny fake that stands beside its class."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fuzz.target import Target
from otolith.data.datasets import FAMILY
from otolith.data.quantities import factor

LESS: dict[str, tuple[str, ...]] = {
    "utd_mhad": ("a2_*", "a10_*", "a1_s2_*"),
    "ipol_gait": ("10-*",),
    "mm_fit": ("w00_eb*", "w00_sp_r*", "w00_sw*", "w01_sw_r*"),
    "realworld2016": ("acc_standing*", "gyr_climbing*", "mag_*"),
}
"""Files of a sample that only say again what others say: without them a case is quick."""


def _reader(name: str) -> Callable[[Path, Path, str], Any]:
    def read(given: Path, out: Path, harmed: str) -> Any:
        dataset = FAMILY.resolve(name)()
        recordings = list(dataset.read(given))
        dataset.write_modalities(
            given, out, [replace(recording, streams=()) for recording in recordings]
        )
        return recordings, written(out)

    return read


def written(folder: Path) -> Any:
    """What was written beside the recordings."""
    from otolith.data.paired import read_table

    return {
        path.relative_to(folder).as_posix(): read_table(path).to_pydict()
        for path in sorted(folder.rglob("*.parquet"))
    }


def _writer(name: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        importlib.import_module(FAMILY[name].partition(":")[0]).write_sample(folder)
        for pattern in LESS.get(name, ()):
            for path in sorted(folder.rglob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return write


def _target(name: str) -> Target:
    units: dict[str, str] = FAMILY.resolve(name).units
    factors = (1.0, *(factor(quantity, unit) for quantity, unit in units.items()))
    if name == "mm_fit":  # the earbud's unit is seen from its numbers
        factors = (*factors, *(factor(q, unit) for q, unit in (("acc", "g"), ("gyro", "deg/s"))))
    promise = "checked" if name == "realworld2016" else "rest"
    return Target(
        f"dataset_{name}",
        _writer(name),
        _reader(name),
        (f"data set {name}",),
        promise,
        factors=factors,
    )  # type: ignore[arg-type]


TARGETS = tuple(_target(name) for name in FAMILY)
