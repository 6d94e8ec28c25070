"""`otolith verify`, as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy import write_toy_study
from typer.testing import CliRunner

from otolith import Study
from otolith.cli.app import app
from otolith.core.files import write_sealed
from otolith.measure.report import Report
from otolith.show.report_page import save_with_page


def typed(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["verify", *map(str, words)], catch_exceptions=False, env={"COLUMNS": "300"}
    )
    return result.exit_code, result.output


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return write_toy_study(tmp_path / "study", people=2, seconds_each=4.0)


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test__verify__whole__says_what_was_read(study: Study) -> None:
    code, said = typed(study.folder)
    assert code == 0
    assert "6 files" in said and "all is whole" in said  # study.json, segments, four streams
    assert typed(study.folder, "--quiet") == (0, "")


def test__verify__damaged__names_it_and_what_to_type(study: Study) -> None:
    change(study.folder / "segments.parquet")
    code, said = typed(study.folder)
    assert code == 2
    assert "segments.parquet was changed or damaged" in said
    assert f"otolith verify {study.folder} --accept-edits" in said
    code, said = typed(study.folder, "--json")
    told = json.loads(said)
    assert (code, told["whole"], told["kind"], told["accepted"]) == (2, False, "study", False)
    change(study.folder / "recordings" / "p0-1.left_wrist.parquet")
    code, said = typed(study.folder, "--accept-edits")
    assert code == 2 and "nothing was recorded" in said  # a damaged page is no edit


def test__verify__edited_on_purpose__is_recorded_when_asked(study: Study) -> None:
    path = study.folder / "study.json"
    path.write_text(path.read_text().replace('"toy"', '"ward 7"'))
    assert typed(study.folder)[0] == 2
    code, said = typed(study.folder, "--accept-edits")
    assert code == 0 and "as it is now is recorded" in said
    assert Study.load(study.folder).name == "ward 7"
    assert typed(study.folder)[0] == 0


def test__verify__nothing_of_ours__says_what_a_study_is(tmp_path: Path) -> None:
    code, said = typed(tmp_path)
    assert code == 2 and "is no study" in said


def test__verify__results__are_held_against_their_hash(tmp_path: Path) -> None:
    Report().save(tmp_path)
    assert typed(tmp_path)[0] == 0
    path = tmp_path / "results.json"
    path.write_text(path.read_text().replace('"otolith_results"', '"otolith_results "'))
    code, said = typed(tmp_path)
    assert code == 2 and "results.json" in said
    code, said = typed(tmp_path, "--accept-edits")
    assert code == 2


def test__verify__encoder__is_held_against_its_hashes(tmp_path: Path, toy_windows: Any) -> None:
    from otolith.learn.training.pretrain import pretrain

    pretrain(toy_windows, "simclr", "tpn", epochs=1).save(tmp_path / "encoder")
    code, said = typed(tmp_path / "encoder")
    assert code == 0 and said.startswith("encoder ")
    change(tmp_path / "encoder" / "model.safetensors")
    code, said = typed(tmp_path / "encoder")
    assert code == 2 and "Copy the whole folder again" in said


def test__verify__folder_with_an_odd_name__steers_no_terminal(
    toy_study: Study, tmp_path: Path
) -> None:
    for name in ("a\x1b[2Jb", "caf\udce9"):
        folder = tmp_path / name
        shutil.copytree(toy_study.folder, folder)
        for words in ([str(folder)], [str(folder), "--json"], [str(tmp_path / (name + "x"))]):
            done = CliRunner().invoke(app, ["verify", *words])
            assert done.exit_code == (2 if words[0].endswith("x") else 0), done.output
            assert not {"\x1b", "\udce9"} & set(done.output)


@pytest.mark.parametrize("name", ["results.csv", "people.csv", "report.html"])
def test__verify__results__a_table_or_the_page_changed__is_a_fault(
    name: str, tmp_path: Path
) -> None:
    report = Report(
        rows=[{"study": "s", "method": "m", "shots": 1, "fold": 0, "draw": 0, "macro_f1": 0.5}]
    )
    save_with_page(report, tmp_path)
    assert "4 files" in typed(tmp_path)[1]
    change(tmp_path / name)
    code, said = typed(tmp_path)
    assert code == 2 and f"{name} is not as the benchmark wrote it" in said
    (tmp_path / name).unlink()
    assert f"{name} is missing" in typed(tmp_path)[1]


def test__verify__results__damaged_cells_and_encoders__are_noted_as_they_are_made_again(
    tmp_path: Path,
) -> None:
    Report().save(tmp_path)
    (tmp_path / "cells").mkdir()
    write_sealed(tmp_path / "cells" / "whole.json", {"a": 1})
    (tmp_path / "cells" / "cell.json").write_text(
        (tmp_path / "cells" / "whole.json").read_text().replace("1", "2", 1)
    )
    (tmp_path / "encoders" / "a").mkdir(parents=True)
    (tmp_path / "encoders" / "a" / "config.json").write_text("{}")
    code, said = typed(tmp_path)
    assert code == 0
    assert (
        "cell.json is damaged" in said
        and "encoders/a/config.json is not" in said
        and "whole.json" not in said
    )


def test__verify__a_benchmark_that_was_stopped__says_that_there_are_no_results_yet(
    tmp_path: Path,
) -> None:
    (tmp_path / "cells").mkdir()
    code, said = typed(tmp_path)
    assert code == 2 and "No results at" in said and "no study" not in said
