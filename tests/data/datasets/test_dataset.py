"""The family's contract, over every data set in the table, on the tiny fakes that their files
write."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from otolith.cli.app import main
from otolith.cli.listing import listing
from otolith.core.errors import ConfigError, DataError, ReadError, UnknownNameError
from otolith.data.datasets import FAMILY, DataSet, import_dataset
from otolith.data.quantities import QUANTITIES, factor
from otolith.data.study import Study

NAMES = list(FAMILY)


def sample(name: str, folder: Path) -> Path:
    importlib.import_module(FAMILY[name].partition(":")[0]).write_sample(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test__data_set__read_twice__same_order_and_values(name: str, tmp_path: Path) -> None:
    dataset: DataSet = FAMILY.resolve(name)()
    folder = sample(name, tmp_path / name)
    first, second = list(dataset.read(folder)), list(dataset.read(folder))
    assert [r.id for r in first] == [r.id for r in second]
    assert len({r.id for r in first}) == len(first) > 1
    for one, two in zip(first, second, strict=True):
        for a, b in zip(one.streams, two.streams, strict=True):
            np.testing.assert_array_equal(a.values, b.values)
            np.testing.assert_array_equal(a.time_s, b.time_s)


@pytest.mark.parametrize("name", NAMES)
def test__data_set__still__reads_gravity(name: str, tmp_path: Path) -> None:
    checked = 0
    for recording in FAMILY.resolve(name)().read(sample(name, tmp_path / name)):
        for verdict in recording.gravity_verdicts().values():
            if verdict.checked:
                checked += 1
                assert 9.2 < verdict.median_norm < 10.3
    assert checked


@pytest.mark.parametrize("name", NAMES)
def test__data_set__facts__match_the_files(name: str, tmp_path: Path) -> None:
    dataset: DataSet = FAMILY.resolve(name)()
    assert dataset.name == name
    assert dataset.url.startswith("https://") and dataset.terms and dataset.citation
    placements: set[str] = set()
    labels: set[str] = set()
    subjects: set[str] = set()
    for recording in dataset.read(sample(name, tmp_path / name)):
        placements |= set(recording.placements)
        subjects.add(recording.subject)
        labels |= {segment.label for segment in recording.segments}
        for stream in recording.streams:
            assert stream.rate_hz == pytest.approx(dataset.rate_hz, rel=0.05)
            assert {channel.quantity for channel in stream.channels} <= set(dataset.units)
        for segment in recording.segments:
            assert (
                0 <= segment.start_s < segment.end_s <= recording.duration_s + 2 / dataset.rate_hz
            )
    assert placements == set(dataset.placements)
    assert 1 < len(subjects) <= dataset.subjects
    assert labels and (labels & set(dataset.cut.labels) or not dataset.cut.labels)
    assert set(dataset.cut.quantities) <= set(dataset.units) <= set(QUANTITIES)
    assert set(dataset.cut.placements) <= set(dataset.placements)
    for quantity, unit in dataset.units.items():
        assert factor(quantity, unit) > 0


@pytest.mark.parametrize("name", NAMES)
def test__import_dataset__sample__every_row_accounted_for(name: str, tmp_path: Path) -> None:
    seen = []
    study = import_dataset(
        sample(name, tmp_path / name), name, tmp_path / "out", progress=lambda r: seen.append(r.id)
    )
    assert seen == [entry["id"] for entry in study.entries]
    rows = study.rows
    assert rows["read"] == rows["kept"] + rows["reported"] > 0
    assert study.cut == FAMILY.resolve(name).cut
    assert study.terms == FAMILY.resolve(name).terms


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["above", "below"])
def test__verify__folder_above_or_below__is_found(name: str, way: str, tmp_path: Path) -> None:
    dataset: DataSet = FAMILY.resolve(name)()
    folder = sample(name, tmp_path / "unpacked" / name)
    root = dataset.verify(folder)
    start = (
        tmp_path / "unpacked"
        if way == "above"
        else next(p for p in [*sorted(root.iterdir()), root] if p.is_dir())
    )
    assert dataset.verify(start) == root


@pytest.mark.parametrize("name", NAMES)
def test__verify__something_else__says_what_is_there_and_where_to_get_it(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    dataset: DataSet = FAMILY.resolve(name)()
    with pytest.raises(ReadError, match=r"holiday\.jpg.*https://"):
        dataset.verify(tmp_path)
    with pytest.raises(ReadError, match="is no folder"):
        dataset.verify(tmp_path / "absent")


@pytest.mark.parametrize("name", NAMES)
def test__read__first_signal_file_emptied__names_the_file(name: str, tmp_path: Path) -> None:
    folder = sample(name, tmp_path / name)
    kinds = (".txt", ".csv", ".mat", ".zip", ".npy")
    for path in sorted(
        p for p in folder.rglob("*") if p.suffix in kinds and p.name != "labels.txt"
    ):
        path.write_bytes(b"")
    with pytest.raises(ReadError, match=r"\.(txt|csv|mat|zip|npy)"):
        list(FAMILY.resolve(name)().read(folder))


TEXT_FILES = {
    "hapt": "RawData/acc_exp01_user01.txt",
    "mex": "act/01/01_act_1.csv",
    "ipol_gait": "GaitData/1-1_lf.txt",
    "openpack": "openpack/v1.0.0/U0101/atr/atr01/S0100.csv",
}


@pytest.mark.parametrize(("name", "path"), TEXT_FILES.items())
def test__read__last_row_cut_off__is_reported(name: str, path: str, tmp_path: Path) -> None:
    dataset: DataSet = FAMILY.resolve(name)()
    folder = sample(name, tmp_path / name)
    before = next(iter(dataset.read(folder))).streams[0]
    lines = (folder / path).read_text().splitlines()
    (folder / path).write_text("\n".join([*lines[:-1], lines[-1][:8]]))
    after = next(iter(dataset.read(folder))).streams[0]
    assert (after.rows_read, after.rows_kept) == (before.rows_read, before.rows_kept - 1)
    assert [(r.kind, r.rows) for r in after.reports if r.rows] == [("broken row", 1)]


def test__import_dataset__unknown_name__names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="'hapt'"):
        import_dataset(tmp_path, "hatp", tmp_path / "out")


def test__import_dataset__unknown_option__says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'hapt' has no setting 'annotation'"):
        import_dataset(tmp_path, "hapt", tmp_path / "out", annotation="actions")
    with pytest.raises(
        ConfigError, match=r"it has annotation, sensors\. Did you mean 'annotation'"
    ):
        import_dataset(tmp_path, "openpack", tmp_path / "out", anotation="actions")


@pytest.mark.parametrize("value", ["head, shin", ["head", "shin"], ("head", "shin")])
def test__import_dataset__several_values__come_in_any_form(value: object, tmp_path: Path) -> None:
    folder = sample("realworld2016", tmp_path / "authors")
    study = import_dataset(folder, "realworld2016", tmp_path / "out", positions=value)
    assert study.placements == ["head", "shank"]


@pytest.mark.parametrize("name", NAMES)
def test__command__import__works_from_end_to_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sample(name, tmp_path / "authors")
    said = ["--set", "annotation=actions", "--set", "sensors=all"] if name == "openpack" else []
    words = [
        "otolith",
        "import",
        str(folder),
        "--dataset",
        name,
        "--out",
        str(tmp_path / "study"),
        *said,
    ]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "rows read = " in capsys.readouterr().out
    study = Study.load(tmp_path / "study")
    assert len(study) > 1 and study.citation
    windows = study.windows(labels=tuple(study.label_seconds), missing="mask")
    assert len(windows) and set(windows.subject) <= set(study.subjects)


def test__command__list_datasets__shows_each_with_a_sentence() -> None:
    rows = dict(listing("datasets"))
    assert list(rows) == NAMES and all(rows.values())


def test__import_dataset__out_is_taken__refuses_unless_told(tmp_path: Path) -> None:
    folder = sample("hapt", tmp_path / "hapt")
    import_dataset(folder, "hapt", tmp_path / "out")
    with pytest.raises(DataError, match="already exists"):
        import_dataset(folder, "hapt", tmp_path / "out")
    assert len(import_dataset(folder, "hapt", tmp_path / "out", overwrite=True)) == 3
