"""Project Aria's motion sensors: CSV as it is, VRS through the tools' interface, and neither where
it is not there."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from otolith.core.errors import ConfigError, ReadError
from otolith.data.readers import aria


class Provider:
    """What projectaria-tools 2.3 offers of a VRS file, as far as it is asked."""

    def __init__(self, stream: str = "1202-1") -> None:
        self.stream = stream

    def check_stream_is_active(self, stream: str) -> bool:
        return stream == self.stream

    def get_num_data(self, stream: str) -> int:
        return 5

    def get_imu_data_by_index(self, stream: str, index: int) -> SimpleNamespace:
        return SimpleNamespace(
            capture_timestamp_ns=7_000_000_000 + 1_000_000 * index,
            accel_msec2=[0.1, 9.8, float(index)],
            gyro_radsec=[0.0, 0.5, -0.5],
            accel_valid=True,
            gyro_valid=index != 3,
        )


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {
        "projectaria_tools.core.data_provider": SimpleNamespace(
            create_vrs_data_provider=lambda name: None if "broken" in name else Provider()
        ),
        "projectaria_tools.core.stream_id": SimpleNamespace(StreamId=str),
    }
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: parts.get(name) or real(name))


@pytest.fixture
def vrs(tmp_path: Path) -> Path:
    path = tmp_path / "aria01_noimagestreams.vrs"
    path.write_bytes(b"vrs")
    return path


def test__read_imu__vrs__seconds_and_si_and_what_is_not_valid(tools: Any, vrs: Path) -> None:
    time_s, values, reports = aria.read_imu(vrs)
    np.testing.assert_allclose(time_s, [0.0, 0.001, 0.002, 0.003, 0.004], atol=1e-12)
    np.testing.assert_allclose(values[4], [0.1, 9.8, 4.0, 0.0, 0.5, -0.5])
    assert np.isnan(values[3]).all() and reports == ()


def test__export_csv__then_read__is_the_same(
    tools: Any, vrs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert aria.main([str(vrs)]) == 0
    out = Path(capsys.readouterr().out.strip())
    assert out == vrs.with_name("aria01_imu-right.csv") == aria.csv_of(vrs.with_name("aria01.vrs"))
    for one, two in zip(aria.read_imu(out)[:2], aria.read_imu(vrs)[:2], strict=True):
        np.testing.assert_allclose(one, two)


def test__read_imu__sensor_not_recorded__is_told(tools: Any, vrs: Path) -> None:
    with pytest.raises(ReadError, match=r"no motion sensor 1202-2 \(left\)"):
        aria.read_imu(vrs, "left")


@pytest.mark.parametrize("name", ["broken.vrs", "absent.vrs"])
def test__read_imu__no_vrs_file__is_told(tools: Any, vrs: Path, name: str) -> None:
    if name == "broken.vrs":
        vrs.rename(vrs.with_name(name))
    with pytest.raises(ReadError, match=f"{name} cannot be opened"):
        aria.read_imu(vrs.with_name(name))


def test__read_imu__without_the_tools__says_what_to_install_or_to_make(
    vrs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "projectaria_tools", None)
    with pytest.raises(
        ConfigError, match=r"pip install --no-deps projectaria-tools.*aria01_imu-right\.csv"
    ):
        aria.read_imu(vrs)


def test__read_imu__csv_without_a_column__names_it(tmp_path: Path) -> None:
    path = tmp_path / "aria01_imu-right.csv"
    path.write_text("timestamp_ns,accel_x,accel_y,accel_z,gyro_x,gyro_y\n0,0,0,0,0,0\n")
    with pytest.raises(ReadError, match="no column 'gyro_z'"):
        aria.read_imu(path)
