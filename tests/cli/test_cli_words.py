"""From words alone, as it is typed: pretrain with texts, recognise by labels, retrieve."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from otolith import Study
from otolith.cli.app import app
from otolith.core.errors import ConfigError, OtolithWarning
from otolith.learn.heads.text import UNKNOWN
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.use.recogniser import Recogniser
from otolith.use.zero_shot import few_examples, from_words

CPU = Runtime("cpu", "fp32", 1)
RUN = ["--device", "cpu", "--precision", "fp32", "--threads", "1"]
LABELS = "resting,shaking,walking"


def typed(*arguments: Any, code: int = 0) -> str:
    # The encoder names a member of toy.py, which is believed because it is said here, not because a
    # file says it.
    trust = ["--trust", "toy"] if arguments[0] in ("recognise", "retrieve") else []
    result = CliRunner().invoke(app, [*(str(argument) for argument in arguments), *trust])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def encoder(paired_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("aligned") / "encoder"
    typed(
        "pretrain",
        paired_study.folder,
        "--objective",
        "primus",
        "--set",
        "text=toy:BagOfWords",
        "--set",
        "pose=",
        "--set",
        "nn=0.5",
        "--set",
        "width=32",
        "--leave-out",
        "p4,p5",
        "--epochs",
        8,
        "--batch-size",
        32,
        "--learning-rate",
        0.003,
        "--out",
        out,
        "--quiet",
        *RUN,
    )
    return out


def test__pretrain__typed_settings__are_taken_and_kept(
    encoder: Path, paired_study: Study, tmp_path: Path
) -> None:
    settings = PretrainedEncoder.load(encoder, trust="toy").record["objective_settings"]
    assert (settings["text"], settings["pose"], settings["nn"], settings["width"]) == (
        "toy:BagOfWords",
        "",
        0.5,
        32,
    )
    recipe = tomllib.loads((encoder / "recipe.toml").read_text())
    kept = recipe["objective"]
    assert kept.pop("name") == "primus"
    assert (kept["text"], kept["pose"], kept["nn"], kept["width"]) == (
        "toy:BagOfWords",
        "",
        0.5,
        32,
    )
    again = tmp_path / "again"
    typed(
        "pretrain",
        paired_study.folder,
        "--recipe",
        encoder / "recipe.toml",
        "--out",
        again,
        "--epochs",
        1,
    )
    assert PretrainedEncoder.load(again, trust="toy").record["objective_settings"] == settings
    said = typed("pretrain", paired_study.folder, "--set", "mm", "--out", tmp_path / "x", code=2)
    assert "typed as NAME=VALUE, such as mm=0; not 'mm'" in said
    said = typed(
        "pretrain", paired_study.folder, "--set", "clas=2", "--out", tmp_path / "x", code=2
    )
    assert "has no setting 'clas'" in said


def test__recognise__by_labels__finds_activities_of_people_never_seen(
    encoder: Path, paired_study: Study, tmp_path: Path
) -> None:
    (name,) = (
        p for p in (paired_study.folder / "recordings").iterdir() if p.name.startswith("p5-1.left")
    )
    out = tmp_path / "timeline.csv"
    typed(
        "recognise",
        encoder,
        name,
        "--labels",
        LABELS,
        "--out",
        out,
        "--keep",
        tmp_path / "kept",
        *RUN,
    )
    rows = list(csv.DictReader(out.read_text().splitlines()))
    right = [
        row["label"] == LABELS.split(",")[int(float(row["start_s"]) // 12)]
        for row in rows
        if float(row["start_s"]) // 12 == (float(row["end_s"]) - 0.01) // 12
    ]
    assert np.mean(right) > 0.8
    kept = Recogniser.load(tmp_path / "kept", device="cpu", trust="toy")
    assert list(kept.classes_) == LABELS.split(",")
    again = kept.predict_proba(paired_study.windows().of(["p5"]))
    trusted = PretrainedEncoder.load(encoder, trust="toy")
    direct = from_words(trusted, LABELS.split(","), runtime=CPU).predict_proba(
        paired_study.windows().of(["p5"])
    )
    np.testing.assert_allclose(again, direct, atol=1e-6)
    card = (tmp_path / "kept" / "README.md").read_text()
    assert "- resting: resting; a person: resting" in card and "| resting | 0 |" in card
    assert "always chooses among" in card


def test__recognise__unknown_shots_templates_and_prompts(
    encoder: Path, paired_study: Study, tmp_path: Path
) -> None:
    (name,) = (
        p for p in (paired_study.folder / "recordings").iterdir() if p.name.startswith("p5-1.left")
    )
    out, given = tmp_path / "timeline.csv", ["--labels", LABELS, *RUN]
    typed(
        "recognise",
        encoder,
        name,
        "--unknown",
        0.999,
        "--out",
        out,
        "--keep",
        tmp_path / "k",
        *given,
    )
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {row["label"] for row in rows} == {UNKNOWN}
    assert (
        "'unknown'; how near is near was set by hand" in (tmp_path / "k" / "README.md").read_text()
    )
    typed(
        "recognise",
        encoder,
        name,
        "--shots-from",
        paired_study.folder,
        "--shots",
        3,
        "--template",
        "a person is {}",
        "--out",
        tmp_path / "b.csv",
        "--keep",
        tmp_path / "shots",
        *given,
    )
    record = Recogniser.load(tmp_path / "shots", device="cpu", trust="toy").record_["adaptation"]
    assert record["labels"] == dict.fromkeys(LABELS.split(","), 3)
    assert record["words"]["walking"] == ["a person is walking"]
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[prompts]\ncalm = ["resting", "a person is resting"]\nbusy = ["shaking", "walking"]\n'
    )
    typed("recognise", encoder, name, "--recipe", recipe, "--out", tmp_path / "c.csv", *RUN)
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text().splitlines()))
    assert {"calm", "busy"} <= rows[0].keys() and {row["label"] for row in rows} == {"calm", "busy"}


def test__recognise__what_cannot_be__is_told(
    encoder: Path, paired_study: Study, toy_study: Study, tmp_path: Path
) -> None:
    file = next((paired_study.folder / "recordings").iterdir())
    assert "Name them: --labels walking,sitting" in typed("recognise", encoder, file, code=2)
    assert "two classes or more" in typed("recognise", encoder, file, "--labels", "walking", code=2)
    plain = tmp_path / "plain"
    typed("pretrain", toy_study.folder, "--epochs", 1, "--out", plain, "--quiet", *RUN)
    said = typed("recognise", plain, file, "--labels", LABELS, code=2)
    assert "shares no space with texts" in said and "--objective primus" in said
    assert "shares no space" in typed("retrieve", plain, toy_study.folder, code=2)
    other = PretrainedEncoder.load(encoder, trust="toy")
    with pytest.raises(ConfigError, match=r"has no label of runing.*it has resting"):
        few_examples(paired_study, other, ["runing"], 2, 0)
    few = few_examples(paired_study, other, ["walking"], 2, 0)
    with pytest.warns(OtolithWarning, match="No example is labelled resting"):
        from_words(other, ["resting", "walking"], examples=few, runtime=CPU)


def test__retrieve__people_never_seen__and_those_who_were(
    encoder: Path, paired_study: Study
) -> None:
    shown = json.loads(typed("retrieve", encoder, paired_study.folder, "--json", *RUN))
    assert shown["people"] == ["p4", "p5"]
    assert [row["direction"] for row in shown["rows"]] == ["imu to text", "text to imu"]
    assert shown["rows"][0]["r1"] > 0.8 and shown["rows"][0]["answers"] == 3
    with pytest.warns(
        OtolithWarning,
        match="trained on people who are tested here: p0 by the very same recordings",
    ):
        said = typed("retrieve", encoder, paired_study.folder, "--people", "p0", *RUN)
    assert "| imu to text |" in said
    typed("retrieve", encoder, paired_study.folder, "--people", "p9", code=2)
