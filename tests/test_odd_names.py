"""File names that are no UTF-8, as old Windows and cameras write them, through the commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from otolith import Segment, Study, write_study
from otolith.cli.app import app
from otolith.core.files import read_json, write_json, write_text
from otolith.core.text import well_formed
from otolith.data.paired import Text, read_texts, write_texts
from otolith.data.study_files import read_segments, write_segments

ODD = "caf\udce9"


def done(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def test__commands__into_and_from_folders_that_are_no_utf_8__work(
    toy_study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done("simulate", "procedural:walking", "--out", f"{ODD}-sim", "--quiet")
    csv = Path(f"{ODD}-p1.csv")
    time_s = np.arange(600) / 50
    rows = [
        f"{t:.2f},0.1,{9.81 + 0.01 * (i % 7)},0.2,{'ab'[i // 300]}" for i, t in enumerate(time_s)
    ]
    csv.write_text("\n".join(["t,x,y,z,label", *rows]) + "\n")
    mapping = Path(f"{ODD}.toml")
    mapping.write_text(
        "[study]\nname = 'odd'\ngravity = 'included'\n[files]\npattern = '*.csv'\n"
        "subject = {from = 'path', pattern = '(?P<subject>p1)'}\n[time]\ncolumn = 't'\nformat = "
        "'seconds'\n"
        "[[sensor]]\nplacement = 'left_wrist'\nacc = {columns = ['x', 'y', 'z'], unit = 'm/s2'}\n"
        "[label]\ncolumn = 'label'\n"
    )
    done("import", csv, "--mapping", mapping, "--out", f"{ODD}-study")
    study = f"{ODD}-study"
    done("info", study)
    done("info", study, "--html", f"{ODD}.html")
    done("verify", study)
    done("view", study, "--figure", f"{ODD}.svg")
    done(
        "fidelity",
        f"{ODD}-sim",
        f"{ODD}-sim",
        "--html",
        f"{ODD}-f.html",
        "--figure",
        f"{ODD}-f.svg",
    )
    done("adapt", "features", study, "--head", "forest", "--shots", "1", "--out", f"{ODD}-r")
    done("recognise", f"{ODD}-r", csv, "--mapping", mapping, "--out", f"{ODD}-line.csv", "--plot")
    done("recognise", f"{ODD}-r", study, "--out", f"{ODD}-all.csv", "--plot")
    again = done("simulate", "--recipe", f"{ODD}-sim/recipe.toml", "--out", f"{ODD}-again")
    assert "\udce9" not in again
    for page in tmp_path.glob("*.html"):
        assert page.read_text(encoding="utf-8")


def test__write__half_a_character__is_shown_by_number_and_read_back(tmp_path: Path) -> None:
    half = "walking \ud83d"
    write_text(tmp_path / "a.txt", half)
    assert (tmp_path / "a.txt").read_text() == "walking \\ud83d" == well_formed(half)
    write_json(tmp_path / "a.json", {half: [half]})
    assert read_json(tmp_path / "a.json") == {half: [half]}


def test__study__label_or_text_with_half_a_character__is_written(
    toy_study: Study, tmp_path: Path
) -> None:
    half = "walking \ud83d"
    study = write_study(tmp_path / "s", [toy_study.recording(toy_study.entries[0]["id"])], name="s")
    write_segments(study.folder, [("p0-1", Segment(0.0, 1.0, half, ""))])
    assert read_segments(study.folder, ["p0-1"])["p0-1"][0].label == well_formed(half)
    write_texts(study.folder, [Text("p0-1", 0.0, 1.0, half, "x")])
    assert read_texts(study.folder)["p0-1"][0].text == well_formed(half)
