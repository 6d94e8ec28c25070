"""RealWorld 2016: archives within archives, parts, places whose side nobody knows, clocks."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from otolith.core.errors import ConfigError, ReadError, UnitError
from otolith.core.foreign.packed import archive_within
from otolith.data.datasets import import_dataset, realworld2016

DATA = "realworld2016_dataset/proband1/data"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    realworld2016.write_sample(tmp_path / "authors")
    return tmp_path / "authors"


def rewrite(path: Path, change: dict[str, bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        files: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | change).items():
            if content is not None:
                archive.writestr(name, content)


def table(
    start: int,
    rows: int = 400,
    header: str = "id,attr_time,attr_x,attr_y,attr_z",
    scale: float = 1.0,
) -> bytes:
    lines = [
        f"{n},{start + 20 * n},{0.0},{9.8 * scale},{0.1 * (n % 2) * scale}" for n in range(rows)
    ]
    return "\n".join([header, *lines, ""]).encode()


def test__read__parts_within_an_archive__are_recordings_of_their_own(source: Path) -> None:
    found = list(realworld2016.RealWorld2016().read(source))
    assert [r.id for r in found] == [
        "proband1_climbingup_1",
        "proband1_standing_1",
        "proband4_climbingup_1",
        "proband4_climbingup_2",
        "proband4_standing_1",
    ]
    assert [r.segments[0].label for r in found[:2]] == ["climbing stairs", "standing"]
    assert [len(r.streams) for r in found] == [21] * 5 and found[2].session == "climbingup_1"
    assert found[0].placements == sorted(realworld2016.POSITIONS.values())


def test__read__clocks__start_with_the_first_sensor(source: Path) -> None:
    streams = {s.name: s for s in next(realworld2016.RealWorld2016().read(source)).streams}
    assert next(realworld2016.RealWorld2016().read(source)).start.startswith("2015-06-22T19:06:40")  # type: ignore[union-attr]
    assert (streams["chest.acc"].time_s[0], streams["head.gyro"].time_s[0]) == (
        0.0,
        pytest.approx(0.014),
    )
    assert streams["head.mag"].channels[0].name == "head.mag.x" and streams[
        "head.mag"
    ].rate_hz == pytest.approx(50)


def test__read__unpacked_archives__read_the_same(source: Path, tmp_path: Path) -> None:
    wanted = list(realworld2016.RealWorld2016().read(source))[:2]
    data = source / DATA
    for number, path in enumerate(sorted(data.glob("*.zip"))):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(data / path.stem if number % 2 else data)
        path.unlink()
    found = list(realworld2016.RealWorld2016().read(source))[:2]
    assert [r.id for r in found] == [r.id for r in wanted]
    for one, two in zip(found, wanted, strict=True):
        for a, b in zip(one.streams, two.streams, strict=True):
            np.testing.assert_array_equal(a.values, b.values)


def test__read__positions__leave_the_others_alone(source: Path) -> None:
    found = next(realworld2016.RealWorld2016(positions=("head", "shin")).read(source))
    assert found.placements == ["head", "shank"]
    with pytest.raises(ConfigError, match=r"'shank'\. Did you mean 'shin'"):
        realworld2016.RealWorld2016(positions=("shank",))  # type: ignore[arg-type]


def test__read__a_place_that_failed__is_simply_not_there(source: Path) -> None:
    rewrite(source / DATA / "acc_climbingup_csv.zip", {"acc_climbingup_forearm.csv": None})
    found = next(realworld2016.RealWorld2016().read(source))
    assert "forearm.acc" not in [s.name for s in found.streams] and len(found.streams) == 20


def test__read__wrong_column__is_named_with_its_archive(source: Path) -> None:
    broken = table(1_435_000_000_000, header="id,time,attr_x,attr_y,attr_z")
    rewrite(source / DATA / "acc_climbingup_csv.zip", {"acc_climbingup_head.csv": broken})
    with pytest.raises(
        ReadError,
        match=r"acc_climbingup_csv\.zip/acc_climbingup_head\.csv has no column 'attr_time'",
    ):
        list(realworld2016.RealWorld2016().read(source))


def test__read__archive_cut_off__is_named(source: Path) -> None:
    path = source / DATA / "gyr_standing_csv.zip"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ReadError, match=r"gyr_standing_csv\.zip is no whole archive"):
        list(realworld2016.RealWorld2016().read(source))


def test__read__file_of_another_activity__is_refused(source: Path) -> None:
    rewrite(
        source / DATA / "acc_climbingup_csv.zip", {"acc_walking_head.csv": table(1_435_000_000_000)}
    )
    with pytest.raises(ReadError, match="is about walking"):
        list(realworld2016.RealWorld2016().read(source))


def test__read__clock_of_another_year__is_told(source: Path) -> None:
    rewrite(
        source / DATA / "acc_climbingup_csv.zip",
        {"acc_climbingup_head.csv": table(1_400_000_000_000)},
    )
    with pytest.raises(ReadError, match=r"acc_climbingup_head\.csv starts .* hours away"):
        list(realworld2016.RealWorld2016().read(source))


def test__import__wrong_unit__is_refused_by_gravity(source: Path, tmp_path: Path) -> None:
    in_g = {
        f"acc_standing_{place}.csv": table(1_435_000_000_000, scale=1 / 9.80665)
        for place in ("head",)
    }
    for person in ("proband1", "proband4"):
        rewrite(source / f"realworld2016_dataset/{person}/data/acc_standing_csv.zip", in_g)
        path = source / f"realworld2016_dataset/{person}/data/acc_climbingup_csv.zip"
        path.unlink()
    with pytest.raises(UnitError, match=r"'head' reads 0.999 m/s².*numbers look like g"):
        import_dataset(source, "realworld2016", tmp_path / "out")


def test__import__windows__are_of_the_head_alone(source: Path, tmp_path: Path) -> None:
    study = import_dataset(source, "realworld2016", tmp_path / "out")
    windows = study.windows(labels=("standing", "climbing stairs"))
    assert [c.name for c in windows.channels] == [
        f"head.{q}.{a}" for q in ("acc", "gyro") for a in "xyz"
    ]
    assert sorted(set(windows.subject)) == ["proband1", "proband4"]


def test__unzipped__more_than_three_deep__is_left_alone() -> None:
    content = b""
    for _ in range(6):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("acc_walking_csv.zip", content) if content else archive.writestr(
                "a.txt", "x"
            )
        content = out.getvalue()
    with archive_within("acc_walking_csv.zip", content) as found:
        assert list(realworld2016._unzipped(Path("acc_walking_csv.zip"), "1", found)) == []
