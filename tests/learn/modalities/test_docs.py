"""What the pages say of modalities is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from toy import toy_recording

import otolith
from otolith.data.paired import Text, read_texts
from otolith.learn import modalities as modalities
from otolith.learn import objectives
from otolith.learn.modalities.pose_vector import PoseVector

DOCS = Path(__file__).resolve().parents[3] / "docs"


def block(page: str, heading: str, language: str) -> str:
    text = (
        (DOCS / page).read_text(encoding="utf-8").split(f"\n{heading}", 1)[1].split("\n## ", 1)[0]
    )
    found = re.search(rf"^```{language}\n(.*?)^```", text, re.M | re.S)
    assert found, f"{page}: no block of {language} under '{heading}'"
    return found[1]


def test__primus_page__names_every_modality() -> None:
    text = (DOCS / "primus.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \| (?:text|video|any|pose) \|", text, re.M) == list(
        modalities.FAMILY
    )
    assert f"| {22 * (3 + PoseVector().config.moments * 3 + 1)} |" in text


def test__primus_page__recipe__names_settings_that_exist() -> None:
    settings = tomllib.loads(block("primus.md", "## Modalities", "toml"))["objective"]
    objective = objectives.FAMILY.resolve(settings.pop("name"))
    assert {*settings} <= {*objective.Config.__dataclass_fields__}
    for role, own in settings["modality_settings"].items():
        assert {*own} <= {*modalities.FAMILY.resolve(settings[role]).Config.__dataclass_fields__}


def test__pages__python__runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    otolith.write_study(
        tmp_path / "my_study", [toy_recording("P07", 20.0, id="P07-1")], name="mine"
    )
    monkeypatch.chdir(tmp_path)
    exec(compile(block("recordings.md", "## Modalities", "python"), "recordings.md", "exec"), {})
    words = "a patient climbs a flight of stairs, holding the rail"
    assert read_texts(tmp_path / "my_study") == {"P07-1": [Text("P07-1", 12.0, 47.5, words)]}
    names: dict[str, Any] = {}
    exec(compile(block("primus.md", "## Modalities", "python"), "primus.md", "exec"), names)
    assert names["text"].present.any() and names["text"].dimension == 384
