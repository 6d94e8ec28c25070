"""Every pair of augmentations in one run: which there are, what is measured, what is written."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from toy import write_toy_study

from otolith import Study
from otolith.core.errors import ConfigError, UnknownNameError
from otolith.learn import augmentations
from otolith.measure.report import Report

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "augmentation_search.py"
spec = importlib.util.spec_from_file_location("benchmarks_augmentation_search", SCRIPT)
assert spec is not None and spec.loader is not None
search = importlib.util.module_from_spec(spec)
spec.loader.exec_module(search)
pairs_of, pair_tables, best_pair = search.pairs_of, search.pair_tables, search.best_pair


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Six people, four seconds of each activity."""
    return write_toy_study(tmp_path_factory.mktemp("small") / "study", people=6, seconds_each=4.0)


def test__pairs__are_each_alone_and_every_two() -> None:
    assert pairs_of(["jitter", "scaling"]) == [("jitter",), ("jitter", "scaling"), ("scaling",)]
    assert pairs_of(["jitter", "scaling"], ordered=True) == [
        ("jitter",), ("jitter", "scaling"), ("scaling", "jitter"), ("scaling",),
    ]  # fmt: skip
    count = len(augmentations.FAMILY)
    assert len(pairs_of()) == count * (count + 1) // 2
    assert len(pairs_of(ordered=True)) == count * count


def test__pairs__unknown_or_twice__is_refused() -> None:
    with pytest.raises(UnknownNameError, match="no augmentation 'jiter'"):
        pairs_of(["jiter"])
    with pytest.raises(ConfigError, match="named twice"):
        pairs_of(["jitter", "jitter"])


def test__search__objective_without_augmentations__is_refused(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'pim' has no augmentations"):
        search.search_augmentations([study], objective="pim", out=tmp_path)


def test__script__measures_each_pair_beside_an_untrained_encoder(
    study: Study, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [
        "--augmentations",
        "scaling,time_reversal",
        "--epochs",
        "1",
        "--shots",
        "2",
        "--folds",
        "2",
        "--draws",
        "1",
    ]
    command = [sys.executable, str(SCRIPT), str(study.folder), "--out", str(out), *words]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = json.loads((out / "results.json").read_text())["rows"]
    pairs = {"scaling", "scaling+time_reversal", "time_reversal"}
    assert {row["method"] for row in rows} == {"chosen", "untrained"}
    assert [row["fold"] for row in rows if row["method"] == "chosen"] == [0, 1]
    assert {
        (row["objective"], row["encoder"], row["head"]) for row in rows if row["method"] == "chosen"
    } == {("simclr", "tpn", "linear")}
    for row in (row for row in rows if row["method"] == "chosen"):
        inner = Report.load(out / "inner" / f"toy-{row['fold'] + 1}")
        assert {line["method"] for line in inner.rows} == {*pairs, "untrained"}
        assert row["notes"] == [f"chosen: {best_pair(inner)}"]
        # Nobody who is scored had a part in the choice, not even in training.
        part = {
            who for line in inner.rows for who in (*line["train_subjects"], *line["test_subjects"])
        }
        assert not part & set(row["test_subjects"]) and len(part) == 3
    table = (out / "pairs.md").read_text(encoding="utf-8")
    assert table in printed
    assert "Scores on the people who had no part in the choice" in table
    assert (
        "## toy, 2 labelled windows per class" in table and "| | scaling | time_reversal |" in table
    )


def line(method: str, mean: float, **more: Any) -> dict[str, Any]:
    row = {
        "study": "toy",
        "method": method,
        "shots": "all",
        "fold": 0,
        "draw": 0,
        "test_subjects": ["p0", "p1"],
    }
    people = {"p0": {"macro_f1": mean - 0.1}, "p1": {"macro_f1": mean + 0.1}}
    return row | {"macro_f1": mean, "per_subject": people, "train_subjects": ["p2"]} | more


def test__tables__show_the_best_and_leave_the_unmeasured_empty() -> None:
    report = Report(rows=[line("untrained", 0.3), line("jitter", 0.5), line("jitter+scaling", 0.6)])
    table = pair_tables(report, [("jitter",), ("jitter", "scaling"), ("scaling",)])
    assert (
        "## toy, all labels" in table and "Untrained: 30.0 ± 10.0. Best: jitter+scaling." in table
    )
    assert "| jitter | 50.0 ± 10.0 | **60.0 ± 10.0** |" in table
    assert "| scaling |  |  |" in table
