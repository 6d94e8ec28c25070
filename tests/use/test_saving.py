"""A saved recogniser: the same answers, and an error that says what to do for everything that is
not as it was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from resealed import edit_config, edit_tensors
from toy import toy_recording

from otolith import Study
from otolith.core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    OtolithError,
    UnknownNameError,
)
from otolith.core.files import write_sealed
from otolith.data.channels import channel_names
from otolith.data.windows import Windows
from otolith.use.recogniser import Recogniser

QUICK: dict[str, Any] = {
    "steps": 10,
    "epochs": 1,
    "device": "cpu",
    "precision": "fp32",
    "threads": 1,
}


@pytest.fixture(scope="module")
def saved(recogniser: Recogniser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "recogniser"
    recogniser.save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "recogniser"))


def test__save__round_trip__gives_the_same_answers(
    recogniser: Recogniser, saved: Path, toy_windows: Windows
) -> None:
    again = Recogniser.load(saved, threads=1, device="cpu")
    assert (again.predict_proba(toy_windows) == recogniser.predict_proba(toy_windows)).all()
    assert again.classes_.tolist() == recogniser.classes_.tolist()
    assert again.chain_ == recogniser.chain_
    assert again.n_features_in_ == recogniser.n_features_in_
    recording = toy_recording("p9")
    first, second = (r.recognise(recording) for r in (recogniser, again))
    assert (first.probability == second.probability).all() and (first.label == second.label).all()


@pytest.mark.parametrize("head", ["linear", "mlp", "logistic", "forest"])
def test__save__every_head__round_trips(head: str, toy_windows: Windows, tmp_path: Path) -> None:
    fitted = Recogniser("features" if head == "forest" else "tpn", head, **QUICK).fit(
        toy_windows.few(2)
    )
    fitted.save(tmp_path / "r")
    again = Recogniser.load(tmp_path / "r", threads=1)
    assert (again.predict_proba(toy_windows) == fitted.predict_proba(toy_windows)).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test__save__precision__is_restored(
    precision: str, toy_windows: Windows, tmp_path: Path
) -> None:
    fitted = Recogniser(**QUICK | {"precision": precision}).fit(toy_windows.few(2))
    fitted.save(tmp_path / "r")
    again = Recogniser.load(tmp_path / "r", threads=1)
    assert again.precision == precision
    assert (again.predict_proba(toy_windows) == fitted.predict_proba(toy_windows)).all()
    assert Recogniser.load(tmp_path / "r", precision="fp32").precision == "fp32"


@pytest.mark.parametrize("y", [[3, 11], ["a", "b"], [True, False], [0.5, 1.5]])
def test__save__classes__keep_their_type(
    y: list[Any], toy_windows: Windows, tmp_path: Path
) -> None:
    few = toy_windows[toy_windows.code != 2].few(2)
    labels = np.array(y)[few.code]
    settings = QUICK | {"rate_hz": 50, "channels": channel_names(few.channels)}
    if labels.dtype.kind == "f":  # numbers with decimals are no classes to scikit-learn
        with pytest.raises(ValueError, match="continuous"):
            Recogniser("features", "logistic", **settings).fit(few.values(), labels)
        return
    fitted = Recogniser("features", "logistic", **settings).fit(few.values(), labels)
    fitted.save(tmp_path / "r")
    again = Recogniser.load(tmp_path / "r")
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert (again.predict(few.values()) == fitted.predict(few.values())).all()


def test__save__config__tells_the_whole_signal_chain(saved: Path, toy_study: Study) -> None:
    config = json.loads((saved / "config.json").read_text())
    assert config["schema"]["rate_hz"] == 50.0 and config["schema"]["length"] == 100
    assert len(config["schema"]["channels"]) == 12
    resample, window, standardise = config["signal"]
    assert resample == {"name": "resample", "rate_hz": 50.0, "bridge_s": 0.1}
    assert (
        window["seconds"] == 2.0
        and window["label_rule"] == "inside"
        and window["most_bridged"] == 0.2
    )
    assert standardise["name"] == "standardise"
    assert config["encoder"]["name"] == "tpn" and config["head"]["name"] == "mlp"
    record = config["record"]
    assert record["pretraining"]["objective"] == "pim"
    assert (
        record["pretraining"]["subjects"]
        == record["adaptation"]["subjects"]
        == ["p0", "p1", "p2", "p3"]
    )
    assert (
        record["pretraining"]["studies"]
        == record["adaptation"]["studies"]
        == {"toy": toy_study.hash}
    )
    assert record["adaptation"]["labels"] == {"resting": 8, "shaking": 8, "walking": 8}
    assert record["adaptation"]["settings"]["steps"] == 80
    assert (
        record["runtime"]["precision"] == "fp32"
        and "torch" in record["versions"]
        and "commit" in record
    )


def test__save__card__says_on_whom_and_what_was_trained(
    saved: Path, toy_windows: Windows, tmp_path: Path
) -> None:
    card = (saved / "README.md").read_text()
    for words in (
        "do not test on p0, p1, p2, p3.",
        "pretrained by pim, then fine-tuned",
        "windows of 2 s, 100 samples at 50 Hz",
        "| walking | 8 |",
        "left_wrist.acc.x",
    ):
        assert words in card
    assert "p4" not in card
    Recogniser(**QUICK).fit(toy_windows.few(2)).save(tmp_path / "scratch")
    assert "started from random weights" in (tmp_path / "scratch" / "README.md").read_text()
    Recogniser(mode="frozen", **QUICK).fit(toy_windows.few(2)).save(tmp_path / "random")
    assert "RANDOM weights" in (tmp_path / "random" / "README.md").read_text()


def test__save__array__names_nobody(toy_windows: Windows, tmp_path: Path) -> None:
    few = toy_windows.few(2)
    settings = QUICK | {"rate_hz": 50, "channels": channel_names(few.channels)}
    Recogniser(**settings).fit(few.values(), few.code).save(tmp_path / "r")
    assert "who they were is not known here" in (tmp_path / "r" / "README.md").read_text()


def test__save__what_is_there__is_not_lost(
    recogniser: Recogniser, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="already exists"):
        recogniser.save(folder)
    recogniser.save(folder, overwrite=True)
    precious = tmp_path / "home"
    precious.mkdir()
    (precious / "thesis.txt").write_text("five years")
    with pytest.raises(DataError, match="holds other files"):
        recogniser.save(precious, overwrite=True)
    assert (precious / "thesis.txt").read_text() == "five years"


@pytest.mark.parametrize(
    "part", ["encoder.layers.0.weight", "standardise.mean", "head.layers.3.bias"]
)
def test__load__missing_weight__is_named(folder: Path, part: str) -> None:
    edit_tensors(folder, lambda tensors: tensors.__delitem__(part))
    with pytest.raises(CheckpointError, match=f"{part.partition('.')[2]} is missing"):
        Recogniser.load(folder)


@pytest.mark.parametrize(
    "part", ["encoder.layers.0.weight", "standardise.std", "head.layers.0.weight"]
)
def test__load__odd_shape__is_named(folder: Path, part: str) -> None:
    edit_tensors(folder, lambda tensors: tensors.update({part: torch.zeros(3, 3)}))
    with pytest.raises(CheckpointError, match=rf"{part.partition('.')[2]} has shape \[3, 3\], not"):
        Recogniser.load(folder)


def test__load__weight_too_many__is_named(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.update({"tail.weight": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match=r"belong to no part of it: tail\.weight"):
        Recogniser.load(folder)


def test__load__edited_hash_or_exchanged_file__is_refused(
    folder: Path, toy_windows: Windows, tmp_path: Path
) -> None:
    Recogniser(**QUICK).fit(toy_windows.few(1)).save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "model.safetensors", folder)
    with pytest.raises(CheckpointError, match="damaged or was exchanged"):
        Recogniser.load(folder)
    edit_config(tmp_path / "other", lambda c: c.update(weights_sha256="0" * 64))
    with pytest.raises(CheckpointError, match="sha256 differs"):
        Recogniser.load(tmp_path / "other")


def test__load__forest_with_edited_shapes__is_refused_before_it_is_built(
    toy_windows: Windows, tmp_path: Path
) -> None:
    fitted = Recogniser("features", "forest", head_settings={"trees": 3}, **QUICK).fit(
        toy_windows.few(2)
    )
    fitted.save(tmp_path / "r")
    edit_config(tmp_path / "r", lambda c: c["head"]["shapes"].update(feature=[10**6, 10**6]))
    with pytest.raises(CheckpointError, match=r"config\.json says"):
        Recogniser.load(tmp_path / "r")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c["encoder"].update(name="tpm"), UnknownNameError, "Did you mean 'tpn'"),
        (lambda c: c["head"].update(name="mpl"), UnknownNameError, "Did you mean 'mlp'"),
        (lambda c: c["head"].update(name="pathlib:Path"), UnknownNameError, "Nothing was imported"),
        (lambda c: c["head"]["settings"].update(widht=3), ConfigError, "Did you mean 'width'"),
        (lambda c: c["classes"].append("flying"), CheckpointError, "has shape"),
        (lambda c: c.update(classes_type="pickle"), CheckpointError, "incomplete or was edited"),
        (
            lambda c: c["signal"].pop(0),
            CheckpointError,
            "this version knows resample, window, standardise",
        ),
        (lambda c: c["signal"][1].update(name="spectrogram"), CheckpointError, "spectrogram"),
        (lambda c: c["signal"][1].update(secnods=3), CheckpointError, "secnods"),
        (lambda c: c["signal"][1].update(seconds=3.0), CheckpointError, "length = 100"),
        (lambda c: c["signal"][0].update(bridge_s=0.5), CheckpointError, "bridge_s = 0.5"),
        (lambda c: c["signal"][0].update(rate_hz=25.0), CheckpointError, "rate_hz = 25"),
        (lambda c: c["schema"].update(gravity="some"), CheckpointError, "gravity"),
        (lambda c: c["schema"]["channels"].pop(), CheckpointError, "has shape"),
        (
            lambda c: c["schema"].update(channels=["left_wirst.acc.x"]),
            CheckpointError,
            "left_wrist",
        ),
        (lambda c: c["record"].pop("pretraining"), CheckpointError, "incomplete or was edited"),
        (
            lambda c: c["record"]["adaptation"]["settings"].update(speed=3),
            ConfigError,
            "has no setting 'speed'",
        ),
        (lambda c: c.pop("schema"), CheckpointError, "schema"),
        (lambda c: c.pop("signal"), CheckpointError, "signal"),
        (lambda c: c.pop("classes"), CheckpointError, "classes"),
        (
            lambda c: c.update(kind="encoder"),
            CheckpointError,
            "of kind 'encoder', not 'recogniser'",
        ),
        (lambda c: c.update(otolith_checkpoint=3), CheckpointError, "format 2"),
    ],
)
def test__load__edited_config__says_what_is_wrong(
    folder: Path, change: Callable[[dict[str, Any]], None], error: type[Exception], words: str
) -> None:
    edit_config(folder, change)
    with pytest.raises(error, match=words):
        Recogniser.load(folder)


@pytest.mark.parametrize("keep", [0, 1, 60, -3])
def test__load__truncated_config__is_refused(folder: Path, keep: int) -> None:
    path = folder / "config.json"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="cut off"):
        Recogniser.load(folder)


def test__load__nothing_there__says_how_to_make_one(
    folder: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="otolith adapt ENCODER STUDY"):
        Recogniser.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="of kind 'encoder', not 'recogniser'"):
        Recogniser.load(encoder_folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the copy is incomplete"):
        Recogniser.load(folder)


def test__load__fitted_again__goes_on_from_its_own_encoder(
    folder: Path, toy_windows: Windows
) -> None:
    loaded = Recogniser.load(folder, threads=1, steps=5)
    before = loaded.adapted_.encoder.encoder.state_dict()["layers.0.weight"].clone()
    again = loaded.fit(toy_windows.few(2))
    moved = (again.adapted_.encoder.encoder.state_dict()["layers.0.weight"] - before).abs().max()
    assert 0 < float(moved) < 0.02


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test__load__no_error_but_ours__whatever_value_is_replaced(folder: Path) -> None:
    """Every single value of the config is replaced by something else in turn."""
    original = json.loads((folder / "config.json").read_text())

    def paths(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        if at and at[0] == "record" and at[:3] != ("record", "adaptation", "settings"):
            return [at] if len(at) < 3 else []
        items = (
            content.items()
            if isinstance(content, dict)
            else enumerate(content)
            if isinstance(content, list)
            else ()
        )
        return [
            *([at] if at else []),
            *(p for key, value in items for p in paths(value, (*at, key))),
        ]

    for place in paths(original):
        for odd in (None, "odd", -1, [], {}):
            content = json.loads(json.dumps(original))
            inner = content
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            write_sealed(folder / "config.json", content)
            try:
                Recogniser.load(folder)
            except OtolithError:
                continue
            except Exception as error:
                raise AssertionError(f"{place} = {odd!r} raised {error!r}") from error


@pytest.mark.parametrize(
    ("name", "value"), [("left", 10**6), ("right", -1), ("feature", 10**6), ("depth", 2**40)]
)
def test__load__forest_whose_trees_lead_nowhere__is_refused_or_ends(
    name: str, value: int, toy_windows: Windows, tmp_path: Path
) -> None:
    fitted = Recogniser("features", "forest", head_settings={"trees": 3}, **QUICK).fit(
        toy_windows.few(2)
    )
    fitted.save(tmp_path / "r")
    edit_tensors(tmp_path / "r", lambda tensors: tensors[f"head.{name}"].fill_(value))
    if name == "depth":  # no tree is deeper than it has nodes
        again = Recogniser.load(tmp_path / "r", threads=1)
        assert (again.predict_proba(toy_windows) == fitted.predict_proba(toy_windows)).all()
        return
    with pytest.raises(CheckpointError, match=f"'{name}' goes beyond"):
        Recogniser.load(tmp_path / "r")
