"""The published PRIMUS encoder as one of ours: ready to embed, adapt and save."""

from __future__ import annotations

from pathlib import Path

from otolith.core.files import file_digest
from otolith.learn.encoders.encoder import Standardise
from otolith.learn.encoders.published import Published, from_published
from otolith.learn.training.pretrained import PretrainedEncoder
from otolith.learn.training.records import Record

SOURCE = "https://github.com/nokia-bell-labs/pretrained-imu-encoders"


def load_published(path: str | Path) -> tuple[PretrainedEncoder, Published]:
    """Read the PRIMUS authors' checkpoint as a pretrained encoder; beside it the parts that it came
    in.

    Source: Das, Tang, Kawsar, Malekzadeh, "PRIMUS" (2024), https://arxiv.org/abs/2411.15127. It
    takes acceleration (m/s², gravity included) and angular rate (rad/s) of a sensor on the head,
    250 samples at 50 Hz, as they come: its statistics are mean 0 and deviation 1. Whom it was
    pretrained on is not in the file, so that `subjects` is empty.

    Raises CheckpointError for a file in any other layout.
    """
    parts = from_published(path)
    record: Record = {
        "objective": "imu2clip" if parts.mmcl is None else "primus",
        "published": SOURCE,
        "sha256": file_digest(Path(path)),
        "subjects": [],
        "studies": {},
    }
    return PretrainedEncoder(
        parts.encoder, Standardise(len(parts.encoder.channels)), "included", record
    ), parts
