"""Project Aria's glasses: the motion sensors of a VRS file, or of the CSV that this module makes of
one.

VRS files are read by projectaria-tools (Apache-2.0,
https://facebookresearch.github.io/projectaria_tools), which brings far more than it needs here:
`pip install --no-deps projectaria-tools` is enough. Where even that cannot be installed, `python -m
otolith.data.readers.aria FILE.vrs …` writes the CSV elsewhere, and nothing but the CSV is needed
here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError, ReadError
from otolith.core.files import atomic_path
from otolith.data.readers.columns import read_columns
from otolith.data.recording import RowReport

STREAMS = {"right": "1202-1", "left": "1202-2"}
"""The right sensor gives 1000 samples a second, the left one 800."""
RATES_HZ = {"right": 1000.0, "left": 800.0}
COLUMNS = ("timestamp_ns", "accel_x", "accel_y", "accel_z", "gyro_x", "gyro_y", "gyro_z")
"""Of the CSV: the device's clock in nanoseconds, m/s² with gravity, rad/s."""


def csv_of(vrs: Path, side: str = "right") -> Path:
    """Where the CSV of a VRS file lies: aria01_imu-right.csv for aria01_noimagestreams.vrs and for
    aria01.vrs."""
    return vrs.with_name(f"{vrs.stem.removesuffix('_noimagestreams')}_imu-{side}.csv")


def read_imu(
    path: Path, side: str = "right"
) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, "T 6"], tuple[RowReport, ...]]:
    """Read one motion sensor: seconds from its first sample, acceleration (m/s²) and angular rate
    (rad/s).

    Samples that the glasses marked as not valid are nan. Raises ReadError for a damaged file or a
    missing sensor, ConfigError where a VRS file is to be read and projectaria-tools is not there.
    """
    if path.suffix.lower() == ".csv":
        table = read_columns(path, dict.fromkeys(COLUMNS, "number"))
        stamps, values = (
            table.numbers[COLUMNS[0]],
            np.column_stack([table.numbers[name] for name in COLUMNS[1:]]),
        )
        reports = (*table.reports, *table.remarks.values())
    else:
        stamps, values = _read_vrs(path, side)
        reports = ()
    finite = stamps[np.isfinite(stamps)]
    if not len(finite):
        raise ReadError(f"{path} holds no sample of the {side} motion sensor. Get it again.")
    return (stamps - finite[0]) * 1e-9, values, reports


def _read_vrs(path: Path, side: str) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, "T 6"]]:
    provider_of, stream_id = _tools(path)
    provider = provider_of(str(path)) if path.is_file() else None
    if provider is None:  # what the tools say where a file is none
        raise ReadError(
            f"{path} cannot be opened as a VRS file: it is missing, cut off or something else."
        )
    stream = stream_id(STREAMS[side])
    if not provider.check_stream_is_active(stream):
        raise ReadError(
            f"{path} has no motion sensor {STREAMS[side]} ({side}). Get the file again."
        )
    count = provider.get_num_data(stream)
    stamps, values = np.empty(count), np.full((count, 6), np.nan)
    for index in range(count):
        sample = provider.get_imu_data_by_index(stream, index)
        stamps[index] = sample.capture_timestamp_ns
        if sample.accel_valid and sample.gyro_valid:
            values[index, :3], values[index, 3:] = sample.accel_msec2, sample.gyro_radsec
    return stamps, values


def _tools(path: Path) -> tuple[Any, Any]:
    try:
        data_provider, stream_id = (
            importlib.import_module(f"projectaria_tools.core.{name}")
            for name in ("data_provider", "stream_id")
        )
    except ImportError as error:
        raise ConfigError(
            f"{path} is a VRS file, which projectaria-tools reads: pip install --no-deps "
            f"projectaria-tools. Or make a "
            f"CSV of it where it is installed, and lay it here as {csv_of(path).name}: "
            f"python -m otolith.data.readers.aria {path.name}"
        ) from error
    return data_provider.create_vrs_data_provider, stream_id.StreamId


def export_csv(vrs: Path, side: str = "right") -> Path:
    """Write a VRS file's motion sensor as CSV beside it, and return where; raises as `read_imu`
    does."""
    stamps, values = _read_vrs(vrs, side)
    out = csv_of(vrs, side)
    with atomic_path(out) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(",".join(COLUMNS) + "\n")
        for stamp, row in zip(stamps, values, strict=True):
            file.write(f"{int(stamp)}," + ",".join(f"{value:.7g}" for value in row) + "\n")
    return out


def main(arguments: Sequence[str]) -> int:
    """Make the CSV of each VRS file that is named; add --left for the left sensor."""
    side = "left" if "--left" in arguments else "right"
    for name in arguments:
        if not name.startswith("--"):
            print(export_csv(Path(name), side))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
