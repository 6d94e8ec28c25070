"""Checkpoints: data alone, written whole, read strictly."""

from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from resealed import edit_config, edit_tensors

from otolith.core.errors import (
    ChannelError,
    CheckpointError,
    DataError,
    OtolithError,
    UnknownNameError,
)
from otolith.core.files import SEAL, file_digest, write_sealed
from otolith.data.windows import Windows
from otolith.learn.training import checkpoint
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.runtime import Runtime
from otolith.learn.training.seen import seen_people

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
    assert {path.name for path in saved.iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    card = (saved / checkpoint.CARD).read_text()
    assert "RANDOM (never trained)" in card and "p0, p1, p2, p3, p4, p5" in card


def test__checkpoint__missing_weight__is_named(folder: Path) -> None:
    edit_tensors(folder, lambda tensors: tensors.__delitem__("encoder.layers.0.bias"))
    with pytest.raises(CheckpointError, match=r"layers\.0\.bias is missing.*Nothing was loaded"):
        PretrainedEncoder.load(folder)


def test__checkpoint__odd_shape__is_named_with_both_shapes(folder: Path) -> None:
    edit_tensors(
        folder, lambda tensors: tensors.update({"encoder.layers.3.weight": torch.zeros(64, 32, 15)})
    )
    with pytest.raises(
        CheckpointError, match=r"layers\.3\.weight has shape \[64, 32, 15\], not \[64, 32, 16\]"
    ):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize("name", ["encoder.layers.9.weight", "head.weight", "extra"])
def test__checkpoint__weight_too_many__is_named(folder: Path, name: str) -> None:
    edit_tensors(folder, lambda tensors: tensors.update({name: torch.zeros(2)}))
    with pytest.raises(CheckpointError, match=name.removeprefix("encoder.")):
        PretrainedEncoder.load(folder)


def test__checkpoint__edited_hash_or_exchanged_file__is_refused(
    folder: Path, toy_windows: Windows
) -> None:
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
        (
            lambda c: c["encoder"].update(name="pathlib:Path"),
            UnknownNameError,
            "Nothing was imported",
        ),
        (
            lambda c: c["encoder"]["settings"].update(depht=3),
            OtolithError,
            "has no setting 'depht'",
        ),
        (lambda c: c["encoder"].pop("name"), CheckpointError, "incomplete or was edited"),
        (lambda c: c.pop("schema"), CheckpointError, "incomplete or was edited"),
        (lambda c: c.update(schema=3), CheckpointError, "incomplete or was edited"),
        (lambda c: c["schema"].update(channels=["left_wrist.acc.x"]), CheckpointError, "has shape"),
        (
            lambda c: c["schema"].update(channels=["left_wirst.acc.x"]),
            UnknownNameError,
            "left_wrist",
        ),
        (lambda c: c["schema"].update(channels=["nonsense"]), ChannelError, "no channel name"),
        (lambda c: c.update(otolith_checkpoint=99), CheckpointError, "checkpoint format"),
        (
            lambda c: c.update(kind="recogniser"),
            CheckpointError,
            "of kind 'recogniser', not 'encoder'",
        ),
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


@pytest.mark.parametrize(
    "content", [b"", b'{"otolith_checkpoint": 1, "ki', b"\xff\xfe\x00", b"[1]", b"null"]
)
def test__checkpoint__truncated_or_odd_config__is_refused(folder: Path, content: bytes) -> None:
    (folder / checkpoint.CONFIG).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        PretrainedEncoder.load(folder)


def test__checkpoint__no_checkpoint_at_all__says_how_to_make_one(
    folder: Path, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize("name", ["config.json", "README.md", "model.safetensors"])
def test__checkpoint__any_byte_changed__is_seen(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for place in {0, 1, len(whole) // 3, len(whole) // 2, 2 * len(whole) // 3, len(whole) - 2}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(CheckpointError, match=r"config\.json|README\.md|model\.safetensors"):
            PretrainedEncoder.load(folder)
    path.write_bytes(whole)
    PretrainedEncoder.load(folder)


def test__checkpoint__every_value_edited_in_turn__is_seen_whatever_version_it_says(
    folder: Path,
) -> None:
    path = folder / checkpoint.CONFIG
    original = json.loads(path.read_text())
    for key in original:
        for version in (original["otolith_checkpoint"], 1):
            path.write_text(json.dumps(original | {"otolith_checkpoint": version} | {key: "other"}))
            with pytest.raises(CheckpointError, match="damaged or was edited"):
                PretrainedEncoder.load(folder)
    path.write_text(json.dumps({k: v for k, v in original.items() if k != SEAL}))
    with pytest.raises(CheckpointError, match="Copy the whole folder again from where it was made"):
        PretrainedEncoder.load(folder)


def test__checkpoint__of_the_first_format__is_still_read(
    folder: Path, toy_windows: Windows
) -> None:
    before = PretrainedEncoder.load(folder).embed(toy_windows, CPU)
    path = folder / checkpoint.CONFIG
    content = json.loads(path.read_text())
    first = {k: v for k, v in content.items() if k not in (SEAL, "files")} | {
        "otolith_checkpoint": 1
    }
    path.write_text(json.dumps(first))
    assert (PretrainedEncoder.load(folder).embed(toy_windows, CPU) == before).all()
    for version in (True, 1.0, "1", 0, 3, None):
        path.write_text(json.dumps(first | {"otolith_checkpoint": version}))
        with pytest.raises(CheckpointError, match="not of checkpoint format 2"):
            PretrainedEncoder.load(folder)


def test__checkpoint__more_files_beside_it__are_no_matter(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    PretrainedEncoder.load(folder)
    (folder / "README.md").unlink()
    with pytest.raises(CheckpointError, match=r"has no README\.md, which it was saved with"):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/hostname", "a/b", "..", "", "\x1b", "C:x", "a\\b"]
)
def test__checkpoint__file_named_outside_of_it__is_not_read(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_text("x", encoding="utf-8")
    edit_config(folder, lambda c: c["files"].update({name: "0" * 64}))
    with pytest.raises(CheckpointError, match="cannot lie in its folder"):
        PretrainedEncoder.load(folder)
    edit_config(folder, lambda c: c.update(files=[name]))
    with pytest.raises(CheckpointError, match="cannot lie in its folder"):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize(
    ("encoder", "settings"),
    [
        ("stacked_rnn", {"hidden": 200_000}),
        ("tpn", {"filters": [3_000_000, 3_000_000], "kernels": [9, 9]}),
        ("tpn", {"filters": [2] * 20_000, "kernels": [2] * 20_000}),
        ("channel_attention", {"width": 2_000_000}),
        ("channel_attention", {"blocks": 1_000_000_000}),
        ("channel_attention", {"views": 1_000_000_000}),
        ("deep_conv_lstm", {"hidden": 3_000_000}),
        ("deep_conv_lstm", {"convolutions": 1_000_000_000}),
        ("deep_conv_lstm", {"layers": 5_000_000}),
    ],
)
def test__checkpoint__asks_for_more_weights_than_it_holds__is_refused_before_memory_is_taken(
    folder: Path, encoder: str, settings: dict[str, Any]
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["encoder"] = {"name": encoder, "settings": settings}

    edit_config(folder, change)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(OtolithError):
        PretrainedEncoder.load(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # in kB
    edit_config(folder, lambda c: c["schema"].update(length=10**12))
    with pytest.raises(OtolithError, match="samples"):
        PretrainedEncoder.load(folder)


@pytest.mark.parametrize("length", [2**63, 2**40, 2**25, 0])
def test__checkpoint__weights_whose_header_lies__are_refused(folder: Path, length: int) -> None:
    path = folder / checkpoint.WEIGHTS
    path.write_bytes(length.to_bytes(8, "little") + path.read_bytes()[8:])
    edit_config(folder, lambda config: config.update(weights_sha256=file_digest(path)))
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        PretrainedEncoder.load(folder)


def test__checkpoint__any_value_of_another_kind__ends_in_our_errors_or_an_encoder_that_works(
    folder: Path, toy_windows: Windows
) -> None:
    original = json.loads((folder / checkpoint.CONFIG).read_text())
    original["record"] |= {
        "windows": {"recipe": {"pad": False}},
        "people": ["a/b"],
        "pretraining": {"studies": {}},
    }

    def places(content: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items = content.items() if isinstance(content, dict) else []
        return [
            *([at] if at else []),
            *(p for key, value in items for p in places(value, (*at, key))),
        ]

    for place in places(original):
        for odd in (None, "odd", -1, [], {}, ["a", 1], 10**30):
            content = json.loads(json.dumps(original))
            inner = content
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = odd
            write_sealed(folder / checkpoint.CONFIG, content)
            try:
                loaded = PretrainedEncoder.load(folder)
                loaded.card()
                loaded.require(toy_windows)
                seen_people(loaded.record, toy_windows)
            except OtolithError:
                continue
            except Exception as error:
                raise AssertionError(f"{place} = {odd!r} raised {error!r}") from error


def test__save__over_a_checkpoint_of_another_kind__is_refused_and_that_stays(
    tmp_path: Path,
) -> None:
    checkpoint.save(tmp_path / "made", "encoder", {}, {"a": torch.zeros(1)}, {})
    before = (tmp_path / "made" / "config.json").read_bytes()
    with pytest.raises(
        DataError, match="holds a checkpoint of kind 'encoder'; choose another folder"
    ):
        checkpoint.save(tmp_path / "made", "recogniser", {}, {"a": torch.ones(1)}, {})
    assert (tmp_path / "made" / "config.json").read_bytes() == before


V0_1 = Path(__file__).parent / "v0_1"


def test__checkpoint_of_v0_1__is_read() -> None:
    loaded = PretrainedEncoder.load(V0_1 / "plain")
    assert loaded.name == "features" and loaded.record["people"] == ["/x", "/y"]


def test__checkpoint_of_v0_1__with_partners__is_refused_with_the_command_that_makes_it() -> None:
    folder = V0_1 / "aligned"
    command = f"otolith pretrain STUDY --objective primus --out {re.escape(str(folder))}"
    with pytest.raises(CheckpointError, match=f"saved by Otolith 0.1.* Make it again: {command}"):
        PretrainedEncoder.load(folder)
