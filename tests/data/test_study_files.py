"""The files of a study's folder: what lies beside the signals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import write_toy_study

from otolith.core.errors import StudyError
from otolith.data.paired import Text, write_modality, write_texts
from otolith.data.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study")


def test__modalities__none__nothing_is_counted(study: Study) -> None:
    assert study.modalities == {} == study.info()["partners"]


def test__modalities__texts_poses_and_vectors__count_recordings_of_the_study(study: Study) -> None:
    first, second, *_ = (entry["id"] for entry in study.entries)
    write_texts(
        study.folder,
        [Text(first, 0.0, 1.0, "a"), Text(first, 1.0, 2.0, "b"), Text("of another", 0.0, 1.0, "c")],
    )
    for recording in (first, second, "of another"):
        write_modality(study.folder, "pose", recording, {"time_s": np.zeros(1)})
    (study.folder / "partners" / "notes.md").write_text("by hand")
    assert study.modalities == {"pose": 2, "text": 1}


def test__modalities__damaged_or_without_recordings__is_named(study: Study) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = study.folder / "partners" / "video.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"start_s": [0.0]}), path)
    with pytest.raises(StudyError, match=r"video\.parquet is damaged, or has no column recording"):
        study.info()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(StudyError, match=r"video\.parquet is damaged"):
        study.info()
