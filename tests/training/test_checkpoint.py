"""Checkpoints: data alone, written whole, read strictly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from resealed import edit_config, edit_tensors

from otolith.errors import ChannelError, CheckpointError, OtolithError, UnknownNameError
from otolith.files import file_digest
from otolith.training import checkpoint
from otolith.training.pretrained import PretrainedEncoder
from otolith.training.runtime import Runtime
from otolith.windows import Windows

CPU = Runtime("cpu", "fp32", 1)


@pytest.fixture(scope="module")
def saved(toy_windows: Windows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "encoder"
    PretrainedEncoder.fresh(toy_windows, "tpn", seed=5).save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "encoder"))


def test__encoder_checkpoint__round_trip__gives_the_same_vectors(
    saved: Path, folder: Path, toy_windows: Windows
) -> None:
    first, second = PretrainedEncoder.load(saved), PretrainedEncoder.load(folder)
    original = PretrainedEncoder.fresh(toy_windows, "tpn", seed=5)
    vectors = [model.embed(toy_windows, CPU) for model in (original, first, second)]
    assert (vectors[0] == vectors[1]).all() and (vectors[1] == vectors[2]).all()
    assert first.schema() == original.schema() and first.record == original.record
    assert {path.name for path in saved.iterdir()} == {"config.json", "model.safetensors", "README.md"}
    card = (saved / checkpoint.CARD).read_text()
    assert "RANDOM (never trained)" in card and "p0, p1, p2, p3, p4, p5" in card


def test__checkpoint__missing_weight__is_named(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.__delitem__("encoder.layers.0.bias"))
    with pytest.raises(CheckpointError, match=r"layers\.0\.bias is missing.*Nothing was loaded"):
        PretrainedEncoder.load(folder)


def test__checkpoint__odd_shape__is_named_with_both_shapes(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.update({"encoder.layers.3.weight": torch.zeros(64, 32, 15)}))
    with pytest.raises(CheckpointError, match=r"layers\.3\.weight has shape \[64, 32, 15\], not \[64, 32, 16\]"):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize("name", ["encoder.layers.9.weight", "head.weight", "extra"])
def test__checkpoint__weight_too_many__is_named(folder: Path, name: str) -> None:
    edit_tensors(folder, lambda tensors: tensors.update({name: torch.zeros(2)}))
    with pytest.raises(CheckpointError, match=name.removeprefix("encoder.")):
        PretrainedEncoder.load(folder)


def test__checkpoint__edited_hash_or_exchanged_file__is_refused(folder: Path, toy_windows: Windows) -> None:
    other = folder.with_name("other")
    PretrainedEncoder.fresh(toy_windows, "tpn", seed=6).save(other)
    shutil.copy(other / checkpoint.WEIGHTS, folder / checkpoint.WEIGHTS)
    with pytest.raises(CheckpointError, match="is not the file that"):
        PretrainedEncoder.load(folder)
    edit_config(other, lambda config: config.update(weights_sha256="0" * 64))
    with pytest.raises(CheckpointError, match="sha256 differs"):
        PretrainedEncoder.load(other)


def test__checkpoint__truncated_weights_with_a_fitting_hash__are_damaged(folder: Path) -> None:
    path = folder / checkpoint.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])
    edit_config(folder, lambda config: config.update(weights_sha256=file_digest(path)))
    with pytest.raises(CheckpointError, match="is damaged"):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c["encoder"].update(name="tpm"), UnknownNameError, "Did you mean 'tpn'"),
        (lambda c: c["encoder"].update(name="pathlib:Path"), UnknownNameError, "Nothing was imported"),
        (lambda c: c["encoder"]["settings"].update(depht=3), OtolithError, "has no setting 'depht'"),
        (lambda c: c["encoder"].pop("name"), CheckpointError, "incomplete or was edited"),
        (lambda c: c.pop("schema"), CheckpointError, "incomplete or was edited"),
        (lambda c: c.update(schema=3), CheckpointError, "incomplete or was edited"),
        (lambda c: c["schema"].update(channels=["left_wrist.acc.x"]), CheckpointError, "has shape"),
        (lambda c: c["schema"].update(channels=["left_wirst.acc.x"]), UnknownNameError, "left_wrist"),
        (lambda c: c["schema"].update(channels=["nonsense"]), ChannelError, "no channel name"),
        (lambda c: c.update(otolith_checkpoint=99), CheckpointError, "checkpoint format"),
        (lambda c: c.update(kind="recogniser"), CheckpointError, "of kind 'recogniser', not 'encoder'"),
        (lambda c: c.pop("kind"), CheckpointError, "of kind 'None'"),
        (lambda c: c.pop("weights_sha256"), CheckpointError, "sha256"),
    ],
)
def test__checkpoint__edited_config__says_what_is_wrong(
    folder: Path, change: Callable[[dict[str, Any]], None], error: type[Exception], words: str
) -> None:
    edit_config(folder, change)
    with pytest.raises(error, match=words):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize("content", [b"", b'{"otolith_checkpoint": 1, "ki', b"\xff\xfe\x00", b"[1]", b"null"])
def test__checkpoint__truncated_or_odd_config__is_refused(folder: Path, content: bytes) -> None:
    (folder / checkpoint.CONFIG).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        PretrainedEncoder.load(folder)


def test__checkpoint__no_checkpoint_at_all__says_how_to_make_one(folder: Path, tmp_path: Path) -> None:
    (folder / checkpoint.WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors: the copy is incomplete"):
        PretrainedEncoder.load(folder)
    with pytest.raises(CheckpointError, match="otolith pretrain STUDY"):
        PretrainedEncoder.load(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="otolith adapt ENCODER"):
        checkpoint.load(tmp_path / "nowhere", "recogniser")


def test__checkpoint__disk_full_while_writing__leaves_the_old_one(
    folder: Path, toy_windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file_digest(folder / checkpoint.WEIGHTS)

    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        PretrainedEncoder.fresh(toy_windows, "tpn", seed=6).save(folder)
    assert file_digest(folder / checkpoint.WEIGHTS) == before
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]


def test__load_into__problem__leaves_the_module_as_it_was() -> None:
    module = torch.nn.Linear(2, 3)
    before = module.weight.detach().clone()
    with pytest.raises(CheckpointError, match="bias is missing"):
        checkpoint.load_into(module, {"a.weight": torch.ones(3, 2)}, "a.", "somewhere")
    assert torch.equal(module.weight, before)
