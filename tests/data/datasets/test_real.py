"""The data sets themselves, counted whole, where OTOLITH_DATA names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from otolith.data.datasets import FAMILY, import_dataset
from otolith.data.paired import read_texts
from otolith.data.study import Study


def folder_of(name: str, real_data: Path) -> Path:
    folder = real_data / name
    return folder if folder.is_dir() else real_data / f"{name}_sample"


@pytest.fixture(scope="module")
def studies() -> dict[str, Study]:
    return {}


@pytest.fixture
def study_of(
    real_data: Path, studies: dict[str, Study], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Study]:
    def read(name: str) -> Study:
        if name not in studies:
            out = tmp_path_factory.mktemp(name) / "study"
            studies[name] = import_dataset(folder_of(name, real_data), name, out)
        return studies[name]

    return read


# people, recordings, hours, and rows as `wc -l` counts them, headers taken off
COUNTS = {
    "hapt": (30, 61, 6.24, 2 * 1_122_772),
    "utd_mhad": (8, 861, 0.86, 155_638),
    "mex": (30, 239, 3.78, 1_400_856),
    "ipol_gait": (19, 110, 0.94, 967_346),
    "openpack": (1, 1, 0.39, 4 * 46_800),
}


@pytest.mark.parametrize("name", list(COUNTS))
def test__real__counts__are_those_of_the_files(name: str, study_of: Callable[[str], Study]) -> None:
    study = study_of(name)
    people, recordings, hours, rows = COUNTS[name]
    assert (len(study.subjects), len(study)) == (people, recordings)
    assert study.hours == pytest.approx(hours, abs=0.01)
    assert study.rows["read"] == rows == study.rows["kept"] + study.rows["reported"]
    assert set(study.placements) == set(FAMILY.resolve(name).placements)
    if name != "openpack":
        assert len(study.subjects) == FAMILY.resolve(name).subjects


@pytest.mark.parametrize("name", list(COUNTS))
def test__real__still__reads_gravity(name: str, study_of: Callable[[str], Study]) -> None:
    checks = study_of(name).gravity_checks
    assert set(checks) == set(FAMILY.resolve(name).placements)
    for check in checks.values():
        assert 9.3 < check["median_norm"] < 10.4


LABELS = {
    "hapt": (12, {"walking": 2441.8, "laying": 2737.3, "stand-to-sit": 206.3}),
    "utd_mhad": (27, {"squat": 136.3, "wave": 111.7}),
    "mex": (7, {"bridging": 2016.6, "the clam": 2002.6}),
    "ipol_gait": (3, {"stand": 1235.2, "walk": 1961.5, "turn": 183.3}),
    "openpack": (10, {"Picking": 151.7, "Put on Back Table": 20.0}),
}


@pytest.mark.parametrize("name", list(COUNTS))
def test__real__labels__last_as_long_as_in_the_files(
    name: str, study_of: Callable[[str], Study]
) -> None:
    study = study_of(name)
    classes, seconds = LABELS[name]
    found = study.label_seconds
    assert len(found) == classes and set(study.cut.labels) <= set(found)
    for label, expected in seconds.items():
        assert found[label] == pytest.approx(expected, abs=0.1)


def test__real__openpack__actions__are_texts_within_its_operations(
    study_of: Callable[[str], Study],
) -> None:
    study = study_of("openpack")
    (entry,) = study.entries
    texts = read_texts(study.folder)[entry["id"]]
    assert len(texts) == 517 and {text.source for text in texts} == {"label"}
    assert texts[0].text == "picking: pick up sheet"
    assert (texts[0].start_s, texts[0].end_s) == pytest.approx((1.143, 2.416))
    assert entry["facts"] == {"user": "U0209", "start_unix_ms": 1_648_531_521_000.0}
    first = study.segments[entry["id"]][0]
    assert (first.label, first.start_s) == ("Picking", pytest.approx(texts[0].start_s))


def test__real__ipol_gait__repeated_packets__are_the_three_of_one_walk(
    study_of: Callable[[str], Study],
) -> None:
    study = study_of("ipol_gait")
    told = [
        (e["id"], r["kind"])
        for e in study.entries
        for s in e["streams"]
        for r in s["reports"]
        if r["rows"]
    ]
    assert told == [("11-1", "repeated stamp")] * 3


def test__real__utd_mhad__skeleton__lasts_as_long_as_its_trial(
    real_data: Path, study_of: Callable[[str], Study]
) -> None:
    from otolith.data.datasets.utd_mhad import skeleton

    study = study_of("utd_mhad")
    folder = folder_of("utd_mhad", real_data)
    for entry in study.entries[::100]:
        time_s, positions = skeleton(folder, entry["id"])
        assert len(time_s) == len(positions) and positions.shape[1:] == (20, 3)
        assert time_s[-1] == pytest.approx(entry["duration_s"], abs=1e-3)
