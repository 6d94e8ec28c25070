"""Pretraining and adaptation against bare torch loops of the same model, windows, optimiser and
precision.

Two rivals. "The same modules": this toolkit's encoder and objective with nothing around them.
"Plain torch": what one writes without it, a `Sequential`, a list of heads, their losses one after
the other, Adam as it comes. Windows are made, of 2.56 s at 50 Hz from one sensor or three. Other
objectives and the stacked recurrent network are measured against the same modules alone, on a
quarter of the windows of one sensor; objectives with poses and texts on UTD-MHAD, where --study
names it. All loops train on all windows once and then measure two people held back; they take turns
in one process; medians of paired ratios. The toolkit's own epoch also keeps the best weights and
the losses, and runs in repeatable mode; the rivals do without.

Run: python benchmarks/training.py [--threads 2] [--device cpu] [--repeats 9] [--batch 256]
         [--study FOLDER]
[--quick]
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

early = argparse.ArgumentParser(add_help=False)
early.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
early.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
THREADS, DEVICE = vars(early.parse_known_args()[0]).values()
os.environ["OMP_NUM_THREADS"] = str(THREADS)
# OpenMP's waiting threads spin by default; where anything else runs, that slows down everything.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np  # noqa: E402  (the lines above must come first)
import torch  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from otolith.core.errors import OtolithWarning  # noqa: E402
from otolith.data.batch import Batch  # noqa: E402
from otolith.data.channels import triad  # noqa: E402
from otolith.data.store import Store  # noqa: E402
from otolith.data.study import Study  # noqa: E402
from otolith.data.windows import Windows  # noqa: E402
from otolith.learn import objectives  # noqa: E402
from otolith.learn.encoders.tpn import TPN  # noqa: E402
from otolith.learn.heads.mlp import MLP  # noqa: E402
from otolith.learn.objectives.pim import PIM  # noqa: E402
from otolith.learn.training.adapt import AdaptConfig, adapt, class_weights  # noqa: E402
from otolith.learn.training.pretrain import PretrainConfig, _Run  # noqa: E402
from otolith.learn.training.pretrained import PretrainedEncoder  # noqa: E402
from otolith.learn.training.processes import Processes  # noqa: E402
from otolith.learn.training.runtime import Runtime  # noqa: E402

PLACES = ("left_wrist", "right_wrist", "left_ankle")
PEOPLE, RATE_HZ, LENGTH = 10, 50.0, 128
OTHERS = (
    ("transformations", "tpn"),
    ("masked", "tpn"),
    ("simclr", "tpn"),
    ("simclr", "stacked_rnn"),
)
"""Objectives and encoders that are measured beside PIM on TPN."""
WITH_MODALITIES = (
    *(("primus", encoder) for encoder in ("tpn", "stacked_rnn")),
    ("imu2clip", "stacked_rnn"),
    ("multi3net", "channel_attention"),
)
"""Those that need poses and texts, which are cached before the clock starts: they are made once for
all epochs."""
AT_LEAST = 1 / 1.05
"""Of the speed of a bare loop of the same modules: the loop may cost 5 %."""


def made_windows(count: int, sensors: int) -> Windows:
    """Make `count` half overlapping windows of ten people, each sensor with acceleration and
    angular rate."""
    rng = np.random.default_rng(0)
    channels = tuple(
        c for place in PLACES[:sensors] for what in ("acc", "gyro") for c in triad(place, what)
    )
    each = count // PEOPLE
    rows = (each + 1) * LENGTH // 2
    time_s = np.arange(rows)[:, None] / RATE_HZ
    stretches = [
        np.sin(2 * np.pi * rng.uniform(0.8, 2.2) * time_s + rng.uniform(0, 6, len(channels)))
        * rng.uniform(0.5, 2)
        + rng.normal(0, 0.3, (rows, len(channels)))
        for _ in range(PEOPLE)
    ]
    values = np.concatenate(stretches).astype(np.float32)
    values[:, 2::6] += 9.81
    pieces = np.arange(PEOPLE)[:, None] * rows + [0, rows]
    store = Store(values, np.zeros(len(values), np.uint16), pieces, f"made-{count}-{sensors}")
    person, number = np.divmod(np.arange(each * PEOPLE), each)
    names = np.array([f"p{i}" for i in range(PEOPLE)], dtype=object)[person]
    return Windows(
        store,
        channels,
        RATE_HZ,
        LENGTH,
        person * rows + number * LENGTH // 2,
        person,
        names,
        names,
        number * LENGTH / 2 / RATE_HZ,
        number % 6,
        tuple("abcdef"),
        study="made",
    )


def start(
    windows: Windows,
    batch_size: int,
    runtime: Runtime,
    objective: str = "pim",
    encoder: str = "tpn",
) -> _Run:
    """Prepare a pretraining run."""
    goal = objectives.FAMILY.resolve(objective)()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OtolithWarning)
        config = PretrainConfig(batch_size=batch_size, patience=0)
        return _Run.start(windows, goal, encoder, config, runtime, Processes())


class PlainPIM(nn.Module):
    """TPN and PIM's heads as one writes them with torch alone."""

    def __init__(
        self, channels: int, weights: dict[str, float], families: list[str], bins: int
    ) -> None:
        super().__init__()
        self.weights, self.families = weights, families
        layers: list[nn.Module] = []
        for width, filters, kernel in ((channels, 32, 24), (32, 64, 16), (64, 96, 8)):
            layers += [nn.Conv1d(width, filters, kernel), nn.ReLU(), nn.Dropout(0.1)]
        self.layers = nn.Sequential(*layers)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(96, 256), nn.ReLU(), nn.Linear(256, bins)) for _ in families
        )

    def forward(self, values: Tensor, target: Tensor) -> Tensor:
        """Return the sum of the losses."""
        pooled = self.layers(values).amax(-1)
        losses: dict[str, list[Tensor]] = {}
        for i, (family, head) in enumerate(zip(self.families, self.heads, strict=True)):
            losses.setdefault(family, []).append(
                functional.cross_entropy(head(pooled).float(), target[:, i], ignore_index=-1)
            )
        return torch.stack(
            [self.weights[name] * torch.stack(terms).mean() for name, terms in losses.items()]
        ).sum()


def bare(
    run: _Run,
    loss: Callable[[Batch], Tensor],
    modules: list[nn.Module],
    groups: list[Any],
    **adam: Any,
) -> Callable[[], float]:
    """Return a bare epoch over the windows of a run: no records, no repeatable mode, one number at
    the end."""
    data, held_back = (
        {
            name: part.clone().to(DEVICE)
            for name, part in (
                ("values", side._values),
                ("present", side.present),
                ("received", side._received),
                *side.modalities.items(),
            )
        }
        for side in (run.training[0], run.validation[0])
    )
    optimiser = torch.optim.Adam(groups, lr=run.config.learning_rate, **adam)
    mean, std, size = (
        run.model.standardise.mean[:, None],
        run.model.standardise.std[:, None],
        run.config.batch_size,
    )
    bf16 = run.runtime.precision == "bf16"
    channels, rate_hz = run.model.encoder.channels, run.model.encoder.rate_hz
    epochs = 0

    def evaluate(side: dict[str, Tensor], index: Tensor) -> Tensor:
        values, present, received, *others = (tensor[index] for tensor in side.values())
        with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=bf16):
            values = torch.nan_to_num((values - mean) / std)
            modalities = dict(zip(list(side)[3:], others, strict=True))
            return loss(Batch(values, present, received, channels, rate_hz, modalities=modalities))

    def epoch() -> float:
        nonlocal epochs
        for module in modules:
            module.train()
        order = torch.from_numpy(
            np.random.default_rng([run.config.seed, epochs]).permutation(len(data["values"]))
        ).to(DEVICE)
        epochs += 1
        for index in order.split(size):
            total = evaluate(data, index)
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            optimiser.step()
        for module in modules:
            module.eval()
        with torch.no_grad():
            parts = torch.arange(len(held_back["values"]), device=DEVICE).split(1024)
            return sum(float(evaluate(held_back, part)) * len(part) for part in parts) / len(
                held_back["values"]
            )

    return epoch


def rivals(run: _Run) -> dict[str, Callable[[], float]]:
    """Return the bare loops, on copies of what the run starts with: plain torch for PIM on TPN
    alone."""
    encoder, goal = copy.deepcopy((run.model.encoder, run.goal))

    def same(batch: Batch) -> Tensor:
        return torch.stack(list(goal(encoder, batch).values())).sum()

    same_groups = [*encoder.parameter_groups(), {"params": list(goal.parameters())}]
    loops = {"the same modules": bare(run, same, [encoder, goal], same_groups, fused=True)}
    if isinstance(goal, PIM) and isinstance(encoder, TPN):
        families = [
            "angle" if q.kind in ("roll", "pitch", "yaw") else q.kind for q in run.goal.quantities
        ]
        plain = PlainPIM(len(encoder.channels), goal.weights, families, goal.config.bins).to(DEVICE)
        kernels = [p for name, p in plain.layers.named_parameters() if name.endswith("weight")]
        others = [
            p
            for name, p in plain.named_parameters()
            if not (name.startswith("layers") and name.endswith("weight"))
        ]
        plain_groups = [{"params": kernels, "weight_decay": 2e-4}, {"params": others}]
        loops["plain torch"] = bare(
            run,
            lambda batch: plain(batch.values, batch.modalities["physics"]),
            [plain],
            plain_groups,
        )
    return loops


Taken = dict[str, list[tuple[float, float]]]
"""Seconds on the wall and of the processor, by name and round."""


def take_turns(calls: dict[str, Callable[[], Any]], repeats: int) -> Taken:
    """Time each call in turn; the first round, which warms up, does not count."""
    taken: Taken = {name: [] for name in calls}
    names = list(calls)
    for number in range(repeats + 1):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:  # nobody always follows the same one
            wall, processor = time.perf_counter(), time.process_time()
            calls[name]()
            if DEVICE == "cuda":
                torch.cuda.synchronize()
            if number:
                taken[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return taken


def compared(seconds: Taken, ours: str, theirs: str, work: int) -> dict[str, float]:
    """Return both speeds in units of work, and the median over the rounds of how many times as fast
    ours is.

    Beside the ratio of wall clocks stands that of processor time, which other programs disturb
    less.
    """
    pairs = list(zip(seconds[theirs], seconds[ours], strict=True))
    ratio, processor_ratio = (
        statistics.median(their[i] / our[i] for their, our in pairs) for i in (0, 1)
    )
    speeds = [
        work / statistics.median(wall for wall, _ in seconds[name]) for name in (ours, theirs)
    ]
    return {
        "ours_windows_per_s": speeds[0],
        "rival_windows_per_s": speeds[1],
        "ratio": ratio,
        "processor_ratio": processor_ratio,
    }


def table(rows: list[dict[str, Any]], ours: str, theirs: str) -> str:
    """Return the rows as a table in Markdown."""
    lines = [
        f"| what | {ours} (windows/s) | {theirs} (windows/s) | times as fast | by processor time |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        speeds = f"{row['ours_windows_per_s']:.0f} | {row['rival_windows_per_s']:.0f}"
        lines.append(
            f"| {row['what']} | {speeds} | {row['ratio']:.2f} | {row['processor_ratio']:.2f} |"
        )
    return "\n".join(lines)


def within(runtime: Runtime, call: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that runs as `pretrain` runs it."""

    def running() -> Any:
        with runtime.active():
            return call()

    return running


def flops_of(run: _Run) -> float:
    """Return the floating point operations of a training step per window: convolutions and
    products, both ways."""
    batch = next(iter(run.training[0].epoch()))
    with FlopCounterMode(display=False) as counter:
        run.step(batch)
    return counter.get_total_flops() / len(batch)


def product_flops(dtype: torch.dtype, size: int = 1024, repeats: int = 9) -> float:
    """Return the operations per second of a matrix product."""
    a, b = (torch.randn(size, size, device=DEVICE).to(dtype) for _ in range(2))
    seconds = take_turns({"product": lambda: a @ b}, repeats)["product"]
    return 2 * size**3 / statistics.median(wall for wall, _ in seconds)


def paired(folder: Path) -> Windows:
    """Return windows of UTD-MHAD's right wrist, whose recordings have poses and texts."""
    cut = {
        "placements": ("right_wrist",),
        "missing": "drop",
        "seconds": 2.56,
        "slot": "",
        "overlap": 0.75,
    }
    return Study.load(folder).windows(**cut, label_rule="inside")


def pretraining(
    windows: Windows,
    batch_size: int,
    precision: str,
    repeats: int,
    objective: str = "pim",
    encoder: str = "tpn",
) -> list[dict[str, Any]]:
    """Measure an epoch against the rivals that there are."""
    runtime = Runtime(DEVICE, precision, THREADS)
    run = start(windows, batch_size, runtime, objective, encoder)
    named = "" if (objective, encoder) == ("pim", "tpn") else f" by {objective} on {encoder}"
    flops, trained = flops_of(copy.deepcopy(run)), len(run.training[0].windows)
    calls = {"ours": within(runtime, run.one_epoch)} | rivals(run)
    seconds = take_turns(calls, repeats)
    rows = []
    for name in calls:
        if name != "ours":
            row = {
                "what": f"pretraining{named}, {len(windows.channels)} channels, {precision}, "
                f"against {name}"
            }
            row |= compared(seconds, "ours", name, trained)
            row["gflops"] = row["ours_windows_per_s"] * flops / 1e9
            rows.append(row | ({"at_least": AT_LEAST} if name == "the same modules" else {}))
    return rows


def adaptation(shots: int, steps: int, repeats: int) -> dict[str, Any]:
    """Measure fine-tuning on a few windows a class against a bare loop of the same modules."""
    runtime = Runtime(DEVICE, "fp32", THREADS)
    windows = made_windows(400, 1).few(shots)
    encoder = PretrainedEncoder.fresh(windows).to(DEVICE)
    config = AdaptConfig(steps=steps, epochs=1)
    values = torch.from_numpy(windows.values().copy()).to(DEVICE)
    code = torch.from_numpy(windows.code).to(DEVICE)
    weight = class_weights(windows).to(DEVICE)

    def loop() -> None:
        body, head = (
            copy.deepcopy(encoder.encoder).to(DEVICE).train(),
            MLP(encoder.encoder.dimension, len(windows.classes)).to(DEVICE),
        )
        groups = [{"params": list(head.parameters()), "lr": config.head_learning_rate}]
        groups += [group | {"lr": config.learning_rate} for group in body.parameter_groups()]
        optimiser = torch.optim.Adam(groups, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            order, present = (
                torch.randperm(len(values), device=DEVICE),
                torch.ones((), device=DEVICE),
            )
            batch = Batch(
                encoder.standardise(values[order]),
                present,
                present,
                windows.channels,
                windows.rate_hz,
            )
            loss = functional.cross_entropy(head(body(batch)), code[order], weight=weight)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()

    calls = {
        "ours": lambda: adapt(encoder, windows, "mlp", runtime=runtime, steps=steps, epochs=1),
        "rival": loop,
    }
    seconds = take_turns(calls, repeats)
    what = f"adaptation, {len(windows)} windows × {steps} steps, fp32, against the same modules"
    return {
        "what": what,
        **compared(seconds, "ours", "rival", len(windows) * steps),
        "at_least": AT_LEAST,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        parents=[early], description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--windows", type=int, default=2560)
    parser.add_argument(
        "--study", type=Path, help="UTD-MHAD, imported: also objectives with poses and texts"
    )
    parser.add_argument("--only-modalities", action="store_true", help="nothing but these")
    parser.add_argument("--quick", action="store_true", help="a few windows, to see that it runs")
    options = parser.parse_args()
    if options.quick:
        options.repeats, options.batch, options.windows = 2, 32, 200
    torch.set_num_threads(THREADS)
    rows: list[dict[str, Any]] = []
    for precision in ("fp32", "bf16"):
        for sensors in () if options.only_modalities else (1, 3):
            rows += pretraining(
                made_windows(options.windows, sensors), options.batch, precision, options.repeats
            )
        for objective, encoder in () if options.only_modalities else OTHERS:
            quarter = made_windows(options.windows // 4, 1)
            rows += pretraining(
                quarter, options.batch, precision, options.repeats, objective, encoder
            )
        for objective, encoder in WITH_MODALITIES if options.study else ():
            windows = paired(options.study)[: options.windows]
            rows += pretraining(
                windows, options.batch, precision, options.repeats, objective, encoder
            )
    for shots in () if options.only_modalities else (2, 8):
        rows.append(adaptation(shots, 5 if options.quick else 50, options.repeats))
    products = {name: product_flops(getattr(torch, name)) / 1e9 for name in ("float32", "bfloat16")}
    print(table(rows, "ours", "rival"))
    for row in rows:
        if "gflops" in row and "the same modules" in row["what"]:
            print(f"{row['gflops']:6.0f} GFLOP/s: {row['what'].partition(', against')[0]}")
    print(
        f"\nBatches of {options.batch}, {THREADS} threads. A matrix product of 1,024 squared does "
        f"{products['float32']:.0f} GFLOP/s in fp32 and {products['bfloat16']:.0f} in bf16.\n"
    )
    record = {
        "benchmark": "training",
        "threads": THREADS,
        "device": DEVICE,
        "repeats": options.repeats,
        "batch": options.batch,
    }
    print(json.dumps(record | {"product_gflops": products, "rows": rows}))


if __name__ == "__main__":
    main()
