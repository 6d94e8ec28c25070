"""Every number and every --out that can be typed, at values that no run can be made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from otolith import Study
from otolith.cli.app import COMMANDS, app
from otolith.cli.command import command_of

MADE: dict[str, Any] = {row.name: command_of(row.job) for row in COMMANDS}
ABOVE_ZERO = (*("seconds", "rate_hz", "pose_rate_hz", "frame_rate", "band"),)
"""Numbers that must be larger than 0, however little."""
BELOW = {"overlap": 1}
"""Numbers that must be smaller than this, however little."""
UNBOUNDED = {"learning_rate", "head_learning_rate", "staged_learning_rate", "weight_decay"}
"""A rate that is too high keeps no machine busy: training diverges in its first step, and says so
(tests/learn/training/test_trouble.py)."""
HOSTILE = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1e30",
    "-1",
    "0",
    "1e9",
    "1e30",
    str(2**70),
    str(-(2**70)),
    "",
    "x",
    "1e",
)


def numbers() -> list[tuple[str, Any]]:
    out = []
    for name, command in MADE.items():
        for option in command.params:
            if option.type_descriptor.annotation in (int, float) and not getattr(
                option, "is_flag", False
            ):
                out.append((name, option))
    return out


def required(name: str) -> list[str]:
    """What a command cannot do without, naming a study that is not there."""
    out = {"demo": ["--study", "absent-study"], "fidelity": ["absent-study"]}.get(name, [])
    for option in MADE[name].params:
        if option.required:
            words = (
                ["absent-study"]
                if option.param_type_name == "argument"
                else [option.opts[0], "new"]
            )
            out += words
    return out


@pytest.mark.parametrize(
    ("name", "option"), numbers(), ids=lambda one: str(getattr(one, "name", one))
)
def test__every_number_of_every_command__hostile_values__are_refused_by_name(
    name: str, option: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    typed = option.opts[0]
    for value in HOSTILE:
        done = CliRunner().invoke(app, [name, *required(name), f"{typed}={value}"])
        assert done.exit_code == 2, (value, done.output)
        assert not list(tmp_path.iterdir()), value
        words = done.output
        if "absent-study" in words.replace("\n", "") or "procedural" in words:
            # It passed the door: then it is a value that a run can be made with.
            number = float(value)
            least = option.min
            most = 1e30 if option.name in UNBOUNDED else BELOW.get(option.name, option.max)
            assert number != BELOW.get(option.name), value
            assert number <= most and (least is None or number >= least), value
            assert number > 0 or option.name not in ABOVE_ZERO
        else:
            assert typed in words, (value, words)


def test__there_are_numbers__and_each_has_a_bound() -> None:
    found = numbers()
    assert len(found) > 40
    open_ended = {option.name for _, option in found if option.max is None}
    assert open_ended <= {*UNBOUNDED, *BELOW}, (
        "say the most in the field: Annotated[int, Le(10_000)]"
    )


@pytest.mark.parametrize(
    "out", [".", "/", "", "..", "./", "a_file", "a_file/below", "here/..", "\0"]
)
@pytest.mark.parametrize(
    "name", [n for n, c in MADE.items() if any(p.name == "out" for p in c.params)]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test__out_that_is_no_place__is_refused_and_nothing_is_touched(
    name: str,
    out: str,
    overwrite: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    toy_study: Study,
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "a_file").write_text("mine")
    (tmp_path / "here" / "m.toml").write_text("")
    monkeypatch.chdir(tmp_path / "here")
    study = str(toy_study.folder)
    arguments = {
        "import": ["m.toml", "--mapping", "m.toml"],
        "adapt": ["features", study, "--head", "forest"],
        "recognise": [study, "a_file"],
        "simulate": ["procedural:walking"],
        "demo": [],
    }.get(name, [study])
    more = (
        ["--overwrite"]
        if overwrite and any(p.name == "overwrite" for p in MADE[name].params)
        else []
    )
    if name in ("recognise", "demo", "benchmark") and out == "a_file":
        pytest.skip("recognise writes a file; a benchmark checks its folder itself")
    done = CliRunner().invoke(app, [name, *arguments, "--out", out, *more])
    assert done.exit_code == 2, done.output
    assert (tmp_path / "here" / "a_file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a_file", "here", "m.toml"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--seconds", "1e-9"),
        ("--seconds", "86400"),
        ("--rate", "1e-9"),
        ("--rate", "3"),
        ("--batch-size", "1"),
        ("--batch-size", str(2**31 - 1)),
        ("--learning-rate", "1e-300"),
        ("--seed", str(2**32 - 2)),
        ("--learning-rate", "1e6"),
        ("--threads", "64"),
    ],
)
def test__pretrain__numbers_at_the_edge__work_or_are_refused(
    arguments: tuple[str, ...], toy_study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = ["--epochs", "1", "--device", "cpu", "--quiet", "--out", "new"]
    done = CliRunner().invoke(app, ["pretrain", str(toy_study.folder), *quick, *arguments])
    assert done.exit_code in (0, 2), done.output
    assert not list(tmp_path.glob("otolith-fault*"))


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "WORLD_SIZE", "RANK", "LOCAL_WORLD_SIZE"])
@pytest.mark.parametrize("value", ["x", "-1", "1e3", "9" * 30, "\u0663"])
def test__odd_environment__is_said(
    variable: str, value: str, toy_study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    done = CliRunner().invoke(
        app,
        [
            "pretrain",
            str(toy_study.folder),
            "--out",
            str(tmp_path / "new"),
            "--quiet",
            "--epochs",
            "1",
        ],
    )
    assert done.exit_code == 2 and variable in done.output, done.output


def test__segments_of_nan_seconds__library__is_a_setting_that_cannot_be(toy_study: Study) -> None:
    from otolith.core.errors import ConfigError

    for seconds in (float("nan"), float("inf"), -1.0, 0.0):
        with pytest.raises(
            ConfigError, match=r"'seconds' should be (greater than 0|a finite number|less than)"
        ):
            toy_study.windows(seconds=seconds)
