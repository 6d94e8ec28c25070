"""A job is its command: options, recipe, help and record are made of its fields."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from otolith import PretrainedEncoder, Study
from otolith.cli.app import COMMANDS, app
from otolith.cli.command import command_of
from otolith.cli.jobs import leaves
from otolith.data.choices import CutChoices
from otolith.data.windows import Cut
from otolith.learn.training.configs import AdaptConfig
from otolith.learn.training.runtime import Runtime
from otolith.measure.few_shot import Fold, FoldRun
from otolith.measure.methods import METHODS, parse_method
from otolith.use.recogniser import Recogniser

CPU = ("--device", "cpu", "--precision", "fp32", "--threads", "1", "--quiet")


def typed(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def say(*words: object) -> str:
    done = typed(*words)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*words: object) -> str:
    done = typed(*words)
    assert done.exit_code == 2, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize("name", [row.name for row in COMMANDS])
def test__every_field_of_a_job__is_an_option_or_a_table_and_has_help(name: str) -> None:
    job = next(row.job for row in COMMANDS if row.name == name)
    command = command_of(job)
    options = {parameter.name for parameter in command.params}
    said = typed(name, "--help").output
    assert said
    for leaf in leaves(job):
        assert leaf.table or leaf.name in options
    for parameter in command.params:
        if parameter.name not in ("help", "version"):
            command.get_help(typer.Context(command, info_name=name))
            assert parameter.help, f"otolith {name}: {parameter.name} says nothing of itself"


def test__cut_choices__are_the_fields_of_a_cut() -> None:
    cut = {field.name for field in dataclasses.fields(Cut)}
    assert {field.name for field in dataclasses.fields(CutChoices)} == cut


def test__recogniser__takes_every_field_of_adapt_config() -> None:
    config = AdaptConfig(mode="frozen", steps=3, weight_decay=0.1, warmup=2, seed=5)
    made = Recogniser(**dataclasses.asdict(config)).get_params()
    assert {name: made[name] for name in dataclasses.asdict(config)} == dataclasses.asdict(config)


@pytest.mark.parametrize(
    "text",
    [
        "[adapt]\nweight_decay = 0.25\nwarmup = 3\nseed = 7",
        "weight-decay = 0.25\nwarmup = 3\nseed = 7",
    ],
)
def test__adapt__every_setting__reaches_the_recogniser_from_a_recipe_and_is_recorded(
    text: str, toy_study: Study, tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text(f"steps = 1\n{text}\n")
    out = tmp_path / "r"
    words = ("adapt", "tpn", toy_study.folder, "--shots", 1, "--out", out, "--epochs", 1, *CPU)
    say(*words, "--recipe", tmp_path / "r.toml")
    config = Recogniser.load(out).adapted_.config
    assert (config.steps, config.epochs, config.weight_decay) == (1, 1, 0.25)
    assert (config.warmup, config.seed) == (3, 7)
    kept = tomllib.loads((out / "recipe.toml").read_text())
    built = dataclasses.asdict(config)
    assert {name: kept[name] for name in built} == built
    assert kept["head"] == {"name": "mlp", **Recogniser.load(out).adapted_.head.settings()}
    assert kept["windows"] == {
        k: v if not isinstance(v, tuple) else list(v) for k, v in toy_study.cut.to_json().items()
    }


def test__typed__wins_over_the_tables_of_a_recipe(toy_study: Study, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        "[pretrain]\nepochs = 2\nbatch_size = 32\n[windows]\nseconds = 1.0\noverlap = 0.0\n"
    )
    words = ("pretrain", toy_study.folder, "--recipe", tmp_path / "r.toml", "--epochs", 1)
    say(*words, "--seconds", 1.5, "--out", tmp_path / "e", *CPU)
    record = PretrainedEncoder.load(tmp_path / "e").record
    assert (record["settings"]["epochs"], record["settings"]["batch_size"]) == (1, 32)
    recipe = record["windows"]["recipe"]
    assert (recipe["seconds"], recipe["overlap"]) == (1.5, 0.0)


def test__pretrain__recipe__holds_what_was_built(toy_study: Study, tmp_path: Path) -> None:
    words = ("pretrain", toy_study.folder, "--epochs", 1, "--set", "bins=5", *CPU)
    say(*words, "--out", tmp_path / "first")
    kept = tomllib.loads((tmp_path / "first" / "recipe.toml").read_text())
    record = json.loads((tmp_path / "first" / "config.json").read_text())["record"]
    assert kept["objective"].pop("name") == "pim"
    lacking = {name for name, value in record["objective_settings"].items() if value is None}
    assert kept["objective"].keys() == record["objective_settings"].keys() - lacking
    assert kept["objective"]["bins"] == 5
    say("pretrain", "--recipe", tmp_path / "first" / "recipe.toml", "--out", tmp_path / "second")
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("first", "second")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        ("pretrain", "[pretrain]\nepocs = 1", "Did you mean 'epochs'?"),
        ("pretrain", "[objective]\nbin = 1", "Did you mean 'bins'?"),
        ("pretrain", "[encoder]\nfilter = [1]", "Did you mean 'filters'?"),
        ("pretrain", "[windows]\noverlapp = 0.1", "Did you mean 'overlap'?"),
        ("adapt", "[head]\nwidht = 3", "Did you mean 'width'?"),
        ("adapt", "[adapt]\nwarm_up = 3", "Did you mean 'warmup'?"),
        ("benchmark", "[methods.pim]\nmode = 'frozen'", "Did you mean 'method'?"),
        ("benchmark", "methods = ['pim']\n[method.pimm]\nmode = 'frozen'", "Did you mean 'pim'?"),
        ("benchmark", "methods = ['pim']\n[method.pim]\nmod = 'frozen'", "Did you mean 'mode'?"),
        (
            "benchmark",
            "methods = ['pim']\n[method.pim]\npretrain = {epocs = 1}",
            "Did you mean 'epochs'?",
        ),
        ("benchmark", "partner_fraction = 0.5", "'modality_fraction'"),
        (
            "benchmark",
            "methods = ['x']\n[method.x]\nobjective_settings = {partner_settings = {}}",
            "'modality_settings'",
        ),
        ("benchmark", "[quick]\nfolds = 2", "benchmarks/quick.py"),
    ],
)
def test__recipe__typo_or_old_key__is_refused_with_the_right_one(
    command: str, text: str, said: str, toy_study: Study, tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text(text)
    study = ["tpn", toy_study.folder] if command == "adapt" else [toy_study.folder]
    out = tmp_path / "out"
    assert said in refused(command, *study, "--out", out, "--recipe", tmp_path / "r.toml", *CPU)
    assert not out.exists() or not (out / "recipe.toml").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("search-augmentations study --out x", "benchmarks/augmentation_search.py"),
        ("benchmark study --quick --out x", "benchmarks/quick.py"),
        ("match a b --out x", "There is no match any more"),
        ("list partners", "modalities"),
    ],
)
def test__what_is_gone__says_where_it_went(words: str, said: str) -> None:
    assert said in refused(*words.split())


def test__benchmark__pretrain_on__without_a_method_that_pretrains__is_refused(
    toy_study: Study, tmp_path: Path
) -> None:
    words = ("benchmark", toy_study.folder, "--methods", "forest,scratch", "--out", tmp_path / "o")
    assert "is pretrained" in refused(*words, "--pretrain-on", toy_study.folder, *CPU)


def test__benchmark__recipe__holds_every_method_as_it_was_built(
    toy_study: Study, tmp_path: Path
) -> None:
    words = ("--methods", "logistic", "--shots", 1, "--folds", 2, "--draws", 1, "--workers", 1)
    out = tmp_path / "out"
    say("benchmark", toy_study.folder, *words, "--out", out, *CPU)
    kept = tomllib.loads((out / "recipe.toml").read_text())
    assert kept["method"]["logistic"]["head_settings"]["strength"] == 1.0
    assert kept["method"]["logistic"]["adapt"]["steps"] == AdaptConfig().steps
    assert kept["windows"]["seconds"] == toy_study.cut.seconds
    before = {path: path.stat().st_mtime_ns for path in out.glob("cells/*")}
    say("benchmark", "--recipe", out / "recipe.toml", "--out", out, "--quiet")
    assert {path: path.stat().st_mtime_ns for path in out.glob("cells/*")} == before


def test__standard__adapt_ships_what_the_benchmark_measured(
    toy_study: Study, tmp_path: Path
) -> None:
    method = dataclasses.replace(
        METHODS["standard"], adapt={**METHODS["standard"].adapt, "epochs": 2, "batch_size": 16}
    )
    parse_method(method)
    held_out = ("p1", "p4")
    run = FoldRun(
        Fold(
            study=str(toy_study.folder),
            cut=toy_study.cut.to_json(),
            missing="error",
            method=method,
            number=0,
            test=held_out,
            shots=(4,),
            draws=1,
            seed=0,
            runtime=Runtime("cpu", "fp32", 1),
            out=str(tmp_path / "measured"),
        )
    )
    measured = run._predict(run.encoder, run.few(4, 0), 0)

    schedule = "".join(f"{name} = {json.dumps(value)}\n" for name, value in method.adapt.items())
    (tmp_path / "r.toml").write_text(f"[adapt]\n{schedule}")
    people = ",".join(person for person in toy_study.subjects if person not in held_out)
    words = ("adapt", method.encoder, toy_study.folder, "--head", method.head, "--shots", 4)
    out = tmp_path / "shipped"
    say(*words, "--people", people, "--recipe", tmp_path / "r.toml", "--out", out, *CPU)
    shipped = Recogniser.load(out, device="cpu", threads=1).predict_proba(run.test)
    np.testing.assert_array_equal(measured, shipped)

    in_python = Recogniser(
        run.encoder, method.head, **method.adapt, device="cpu", precision="fp32", threads=1
    ).fit(run.few(4, 0))
    np.testing.assert_array_equal(in_python.predict_proba(run.test), measured)
