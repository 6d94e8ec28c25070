"""A simulated study spread as a real one: what changes, what goes along, and whose recordings were
seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import toy_recording
from typer.testing import CliRunner, Result

from otolith.cli.app import app
from otolith.core.errors import ChannelError, DataError, SplitError
from otolith.core.files import read_json
from otolith.data.paired import read_modality
from otolith.data.study import Study, write_study
from otolith.measure.benchmark import benchmark
from otolith.motion.fidelity.matching import match_study, people_matched_to
from otolith.motion.simulation.simulate_study import SimulationConfig, simulate_study


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Study]:
    folder = tmp_path_factory.mktemp("matching")
    config = SimulationConfig(placements=("left_wrist",), bodies=2)
    simulated = simulate_study(["procedural:walking"], folder / "simulated", config, name="virtual")
    people = [toy_recording(f"p{i}", places=("left_wrist",)) for i in range(4)]
    return simulated, write_study(folder / "real", people, name="real", terms="CC BY 4.0")


@pytest.mark.parametrize("axes", [True, False])
def test__match_study__values__are_spread_as_the_real_ones(
    pair: tuple[Study, Study], axes: bool, tmp_path: Path
) -> None:
    simulated, real = pair
    study, changes = match_study(simulated, real, tmp_path / "out", axes=axes)
    assert len(changes) == (6 if axes else 2)
    for change in changes:
        assert change.distance_after < 0.5 * change.distance_before
    if axes:
        got, wanted = (
            np.concatenate([recording.streams[0].values for recording in side]).astype(np.float64)
            for side in (study, real)
        )
        spread = wanted.std(axis=0)
        np.testing.assert_allclose(got.mean(axis=0), wanted.mean(axis=0), atol=0.1 * spread.max())
        np.testing.assert_allclose(got.std(axis=0), spread, rtol=0.15)


def test__match_study__modalities_and_groups__go_along(
    pair: tuple[Study, Study], tmp_path: Path
) -> None:
    simulated, real = pair
    study, changes = match_study(simulated, real, tmp_path / "out")
    assert study.subjects == simulated.subjects
    assert "CC BY 4.0" in study.terms
    (first, *_) = study.entries
    np.testing.assert_array_equal(
        read_modality(study.folder, "pose", first["id"])["pelvis.z"],
        read_modality(simulated.folder, "pose", first["id"])["pelvis.z"],
    )
    assert first["partners"] == simulated.entries[0]["partners"]
    kept = read_json(tmp_path / "out" / "matching.json")
    assert kept["people"] == ["p0", "p1", "p2", "p3"]
    assert [one["name"] for one in kept["changes"]] == [change.name for change in changes]


def test__match_study__left_out__is_neither_seen_nor_listed(
    pair: tuple[Study, Study], tmp_path: Path
) -> None:
    simulated, real = pair
    study, _ = match_study(simulated, real, tmp_path / "a", ["p3", "p1"])
    assert people_matched_to(study, "real") == {"p0", "p2"}
    assert people_matched_to(study, "another") == people_matched_to(simulated, "real") == set()
    others = [toy_recording(f"p{i}", places=("left_wrist",)) for i in (0, 2)]
    alone = write_study(tmp_path / "alone", others, name="real")
    again, _ = match_study(simulated, alone, tmp_path / "b")
    for one, other in zip(study, again, strict=True):
        np.testing.assert_array_equal(one.streams[0].values, other.streams[0].values)


def test__match_study__what_cannot_be__is_refused(
    pair: tuple[Study, Study], tmp_path: Path
) -> None:
    simulated, real = pair
    with pytest.raises(SplitError, match="is called"):
        match_study(simulated, real, tmp_path / "out", ["po"])
    with pytest.raises(SplitError, match="Everybody"):
        match_study(simulated, real, tmp_path / "out", real.subjects)
    with pytest.raises(DataError, match="measured"):
        match_study(real, real, tmp_path / "out")
    with pytest.raises(DataError, match="one of the two"):
        match_study(simulated, real, simulated.folder, overwrite=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="exists"):
        match_study(simulated, real, tmp_path / "mine", overwrite=True)
    head = simulate_study(
        ["procedural:walking"], tmp_path / "head", SimulationConfig(placements=("head",))
    )
    with pytest.raises(ChannelError, match="placements"):
        match_study(head, real, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test__benchmark__study_matched_to_the_tested__is_refused(
    pair: tuple[Study, Study], tmp_path: Path
) -> None:
    simulated, real = pair
    match_study(simulated, real, tmp_path / "seen")
    with pytest.raises(SplitError, match="--leave-out"):
        benchmark(
            [real],
            out=tmp_path / "out",
            methods=["pim"],
            shots=[2],
            folds=2,
            draws=1,
            pretrain_on=[str(tmp_path / "seen")],
        )


def test__match__typed__tells_what_changed(pair: tuple[Study, Study], tmp_path: Path) -> None:
    simulated, real = (study.folder for study in pair)
    result = typed(
        "match", simulated, real, "--leave-out", "p3", "--by", "magnitude", "--out", tmp_path / "m"
    )
    assert result.exit_code == 0, result.output
    assert "left_wrist.acc " in result.output and "matching.json" in result.output
    assert people_matched_to(Study.load(tmp_path / "m"), "real") == {"p0", "p1", "p2"}
    assert typed("match", simulated, real, "--by", "rank", "--out", tmp_path / "n").exit_code == 2
    assert typed("match", simulated, real, "--out", tmp_path / "m").exit_code == 2


def test__match_study__a_modality_that_leads_elsewhere__is_not_copied(
    pair: tuple[Study, Study], tmp_path: Path
) -> None:
    simulated, real = pair
    (tmp_path / "secret").write_text("private")
    link = simulated.folder / "partners" / "notes.parquet"
    link.symlink_to(tmp_path / "secret")
    try:
        with pytest.raises(DataError, match="a link that leads out"):
            match_study(simulated, real, tmp_path / "out")
    finally:
        link.unlink()
    assert "private" not in {
        path.read_text(errors="replace") for path in tmp_path.glob("out/partners/*.parquet")
    }
