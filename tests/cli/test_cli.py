"""The command, as it is typed: one walk from tables to a report, and every way to mistype it."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy import toy_recording
from typer.testing import CliRunner

import otolith
from otolith.cli.app import COMMANDS, Row, app
from otolith.cli.command import examples_of

MAPPING = """
[study]
name = "tables"
[files]
pattern = "*.csv"
subject = {from = "path", pattern = '(?P<subject>p\\d+)'}
[time]
column = "t"
[[sensor]]
placement = "left_wrist"
acc = {columns = ["lx", "ly", "lz"], unit = "m/s2"}
[[sensor]]
placement = "right_wrist"
acc = {columns = ["rx", "ry", "rz"], unit = "m/s2"}
[label]
column = "doing"
[evaluation]
seconds = 2.0
rate_hz = 50.0
"""
QUICK = """
methods = ["quick", "logistic"]
shots = [1, 2]
folds = 2
draws = 1
workers = 1
threads = 1
precision = "fp32"

[method.quick]
objective = "pim"
pretrain = {epochs = 1}
adapt = {steps = 3, epochs = 1}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people's tables, and the study that is imported from them."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "tables").mkdir()
    for number in range(4):
        write_table(folder / "tables" / f"p{number}.csv", f"p{number}")
    (folder / "mapping.toml").write_text(MAPPING)
    (folder / "quick.toml").write_text(QUICK)
    say(folder, "import", "tables", "--mapping", "mapping.toml", "--out", "study")
    return folder


def write_table(path: Path, subject: str) -> None:
    recording = toy_recording(subject, seconds_each=8.0, gyro=False)
    left, right = recording.streams
    with path.open("w", newline="") as opened:
        table = csv.writer(opened)
        table.writerow(["t", "lx", "ly", "lz", "rx", "ry", "rz", "doing"])
        for time_s, a, b in zip(left.time_s, left.values, right.values, strict=True):
            doing = next(s.label for s in recording.segments if s.start_s <= time_s < s.end_s)
            table.writerow([f"{time_s:.2f}", *(f"{value:.4f}" for value in (*a, *b)), doing])


def typed(folder: Path, *words: object) -> Any:
    """Type a command in a folder; return what came of it."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    finally:
        os.chdir(before)


def say(folder: Path, *words: object) -> str:
    """Type a command that must succeed; return what it printed."""
    result = typed(folder, *words)
    assert result.exit_code == 0, result.output
    return str(result.output)


def refused(folder: Path, *words: object) -> str:
    """Type a command that must be refused; return its one paragraph."""
    result = typed(folder, *words)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return str(result.output)


@pytest.fixture(scope="module")
def encoder(place: Path) -> Path:
    say(
        place,
        "pretrain",
        "study",
        "--out",
        "encoder",
        "--epochs",
        "2",
        "--threads",
        "1",
        "--precision",
        "fp32",
    )
    return place / "encoder"


@pytest.fixture(scope="module")
def recogniser(place: Path, encoder: Path) -> Path:
    (place / "short.toml").write_text("[adapt]\nsteps = 5\nepochs = 1\n")
    words = (
        "--shots",
        3,
        "--out",
        "recogniser",
        "--recipe",
        "short.toml",
        "--threads",
        1,
        "--precision",
        "fp32",
    )
    assert "9 windows, 3 classes" in say(place, "adapt", "encoder", "study", *words)
    return place / "recogniser"


def test__import__tables__says_what_was_read(place: Path) -> None:
    content = json.loads(say(place, "info", "study", "--json"))
    assert content["subjects"] == ["p0", "p1", "p2", "p3"]
    assert content["rows"] == {"read": 9600, "kept": 9600, "reported": 0}  # 4 people, 2 streams
    assert content["placements"] == ["left_wrist", "right_wrist"]


def test__import__guess__writes_a_mapping_and_names_what_is_open(
    place: Path, tmp_path: Path
) -> None:
    said = say(tmp_path, "import", place / "tables", "--guess", "--mapping", "first.toml")
    assert "to be filled in" in said
    assert tomllib.loads((tmp_path / "first.toml").read_text())["sensor"]
    assert '"?"' in (tmp_path / "first.toml").read_text()


def test__import__one_damaged_file__is_named_and_does_not_block_the_next_try(
    place: Path, tmp_path: Path
) -> None:
    write_table(tmp_path / "p0.csv", "p0")
    (tmp_path / "p1.csv").touch()
    (tmp_path / "m.toml").write_text(MAPPING)
    words = ("import", ".", "--mapping", "m.toml", "--out", "study")
    assert "p1.csv is empty" in refused(tmp_path, *words)
    assert "p1.csv" in say(tmp_path, *words, "--skip-damaged")
    assert len(otolith.load(tmp_path / "study")) == 1
    assert "already exists" in refused(tmp_path, *words)


def test__pretrain__leaves_encoder_losses_and_recipe(encoder: Path) -> None:
    names = {path.name for path in encoder.iterdir()}
    assert names == {
        "model.safetensors",
        "config.json",
        "README.md",
        "losses.csv",
        "losses.svg",
        "recipe.toml",
    }
    record = otolith.PretrainedEncoder.load(encoder).record
    assert record["runtime"]["threads"] == 1
    assert record["runtime"]["precision"] == "fp32"
    assert record["settings"]["epochs"] == 2


def test__pretrain__from_its_own_recipe__has_the_same_weights(place: Path, encoder: Path) -> None:
    say(place, "pretrain", "--recipe", "encoder/recipe.toml", "--out", "again")
    assert (place / "again/model.safetensors").read_bytes() == (
        encoder / "model.safetensors"
    ).read_bytes()


def test__pretrain__stopped__exits_with_130(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("otolith.learn.training.pretrain.pretrain", stop)
    result = typed(place, "pretrain", "study", "--out", "stopped")
    assert result.exit_code == 130
    assert "goes on from there" in result.output


def test__pretrain__disk_full__is_told_in_words(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("otolith.learn.training.pretrain.pretrain", full)
    assert "make room" in refused(place, "pretrain", "study", "--out", "full")


def test__pretrain__overwrite__spares_a_folder_that_is_no_checkpoint(place: Path) -> None:
    said = refused(place, "pretrain", "study", "--out", "tables", "--overwrite", "--epochs", "1")
    assert "would be lost" in said
    assert (place / "tables" / "p0.csv").exists()


def test__recogniser__recipe_reached_it(recogniser: Path) -> None:
    config = json.loads((recogniser / "config.json").read_text())
    assert config["record"]["adaptation"]["settings"]["steps"] == 5
    assert config["record"]["runtime"]["threads"] == 1


def test__recognise__study_file_and_table__give_the_same_timeline(
    place: Path, recogniser: Path
) -> None:
    first = otolith.load(place / "study").entries[0]["streams"][0]["file"]
    say(place, "recognise", "recogniser", f"study/{first}", "--out", "study.csv")
    said = say(
        place,
        "recognise",
        "recogniser",
        "tables/p0.csv",
        "--mapping",
        "mapping.toml",
        "--out",
        "table.csv",
    )
    assert "windows" in said
    assert (place / "study.csv").read_text() == (place / "table.csv").read_text()
    assert (place / "table.svg").exists()
    rows = list(csv.DictReader((place / "table.csv").read_text().splitlines()))
    assert list(rows[0]) == ["start_s", "end_s", "label", "resting", "shaking", "walking"]
    shares = np.array(
        [[float(row[name]) for name in ("resting", "shaking", "walking")] for row in rows]
    )
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=2e-3)


def test__benchmark__recipe_round_trip__gives_the_same_rows(place: Path) -> None:
    assert "logistic" in say(
        place, "benchmark", "study", "--recipe", "quick.toml", "--out", "results"
    )
    written = tomllib.loads((place / "results/recipe.toml").read_text())
    assert written["method"]["quick"]["pretrain"]["epochs"] == 1
    say(place, "benchmark", "--recipe", "results/recipe.toml", "--out", "results-again")
    first, second = (
        otolith.Report.load(place / name).rows for name in ("results", "results-again")
    )
    assert len(first) == 2 * 2 * 2
    timeless = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
        for rows in (first, second)
    ]
    assert timeless[0] == timeless[1]
    assert (place / "results/report.html").exists()


def test__demo__own_study__runs_the_main_job(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def measure(studies: Any, config: Any, **others: Any) -> otolith.Report:
        names = [getattr(method, "name", method) for method in config.methods]
        asked.update(others, studies=[study.name for study in studies], methods=names)
        asked.update(seed=config.seed)
        return otolith.Report()

    monkeypatch.setattr("otolith.measure.benchmark.benchmark", measure)
    words = (
        "demo",
        "--study",
        "study",
        "--workers",
        1,
        "--threads",
        3,
        "--precision",
        "fp32",
        "--seed",
        5,
    )
    assert "report.html" in say(place, *words)
    assert asked["studies"] == ["tables"]
    assert asked["methods"] == ["pim", "scratch", "forest", "logistic"]
    assert (asked["runtime"].threads, asked["runtime"].precision, asked["seed"]) == (3, "fp32", 5)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("info nowhere", "has no study.json"),
        ("list encodrs", "Did you mean 'encoders'?"),
        ("import tables --out x", "--dataset NAME or --mapping FILE.toml"),
        ("import tables --dataset hupt --out x", "Did you mean 'hapt'?"),
        ("import tables --guess", "say where with --mapping"),
        ("import tables --dataset hapt --out x --skip-damaged", "goes with --mapping"),
        ("pretrain study --objective pimm --out x", "Did you mean 'pim'?"),
        ("pretrain study --pairs left_wrist --out x", "two sensors with ~ between"),
        ("pretrain study --leave-out p9 --out x", "Nobody here is called 'p9'"),
        ("pretrain study --leave-out p1,p2,p3 --out x", "holds back 1 of the people"),
        ("pretrain study --seconds 0.1 --out x", "46 samples or more"),
        ("pretrain study --quantities gyro --out x", "has none of gyro"),
        ("adapt nowhere study --out x", "is no saved encoder"),
        ("adapt tpn study --shots none --out x", "--shots should be a whole number or 'all'"),
        ("adapt tpn study --labels walking --out x", "at least two classes"),
        ("adapt features study --head mlp --out x", "use forest or logistic"),
        ("recognise nowhere tables/p0.csv", "is no saved recogniser"),
        ("recognise nowhere a/p0.csv b/p0.csv", "same timeline"),
        ("benchmark study --methods pmi --out x", "Did you mean 'pim'?"),
        (
            "benchmark study --shots 0 --out x",
            "'shots[0]' should be greater than or equal to 1 or 'all'",
        ),
        ("benchmark study --labels walking --out x", "one class"),
        ("benchmark study --folds one --out x", "--folds"),
        (
            "pretrain study --recipe nowhere.toml --out x",
            "nowhere.toml is no recipe: there is no such file",
        ),
        ("pretrain --recipe quick.toml --out x", "no option 'methods'"),
        ("bogus", "No such command"),
    ],
)
def test__mistyped__one_paragraph_says_what_to_do(place: Path, words: str, expected: str) -> None:
    said = refused(place, *words.split())
    assert expected in said
    assert not (place / "x").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epocs = 3", "Did you mean 'epochs'?"),
        ("[objectiv]\nbins = 5", "Did you mean 'objective'?"),
        ("[objective]\nbin = 5", "Did you mean 'bins'?"),
        ("[windows]\noverlapp = 0.5", "Did you mean 'overlap'?"),
        ('command = "adapt"', "is a recipe for 'otolith adapt'"),
        ("epochs = [", "no readable recipe"),
    ],
)
def test__recipe__mistake_in_it__is_named(
    place: Path, tmp_path: Path, text: str, expected: str
) -> None:
    (tmp_path / "r.toml").write_text(text)
    assert expected in refused(
        place, "pretrain", "study", "--out", "x", "--recipe", tmp_path / "r.toml"
    )


def test__recipe__typed_option_wins(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def stop(*_: object, **given: Any) -> None:
        asked.update(given)
        raise KeyboardInterrupt

    monkeypatch.setattr("otolith.learn.training.pretrain.pretrain", stop)
    text = 'studies = "study"\nepochs = 7\nbatch-size = 8\nout = "r"\n'
    text += "[objective]\nbins = 4\n[encoder]\ndropout = 0.0\n"
    (tmp_path / "r.toml").write_text(text)
    typed(place, "pretrain", "--recipe", tmp_path / "r.toml", "--epochs", 9)
    assert (asked["epochs"], asked["batch_size"], asked["out"]) == (9, 8, Path("r"))
    assert asked["objective_settings"] == {"bins": 4}
    assert asked["encoder_settings"] == {"dropout": 0.0}


@pytest.mark.parametrize("command", [row.name for row in COMMANDS])
def test__help__shows_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"otolith {command} " in result.output.partition("Example")[2]


def test__help__examples__name_options_that_exist() -> None:
    for row in COMMANDS:
        examples = examples_of(row.job)
        told = CliRunner().invoke(app, [row.name, "--help"], env={"COLUMNS": "200"}).output
        options = {word for word in examples.split() if word.startswith("--")}
        assert not [option for option in options if option not in told.partition("Example")[0]]


@pytest.mark.parametrize("command", [row.name for row in COMMANDS])
def test__command__asked_for_its_version__tells_it_and_does_nothing_else(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--version"])
    assert (result.exit_code, result.output) == (0, f"otolith {otolith.__version__}\n")


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test__table__of_commands__says_what_the_jobs_say(row: Row) -> None:
    sentence = row.job.__doc__.split("\n\n")[0]
    assert (row.name, row.summary) == (row.job.command, " ".join(sentence.split()))


def test__help__imports_no_command() -> None:
    script = (
        "import json, sys\nfrom typer.testing import CliRunner\nfrom otolith.cli.app import app\n"
        "done = CliRunner().invoke(app, ['--help'])\nassert done.exit_code == 0, done.output\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "otolith.cli.adapting" not in loaded
    assert not {"pydantic", "annotated_types", "numpy", "pyarrow"} & loaded


def test__command__starts_light_and_tells_its_version() -> None:
    script = (
        "import sys, json; from otolith.cli.app import app; print(json.dumps(sorted(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert not {"torch", "sklearn", "scipy", "matplotlib", "numba"} & set(json.loads(printed))
    version = subprocess.run(
        [sys.executable, "-m", "otolith", "--version"], capture_output=True, text=True, check=True
    )
    assert version.stdout == f"otolith {otolith.__version__}\n"
