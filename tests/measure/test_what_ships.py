"""What a benchmark measures is what a recogniser ships: the same numbers, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from otolith import Study
from otolith.core.errors import SplitError
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.measure.few_shot import Fold, FoldRun, scores
from otolith.measure.methods import parse_method
from otolith.use.recogniser import Recogniser


@pytest.mark.parametrize("encoder", ["features", "tpn"])
@pytest.mark.parametrize("shots", [2, "all"])
def test__logistic__benchmark_and_recogniser__give_the_same_probabilities(
    encoder: str, shots: int, toy_study: Study, tmp_path: Path
) -> None:
    method, runtime = parse_method(f"none:{encoder}:logistic"), Runtime("cpu", "fp32", 1)
    cut = toy_study.cut.to_json()
    held_out = ("p1", "p4")
    fold = Fold(
        str(toy_study.folder), cut, "error", method, 0, held_out, (shots,), 3, 0, runtime,
        str(tmp_path),
    )  # fmt: skip
    run = FoldRun(fold)
    cell = run.run(shots, 0)
    measured = run.probabilities(shots)[0]

    recogniser = Recogniser(run.encoder, "logistic", device="cpu", precision="fp32", threads=1)
    recogniser.fit(run.few(shots, 0)).save(tmp_path / "shipped")
    shipped = Recogniser.load(tmp_path / "shipped").predict_proba(run.test)
    np.testing.assert_array_equal(measured, shipped)
    assert cell["macro_f1"] == scores(run.test.code, shipped.argmax(axis=1))["macro_f1"]


def test__benchmark__an_encoder_that_has_seen_tested_people__is_refused(
    toy_study: Study, tmp_path: Path
) -> None:
    runtime, cut = Runtime("cpu", "fp32", 1), toy_study.cut.to_json()
    method = parse_method("pim:tpn:logistic")
    fold = Fold(
        str(toy_study.folder), cut, "error", method, 0, ("p1", "p4"), (2,), 1, 0, runtime,
        str(tmp_path),
    )  # fmt: skip
    run = FoldRun(fold)
    everybody = toy_study.windows()
    PretrainedEncoder.fresh(everybody, "tpn").save(tmp_path / "encoders" / run.encoder_key)
    with pytest.raises(SplitError, match="was trained on people who are tested here: p1, p4"):
        run.run(2, 0)
