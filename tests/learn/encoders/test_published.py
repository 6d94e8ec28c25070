"""The authors' checkpoint layout: what is taken, and what is refused."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from otolith.core.errors import CheckpointError
from otolith.data.batch import Batch
from otolith.learn.encoders.published import from_published


class Block(nn.Module):
    def __init__(self, inputs: int, kernel: int) -> None:
        super().__init__()
        pool = nn.AdaptiveAvgPool1d(32) if inputs == 33 else nn.MaxPool1d(3)
        self.net = nn.Sequential(
            nn.Conv1d(min(inputs, 32), 32, kernel, dilation=2, bias=False), pool
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.net(values)


class Theirs(nn.Module):
    """Modules nested and named as in the published layout; 33 marks the last convolution, which is
    averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.GroupNorm(2, 6),
            Block(6, 10),
            Block(32, 5),
            Block(33, 5),
            nn.GroupNorm(4, 32),
            nn.GRU(32, 512, batch_first=True),
        )
        self.ssl_head, self.mmcl_head = nn.Linear(512, 512), nn.Linear(512, 512)


@pytest.fixture(scope="module")
def theirs() -> Theirs:
    torch.manual_seed(3)
    model = Theirs().eval()
    for norm in (model.net[0], model.net[4]):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
    return model


def saved(folder: Path, weights: Any, name: str) -> Path:
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        torch.save(weights, path)
    return path


@pytest.mark.parametrize("name", ["encoder.safetensors", "encoder.pt", "best.ckpt"])
def test__published__gives_what_the_authors_model_gives(
    name: str, theirs: Theirs, tmp_path: Path
) -> None:
    weights: Any = theirs.state_dict()
    if (
        name == "best.ckpt"
    ):  # the checkpoint of a whole training: other models and figures beside the encoder
        weights = {f"imu_encoder.{key}": value for key, value in weights.items()} | {
            "video.w": torch.zeros(3)
        }
        weights = {"state_dict": weights, "epoch": 14, "hyper_parameters": {"lr": 2e-4}}
    published = from_published(saved(tmp_path, weights, name))
    signal = torch.randn(4, 6, 250, generator=torch.Generator().manual_seed(0))
    there = torch.ones(4, 6, dtype=torch.bool)
    with torch.inference_mode():
        vector = theirs.net(signal)[1][0]
        encoder = published.encoder
        mine = encoder(
            Batch(signal, there, torch.ones(4, 250, dtype=torch.bool), encoder.channels, 50.0)
        ).pooled
        torch.testing.assert_close(mine, vector, rtol=1e-5, atol=1e-6)
        for head, original in (
            (published.ssl, theirs.ssl_head),
            (published.mmcl, theirs.mmcl_head),
        ):
            assert head is not None
            torch.testing.assert_close(head(mine), original(vector), rtol=1e-4, atol=1e-5)


def test__published__without_heads__is_the_older_kind(theirs: Theirs, tmp_path: Path) -> None:
    weights = {name: tensor for name, tensor in theirs.state_dict().items() if "head" not in name}
    published = from_published(saved(tmp_path, weights, "imu2clip.pt"))
    assert published.ssl is None and published.mmcl is None


def spoilt(weights: dict[str, torch.Tensor], how: str) -> dict[str, torch.Tensor]:
    weights = dict(weights)
    match how:
        case "missing":
            del weights["net.3.net.0.weight"]
        case "strange":
            weights["net.6.weight"] = torch.zeros(2)
        case "shape":
            weights["net.1.net.0.weight"] = torch.zeros(32, 3, 10)
        case "one head":
            del weights["ssl_head.weight"], weights["ssl_head.bias"]
        case "not finite":
            weights["net.4.bias"] = torch.full((32,), float("nan"))
        case "another model":
            weights = {"layer.weight": torch.zeros(3)}
    return weights


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "net.3.net.0.weight is missing"),
        ("strange", "net.6.weight is not part of it"),
        ("shape", r"net.1.net.0.weight has shape \[32, 3, 10\], not \[32, 6, 10\]"),
        ("one head", "it has mmcl_head, but not the other head"),
        ("not finite", "net.4.bias is not finite"),
        ("another model", "net.0.weight is missing"),
    ],
)
def test__published__anything_else__is_refused_by_name(
    how: str, said: str, theirs: Theirs, tmp_path: Path
) -> None:
    path = saved(tmp_path, spoilt(theirs.state_dict(), how), "encoder.pt")
    with pytest.raises(CheckpointError, match=said):
        from_published(path)


def test__published__a_file_that_holds_code__runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "sprung",)

    path = tmp_path / "trap.pt"
    path.write_bytes(pickle.dumps({"net.0.weight": Trap()}))
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        from_published(path)
    torch.save({"net.0.weight": Trap()}, path)
    with pytest.raises(CheckpointError, match="holds objects that only code could bring back"):
        from_published(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"not weights"])
@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test__published__damaged_or_absent__is_told(content: bytes, name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no file"):
        from_published(tmp_path / name)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        from_published(tmp_path / name)


def test__published__a_list__is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a list"):
        from_published(saved(tmp_path, [torch.zeros(2)], "a.pt"))


def again(path: Path, change: Any = None, packed: bool = False, twice: bool = False) -> Path:
    """Write a .pt anew: its pickle changed, its entries packed, or one of them named many times."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    out = path.with_name("again.pt")
    with zipfile.ZipFile(
        out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    ) as archive:
        for name, content in entries.items():
            archive.writestr(name, change(content) if change and name.endswith(".pkl") else content)
        if twice:
            first = next(entry for entry in archive.infolist() if "/data/" in entry.filename)
            archive.infolist().extend([first] * 100)
            archive.filelist.extend([first] * 100)
    return out


def test__published__a_packed_file__is_not_unpacked(tmp_path: Path) -> None:
    big = saved(tmp_path, {"net.0.weight": torch.zeros(2_000_000)}, "a.pt")
    with pytest.raises(CheckpointError, match="would unpack to more"):
        from_published(again(big, packed=True))
    with pytest.raises(CheckpointError, match="would unpack to more"):
        from_published(again(big, twice=True))


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02}X\x01\x00\x00\x00acbuiltins\nbytearray\n\x8a\x05\x00\x00\x00\x00\x7f\x85Rs.",  # 500 GB of zeros
        b"\x80\x02}X\x01\x00\x00\x00actorch.storage\nUntypedStorage\n\x8a\x05\x00\x00\x00\x00\x7f\x85Rs.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x02}X\x01\x00\x00\x00a",
        b"",
    ],
)
def test__published__a_pickle_that_asks_for_more_than_tensors__is_refused(
    pickled: bytes, tmp_path: Path
) -> None:
    path = again(saved(tmp_path, {"net.0.weight": torch.zeros(3)}, "a.pt"), lambda _: pickled)
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        from_published(path)


def test__published__a_tensor_larger_than_its_file__is_refused(
    theirs: Theirs, tmp_path: Path
) -> None:
    weights = dict(theirs.state_dict())
    weights["net.5.weight_hh_l0"] = torch.zeros(1).expand(
        3 * 300_000, 300_000
    )  # four bytes, named as 1 TB
    with pytest.raises(CheckpointError, match="larger than itself"):
        from_published(saved(tmp_path, weights, "a.pt"))
