"""Several processes do what one would with the same batches: losses, gradients, queue, files."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from otolith import Study
from otolith.data.batch import Batch
from otolith.data.channels import triad
from otolith.learn.embeddings import Embeddings
from otolith.learn.encoders.channel_attention import ChannelAttention
from otolith.learn.encoders.encoder import Encoder
from otolith.learn.training import processes
from otolith.learn.training.processes import Divided, Processes

# Steps with what an odd batch leaves over; every term, the queue, and views that are drawn at
# random.
_SCRIPT = """
import sys, torch
from safetensors.torch import save_file
from otolith import Study
from otolith.learn.objectives.primus import PRIMUS
from otolith.learn.training.pretrain import PretrainConfig, _Run
from otolith.learn.training.processes import Processes
from otolith.learn.training.runtime import Runtime

study, out, count = sys.argv[1:]
runtime = Runtime("cpu", "fp32", 1)
windows = Study.load(study).windows().hide_labels()
goal = PRIMUS(text="", pose="", video="vectors", queue=40, width=32)
with Processes.here(runtime) as here:
    assert here.count == int(count)
    config = PretrainConfig(
        batch_size=33, learning_rate=1e-3, encoder_settings={"hidden": 16, "padded": True}
    )
    run = _Run.start(windows, goal, "stacked_rnn", config, runtime, here)
    seen = {}
    for epoch in range(2):
        for number, batch in enumerate(run.training[0].epoch(epoch)):
            for name, loss in run.step(batch).items():
                seen[f"{epoch}.{number}.loss.{name}"] = loss.detach().clone()
            for part, module in (("encoder", run.model.encoder), ("goal", run.goal)):
                for name, p in module.named_parameters():
                    if p.grad is not None:
                        seen[f"{epoch}.{number}.{part}.{name}"] = p.grad.clone()
            if (epoch, number) == (0, 3):
                break
        for name, value in run.validate().items():
            seen[f"{epoch}.{name}"] = torch.tensor(value)
    seen |= {f"queue.{name}": value for name, value in goal.queue.state_dict().items()}
save_file(seen, f"{out}/{here.rank}.safetensors")
"""


def several(count: int, study: Study, out: Path) -> list[dict[str, torch.Tensor]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    out.mkdir()
    running = []
    for rank in range(count):
        group = {
            "WORLD_SIZE": count,
            "RANK": rank,
            "LOCAL_RANK": rank,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
        }
        environment = (
            os.environ
            | {"OMP_NUM_THREADS": "1"}
            | {name: str(value) for name, value in group.items()}
        )
        command = [sys.executable, "-c", _SCRIPT, str(study.folder), str(out), str(count)]
        running.append(
            subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        )
    said = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0] * count, said
    return [load_file(out / f"{rank}.safetensors") for rank in range(count)]


@pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch knows no other processes"
)
def test__two_processes__losses_gradients_and_queue__are_those_of_one(
    paired_study: Study, tmp_path: Path
) -> None:
    (alone,) = several(1, paired_study, tmp_path / "one")
    first, second = several(2, paired_study, tmp_path / "two")
    assert alone.keys() == first.keys() == second.keys()
    assert any(".encoder." in name for name in alone) and any(
        "loss.nn_video" in name for name in alone
    )
    for name, expected in alone.items():
        torch.testing.assert_close(
            first[name], expected, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: name + text
        )
        assert torch.equal(first[name], second[name]), name


class Twice(Encoder):
    """Gives each row twice its first channel, and notes how many rows it was asked for."""

    dimension = 4

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.config, self.channels, self.rate_hz, self.length = None, triad("head", "acc"), 50.0, 4
        self.rows: list[int] = []

    def forward(self, batch: Batch) -> Embeddings:
        self.rows.append(len(batch))
        return Embeddings(2 * batch.values.transpose(1, 2), 2 * batch.values[:, 0])


@pytest.mark.parametrize(("rows", "count"), [(7, 2), (8, 2), (7, 3), (2, 3)])
def test__divided__each_takes_a_share__and_together_they_are_whole(
    monkeypatch: pytest.MonkeyPatch, rows: int, count: int
) -> None:
    values = torch.randn(rows, 3, 4, generator=torch.Generator().manual_seed(0))
    there = torch.ones(rows, 3, dtype=torch.bool), torch.ones(rows, 4, dtype=torch.bool)
    batch = Batch(values, *there, triad("head", "acc"), 50.0)
    shares: list[torch.Tensor] = []
    monkeypatch.setattr(processes._Gather, "apply", lambda own, _: shares.append(own) or own)
    whole = Twice()
    for rank in range(count):
        divided = Divided(whole, Processes(rank, count))
        assert divided.dimension == 4 and divided.length == 4
        assert divided(batch).pooled.ndim == 2
    assert len(set(whole.rows)) == 1 and whole.rows[0] == -(-rows // count)
    assert torch.equal(torch.cat(shares)[:rows], 2 * values[:, 0])


def test__divided__vectors_of_sensors__come_from_all_and_none_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channels = (*triad("head", "acc"), *triad("chest", "acc"))
    there = torch.ones(5, 6, dtype=torch.bool), torch.ones(5, 8, dtype=torch.bool)
    batch = Batch(torch.randn(5, 6, 8), *there, channels, 50.0)
    whole = ChannelAttention(channels, 50.0, 8, width=8, heads=2).eval()
    shares: list[torch.Tensor] = []
    monkeypatch.setattr(processes._Gather, "apply", lambda own, _: shares.append(own) or own)
    for rank in range(2):
        divided = Divided(whole, Processes(rank, 2))
        assert divided.keeps_sensors_apart and divided(batch).sensors is not None
    torch.testing.assert_close(torch.cat(shares)[:5], whole(batch).sensors)
    single = Batch(batch.values[:, :3], batch.present[:, :3], batch.received, channels[:3], 50.0)
    assert Divided(Twice(), Processes(0, 2))(single).sensors is None


def test__launch__one_that_fails__stops_the_others_and_says_why(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert processes.launch(2, ["pretrain", "no_such_study", "--out", "nowhere", "--quiet"]) == 2
    assert capfd.readouterr().err.count("no_such_study") >= 1


def test__alone__nothing_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    from otolith.learn.training.runtime import Runtime

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    whole: Any = Twice()
    with Processes.here(Runtime()) as here:
        assert here == Processes(0, 1) and here.first and here.divide(whole) is whole
        assert here.runtime(Runtime("cuda", "fp32", 1)).device == "cuda"
    assert Processes(1, 2).runtime(Runtime("cuda", "fp32", 1)).device == "cuda:1"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert Runtime.choose("cpu").threads == 2
