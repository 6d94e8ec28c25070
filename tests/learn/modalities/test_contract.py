"""What every modality in the table promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy import write_toy_study
from toy_film import film

from otolith import Study
from otolith.core.errors import ConfigError
from otolith.data.paired import Text, write_modality, write_texts
from otolith.data.skeleton import POSE_JOINTS
from otolith.data.windows import Windows
from otolith.learn import modalities as modalities
from otolith.learn.modalities.minilm import MiniLM
from otolith.learn.modalities.modality import Modality
from otolith.learn.modalities.texts import TextModel

Make = Callable[[str], Modality]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three people, of whom the last has no modality of any kind."""
    made = write_toy_study(tmp_path / "study", people=3, seconds_each=4.0)
    first, second, _ = (entry["id"] for entry in made.entries)
    words = ("resting", "walking")
    write_texts(
        made.folder,
        [
            Text(id, 6.0 * i, 6.0 * i + 6.0, w)
            for id in (first, second)
            for i, w in enumerate(words)
        ],
    )
    random = np.random.default_rng(0)
    time_s = np.arange(0, 11.9, 0.1)
    for id in (first, second):
        place = {
            f"{joint}.{axis}": random.normal(size=len(time_s))
            for joint in POSE_JOINTS
            for axis in "xyz"
        }
        write_modality(made.folder, "pose", id, {"time_s": time_s} | place)
    _table(
        made, "video_files", recording=[first, second], file=["film.mp4"] * 2, start_s=[0.0, 1.0]
    )
    vectors = random.normal(size=(2, 7)).astype(np.float32).tolist()
    _table(
        made,
        "video",
        recording=[first, second],
        start_s=[0.0, 0.0],
        end_s=[12.0, 6.0],
        vector=vectors,
    )
    return made


def _table(study: Study, name: str, **columns: list[object]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), study.folder / "partners" / f"{name}.parquet")


@pytest.fixture
def make(study: Study, request: pytest.FixtureRequest) -> Make:
    def made(name: str) -> Modality:
        settings = {}
        if name.startswith("clip"):
            settings = {"model": request.getfixturevalue("clip")}
        if name == "clip_video":
            film(study.folder / "film.mp4", seconds=13.0, rate=10)
        if name == "sentence":
            settings = {"model": str(MiniLM()._folder)}
        return modalities.FAMILY.resolve(name)(**settings)  # type: ignore[no-any-return]

    return made


def cut(study: Study) -> Windows:
    return study.windows(seconds=2.0, overlap=0.5, label_rule="unlabelled", labels=())


@pytest.mark.parametrize("name", list(modalities.FAMILY))
def test__contract__vectors__are_finite_and_zero_where_there_is_none(
    name: str, study: Study, make: Make
) -> None:
    windows, modality = cut(study), make(name)
    assert modality.kind in ("text", "video", "pose")
    found = modality.vectors(windows)
    assert (
        found.values.shape == (len(windows), found.dimension) and found.values.dtype == np.float32
    )
    assert np.isfinite(found.values).all() and (found.values[~found.present] == 0).all()
    nobody = windows.recording == study.entries[2]["id"]
    assert found.present[~nobody].any() and not found.present[nobody].any()
    assert (np.abs(found.values[found.present]).sum(axis=1) > 0).all()


@pytest.mark.parametrize("name", list(modalities.FAMILY))
def test__contract__a_window__gets_the_same_vector_in_any_company(
    name: str, study: Study, make: Make
) -> None:
    windows, modality = cut(study), make(name)
    found = modality.vectors(windows)
    some = np.random.default_rng(1).permutation(len(windows))[: len(windows) // 2]
    fewer = make(name).vectors(windows[some])
    np.testing.assert_allclose(fewer.values, found.values[some], atol=1e-5)
    np.testing.assert_array_equal(fewer.present, found.present[some])


@pytest.mark.parametrize("name", list(modalities.FAMILY))
def test__contract__settings__build_it_again_and_unknown_ones_fail(name: str, make: Make) -> None:
    modality = make(name)
    assert type(modality)(**modality.settings()).settings() == modality.settings()
    with pytest.raises(ConfigError, match="no setting 'colour'"):
        type(modality)(colour="red")


@pytest.mark.parametrize(
    "name", [name for name in modalities.FAMILY if name in ("minilm", "sentence", "clip_text")]
)
def test__contract__text_models__give_unit_vectors_in_the_order_of_texts(
    name: str, make: Make
) -> None:
    model = make(name)
    assert isinstance(model, TextModel)
    both = model.encode(["walking", "sitting stairs stairs"])
    assert both.shape == (2, model.dimension)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(
        model.encode(["sitting stairs stairs", "walking"]), both[::-1], atol=1e-5
    )
    assert model.encode([]).shape == (0, model.dimension)
