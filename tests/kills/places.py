"""What the commands that are killed work on: tiny tables, a study and an encoder, made once and
copied each time."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from toy import toy_recording, write_toy_study

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
"""
QUICK = """
methods = ["quick", "logistic"]
shots = [1, 2]
folds = 2
draws = 2
workers = 1
[method.quick]
objective = "pim"
pretrain = {epochs = 2}
adapt = {steps = 3, epochs = 1}
"""
RUN = "--threads 1 --precision fp32 --device cpu --quiet"
COMMANDS = {
    "import": "import tables --mapping mapping.toml --out out --quiet",
    "simulate": "simulate procedural:walking procedural:running procedural:squat --bodies 2 --out "
    "out --quiet",
    "pretrain": f"pretrain study --epochs 5 --batch-size 64 --out out {RUN}",
    "adapt": f"adapt encoder study --shots 2 --out out {RUN}",
    "benchmark": f"benchmark study --recipe quick.toml --out out {RUN}",
}


@dataclass(frozen=True)
class Place:
    """A folder with everything that the commands read."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Place:
        """Write tables, mapping, recipe and study; the unbroken pretraining gives the encoder."""
        (folder / "tables").mkdir(parents=True)
        for number in range(12):
            recording = toy_recording(f"p{number}", seconds_each=6.0, gyro=False)
            left, right = recording.streams
            with (folder / "tables" / f"p{number}.csv").open(
                "w", newline="", encoding="utf-8"
            ) as opened:
                table = csv.writer(opened)
                table.writerow(["t", "lx", "ly", "lz", "rx", "ry", "rz", "doing"])
                for time_s, one, other in zip(left.time_s, left.values, right.values, strict=True):
                    doing = next(
                        s.label for s in reversed(recording.segments) if time_s >= s.start_s
                    )
                    table.writerow([f"{time_s:.3f}", *map("{:.4f}".format, [*one, *other]), doing])
        (folder / "mapping.toml").write_text(MAPPING)
        (folder / "quick.toml").write_text(QUICK)
        write_toy_study(folder / "study")
        return cls(folder)

    def copy(self, to: Path) -> Path:
        """A fresh copy, without anything that is derived."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.folder, to, ignore=shutil.ignore_patterns(".cache"))
        return to
