"""Retrieval: places and shares worked out by hand, and both directions of an aligned encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from otolith.core.errors import ConfigError, DataError, OtolithWarning
from otolith.data.windows import Windows
from otolith.learn.training.pretrain import pretrain
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.measure.retrieval import ranks, retrieve, scores_of

CPU = Runtime("cpu", "fp32", 1)


def test__ranks__by_hand() -> None:
    answers = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [-1.0, 0.0]])
    given = np.array([0, 1, 2, 1])
    queries = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # Of group 1 two answers are right, and the better one counts.
    assert ranks(queries, answers, np.array([0, 1, 2, 1]), given).tolist() == [1, 2, 3, 2]


def test__ranks__constant_vectors__find_nothing() -> None:
    same = np.ones((20, 3))
    each = np.arange(20)
    assert ranks(same, same, each, each).tolist() == [20] * 20
    with pytest.raises(DataError, match="Query 1 has no right answer"):
        ranks(same[:2], same[:2], np.array([0, 5]), np.array([0, 1]))


def test__scores__by_hand_and_at_chance() -> None:
    queries, answers = np.eye(12), np.roll(np.eye(12), 1, axis=0)
    each = np.arange(12)
    perfect = scores_of(queries, queries, each, each)
    assert perfect == pytest.approx(
        {"queries": 12, "answers": 12, "r1": 1, "r5": 1, "r10": 1, "mrr": 1, "chance_r1": 1 / 12}
    )
    assert scores_of(queries, answers, each, each)["r1"] == 0
    random = np.random.default_rng(0)
    vectors = [random.normal(size=(400, 8)) for _ in range(2)]
    chance = scores_of(*vectors, np.arange(400), np.arange(400))
    assert chance["r10"] == pytest.approx(10 / 400, abs=0.03) and chance["chance_r1"] == 1 / 400


@pytest.fixture(scope="module")
def aligned(paired_windows: Windows) -> PretrainedEncoder:
    settings: dict[str, Any] = {"text": "", "pose": "", "video": "vectors", "nn": 0}
    return pretrain(
        paired_windows, "primus", runtime=CPU, epochs=6, batch_size=32, objective_settings=settings
    )


def test__retrieve__windows_with_a_modality__find_it_better_than_chance(
    aligned: PretrainedEncoder, paired_windows: Windows
) -> None:
    with pytest.warns(
        OtolithWarning,
        match="This encoder was trained on people who are tested here: p0, p1, p2, p3",
    ):
        there, back = retrieve(aligned, paired_windows, CPU)
    assert (there["direction"], back["direction"]) == ("imu to video", "video to imu")
    assert there["queries"] == back["answers"] == (paired_windows.subject != "p1").sum()
    assert there["answers"] == back["queries"] <= there["queries"]
    assert there["r10"] > 3 * 10 * there["chance_r1"] and there["r1"] <= there["r5"] <= there["r10"]


def test__retrieve__nothing_to_find__is_told(
    aligned: PretrainedEncoder, paired_windows: Windows, toy_windows: Windows
) -> None:
    with pytest.raises(ConfigError, match="shares no space with texts"):
        retrieve(PretrainedEncoder.fresh(toy_windows), toy_windows, CPU)
    with pytest.raises(DataError, match="None of these windows has"):
        retrieve(aligned, paired_windows.of(["p1"]), CPU)
    assert aligned.alignment is not None
    with pytest.raises(ConfigError, match="cannot place words"):
        aligned.alignment.words(["walking"])
    assert replace(aligned, alignment=None).card().count("shares a space") == 0


def test__alignment__wrong_weights_or_facts__are_refused(
    aligned: PretrainedEncoder, tmp_path: Path
) -> None:
    import json

    from otolith.core.errors import CheckpointError
    from otolith.core.files import write_sealed

    aligned.save(tmp_path / "encoder")
    path = tmp_path / "encoder" / "config.json"
    content = json.loads(path.read_text())
    for change, words in (
        ({"alignment": None}, "does not describe"),
        ({"alignment": content["alignment"] | {"width": 7}}, "do not fit Alignment"),
        ({"alignment": content["alignment"] | {"dimension": 7}}, "takes vectors of 7"),
        ({"alignment": {"width": 3}}, "alignment.dimension: field required"),
        ({"alignment": content["alignment"] | {"modalities": {"smell": {}}}}, "smell|cannot be"),
        ({"alignment": content["alignment"] | {"partners": {}}}, "called modalities partners"),
    ):
        write_sealed(path, content | change)
        with pytest.raises(CheckpointError, match=words):
            PretrainedEncoder.load(tmp_path / "encoder")
    path.write_text(json.dumps(content))
    assert PretrainedEncoder.load(tmp_path / "encoder").alignment is not None
