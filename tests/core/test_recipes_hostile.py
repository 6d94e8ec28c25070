"""Recipes that somebody wrote badly, or meant ill, end in one sentence."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from otolith import Study
from otolith.cli.app import COMMANDS, app
from otolith.cli.command import command_of
from otolith.cli.jobs import leaves
from otolith.core.errors import ConfigError
from otolith.core.recipes import MAX_RECIPE_BYTES, read_recipe, write_recipe
from otolith.core.settings import configure
from otolith.learn.training.adapt import AdaptConfig
from otolith.use.recogniser import Recogniser


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "no readable recipe"),
        (b"a = " + b"[" * 50_000 + b"]" * 50_000, "nest"),
        (b"a = " + b"[" * 20 + b"]" * 20, "nests more than"),
        (b".".join([b"a"] * 30) + b" = 1", "nests more than"),
        (b"seed = " + b"9" * 6_000, "no readable recipe"),
        (b"seed = " + b"9" * 30, "63 bits"),
        (b"seconds = nan", "finite"),
        (b"quick = {seconds = [-inf]}", "finite"),
        (b"seed = 1979-05-27", "a date"),
        (b"a = 1\na = 2", "no readable recipe"),
        (b"#" * (MAX_RECIPE_BYTES + 1), "at most"),
    ],
)
def test__recipe__that_is_none__is_one_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_recipe(path)
    done = CliRunner().invoke(
        app, ["adapt", "features", "absent", "--out", str(tmp_path / "new"), "--recipe", str(path)]
    )
    assert (
        done.exit_code == 2
        and done.output.startswith("error: ")
        and list(tmp_path.iterdir()) == [path]
    )


def test__recipe__of_a_folder_or_a_device__is_not_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is no recipe"):
            read_recipe(path)


def test__recipe__whatever_text_it_keeps__is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    content = {"out": 'a"b\\c\n\x7f\x00é', "method": {"x y.é": {"t": "="}}}
    write_recipe(path, content, "remark")
    assert read_recipe(path) == content
    write_recipe(path, {"out": os.fsdecode(b"caf\xe9")}, "remark")
    assert read_recipe(path) == {"out": "caf\\udce9"}


@pytest.mark.parametrize("given", [5, "x", [1], None])
def test__settings__that_are_no_table__are_said(given: object) -> None:
    with pytest.raises(ConfigError, match="by name"):
        configure(AdaptConfig, given, "adaptation")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="finite number"):
        configure(AdaptConfig, {"learning_rate": float("nan")}, "adaptation")


@pytest.mark.parametrize(
    "table",
    [
        "quick = 5",
        "quick = {method = 5}",
        "quick = {method = {a = 5}}",
        "method = {a = 5}",
        "method = 5",
        "windows = 5",
        "command = 5",
    ],
)
def test__recipe__tables_of_another_form__are_said(table: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(table)
    words = ["benchmark", "absent", "--out", str(tmp_path / "n"), "--recipe", str(path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert [found.name for found in tmp_path.iterdir()] == ["r.toml"]


@pytest.mark.parametrize(
    ("command", "content", "said"),
    [
        ("adapt", "[adapt]\nmode = 'melted'", "'mode' should be 'finetune', 'frozen' or 'staged'"),
        ("adapt", "[adapt]\nhead = 'mlp'", r"\[adapt\] has no setting 'head'"),
        ("adapt", "[adapt]\nseed = -1", "'seed' should be greater than or equal to 0"),
        ("adapt", "[adapt]\nweight_decay = 'x'", "'weight_decay' should be a number"),
        ("adapt", "[adapt]\nwarmupp = 3", "Did you mean 'warmup'"),
        ("adapt", "warmupp = 3", "no option 'warmupp'. Did you mean 'warmup'"),
        ("pretrain", "[pretrain]\nencoder = 'tpn'", r"\[pretrain\] has no setting 'encoder'"),
        ("pretrain", "[pretrain]\nvalidation_people = true", "'validation_people' should be a"),
        ("pretrain", "[encoder]\nkernels = ['x']", r"'kernels\[0\]' should be a whole number"),
        ("simulate", "[ranges]\nlegs = [1]", r"'legs\[1\]' is missing"),
        (
            "simulate",
            "[mountings]\nleft_wrist = {rotation_deg = [true]}",
            r"'rotation_deg\[0\]' should be a number",
        ),
    ],
)
def test__recipe__table_with_a_wrong_key_or_type__is_said(
    command: str,
    content: str,
    said: str,
    toy_study: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.toml").write_text(content)
    source = {"adapt": ["features", str(toy_study.folder)], "simulate": ["procedural:walking"]}
    words = [
        command,
        *source.get(command, [str(toy_study.folder)]),
        "--out",
        "new",
        "--recipe",
        "r.toml",
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and re.search(said, done.output), done.output
    assert [found.name for found in tmp_path.iterdir()] == ["r.toml"]


def test__recipe__every_part_of_the_schedule__reaches_the_recogniser(
    toy_study: Study, tmp_path: Path
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("[adapt]\nsteps = 1\nepochs = 1\nweight_decay = 0.25\nwarmup = 3")
    words = ["adapt", "tpn", str(toy_study.folder), "--shots", "1", "--out", str(tmp_path / "new")]
    done = CliRunner().invoke(app, [*words, "--recipe", str(recipe), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    loaded = Recogniser.load(tmp_path / "new")
    assert loaded.adapted_.config.weight_decay == loaded.weight_decay == 0.25 and loaded.warmup == 3


@pytest.mark.parametrize(
    "words",
    [
        ["adapt", "tpn", "loop", "--shots", "1", "--out", "o"],
        ["recognise", "x", "loop"],
        ["simulate", "x", "--out", "loop"],
    ],
)
def test__command__link_that_leads_to_itself__is_said(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop", "loop")
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and "loop" in done.output and done.output.startswith("error: "), (
        done.output
    )
    assert [found.name for found in tmp_path.iterdir()] == ["loop"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("mine = {encoder_settings = [1]}", "'encoder_settings' should be a table"),
        ("mine = {encoder_settings = {kernels = ['x']}}", "'kernels[0]' should be a whole number"),
        ("mine = {head_settings = {breadth = 1}}", "no setting 'breadth'"),
        ("mine = {pretrain = {epochs = 'x'}}", "'epochs' should be a whole number"),
        ("mine = {adapt = {steps = true}}", "'steps' should be a whole number"),
        ("mine = {adapt = 1}", "'adapt' should be a table"),
        ("mine = {pretrain_on = 5}", "'pretrain_on' should be a list"),
        ("mine = {add = [[1]]}", "'add[0]' should be text"),
        ("mine = {}\n[windows]\nrate_hz = 1e12", "'rate_hz' should be less than or equal to 10000"),
        ("mine = {}\n[windows]\nseconds = 0", "'seconds' should be greater than 0"),
        ("mine = {}\n[windows]\nseconds = 'x'", "'seconds' should be a number"),
    ],
)
def test__benchmark__method_that_cannot_be__is_said_before_anything_is_trained(
    content: str, said: str, toy_study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f"methods = 'mine'\nworkers = 1\n[method]\n{content}")
    words = [
        "benchmark",
        str(toy_study.folder),
        "--out",
        str(tmp_path / "out"),
        "--recipe",
        str(path),
    ]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2 and said in done.output, done.output
    assert not (tmp_path / "out" / "cells").exists()


@pytest.mark.parametrize(
    ("table", "encoder", "head"),
    [
        ("[head]\nsmallest_leaf = 0", "features", "forest"),
        ("[head]\nstrength = -1.0", "features", "logistic"),
        ("[head]\ndropout = 2.0", "tpn", "mlp"),
        ("[head]\nwidth = -1", "tpn", "mlp"),
        ("[head]\nwidth = 4611686018427387904", "tpn", "mlp"),
    ],
)
def test__adapt__settings_out_of_range__are_said(
    table: str, encoder: str, head: str, toy_study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "r.toml"
    path.write_text(table)
    words = [
        "adapt",
        encoder,
        str(toy_study.folder),
        "--head",
        head,
        "--shots",
        "1",
        "--out",
        str(tmp_path / "out"),
    ]
    done = CliRunner().invoke(app, [*words, "--recipe", str(path), "--device", "cpu"])
    assert done.exit_code == 2, done.output
    assert re.search(f"Head '{head}' cannot work with|should be (greater|less) than", done.output)


ODD = (
    "'x'",
    "''",
    "-1",
    "0",
    "1.5",
    "true",
    "[1]",
    "[[1]]",
    "['x', 1]",
    "[]",
    "{a = 1}",
    "{name = {}}",
    "[true]",
    "4611686018427387904",
    '"\\u0000"',
    "-1.5e300",
    "1e-300",
    "'../x'",
    "1979-05-27",
)
"""What somebody may write behind a key that wants something else."""
SOURCES = {"adapt": 2, "recognise": 2, "retrieve": 2, "fidelity": 2, "demo": 0}
"""How many folders or files a command takes; one if not said."""


TABLES = {
    row.name: {part for leaf in leaves(row.job) for part in (leaf.table, *leaf.path[:-1])}
    for row in COMMANDS
}
"""The tables that a recipe of each command may hold."""


def commands_with_recipes() -> dict[str, list[str]]:
    commands = {row.name: command_of(row.job) for row in COMMANDS}
    names = {name: [option.name for option in command.params] for name, command in commands.items()}
    return {name: options for name, options in names.items() if "recipe" in options}


@pytest.mark.parametrize("command", sorted(commands_with_recipes()))
def test__recipe__any_key_with_any_value__is_one_sentence(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = [key for key in commands_with_recipes()[command] if key not in ("help", "recipe")]
    cases = [(key, value) for key in (*keys, *sorted(TABLES[command] - {""})) for value in ODD]
    # What is named is not there, so that each ends before any work; a few of thousands, others for
    # each command.
    for key, value in cases[len(command) :: 61]:
        study = "study = 'absent'" if command == "demo" and key != "study" else ""
        Path("r.toml").write_text(f"{study}\n{key} = {value}\n")
        absent = [f"absent{number}" for number in range(SOURCES.get(command, 1))]
        out = ["--out", "new"] if "out" in keys else []
        done = CliRunner().invoke(app, [command, *absent, *out, "--recipe", "r.toml"])
        assert done.exit_code == 2, (key, value, done.output)
        assert "Traceback" not in done.output and done.output.strip(), (key, value)
        assert [found.name for found in tmp_path.iterdir() if found.name != "new"] == ["r.toml"], (
            key,
            value,
        )
