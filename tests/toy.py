"""A study so small that a test makes it in a blink: six people, two wrists, three activities that
sound different."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from otolith import Cut, Recording, Segment, Stream, Study, write_study
from otolith.data.channels import Channel, triad
from otolith.learn.modalities.texts import TextModel

RATE_HZ = 50.0
CLASSES = ("resting", "shaking", "walking")
_TONE = {"resting": (0.0, 0.0), "shaking": (6.0, 6.0), "walking": (1.8, 3.0)}
"""Frequency in Hz and amplitude in m/s² of each activity."""


def toy_recording(
    subject: str = "p0",
    seconds_each: float = 12.0,
    places: Sequence[str] = ("left_wrist", "right_wrist"),
    labels: Sequence[str] = CLASSES,
    gyro: bool = True,
    id: str = "",
) -> Recording:
    """One person doing each activity for a while; acceleration in m/s² with gravity, angular rate
    in rad/s."""
    rng = np.random.default_rng([len(subject), *subject.encode()])
    rows = round(seconds_each * len(labels) * RATE_HZ)
    time_s = np.arange(rows) / RATE_HZ
    doing = np.minimum((time_s / seconds_each).astype(int), len(labels) - 1)
    hertz, metres = np.array([_TONE[label] for label in labels]).T
    start = rng.uniform(0, 6)
    streams = []
    for number, place in enumerate(places):
        phase = 2 * np.pi * hertz[doing] * time_s + start + np.pi * number  # arms swing in turn
        wave = metres[doing] * rng.uniform(0.8, 1.2) * np.sin(phase)
        acceleration = rng.normal(0, 0.05, (rows, 3))
        acceleration[:, 2] += 9.81
        acceleration[:, 0] += wave
        values, channels = [acceleration], list(triad(place, "acc"))
        if gyro:
            rate = rng.normal(0, 0.02, (rows, 3))
            rate[:, 1] += 0.3 * wave
            values.append(rate)
            channels += triad(place, "gyro")
        streams.append(_stream(place, channels, time_s, np.concatenate(values, axis=1)))
    segments = tuple(
        Segment(i * seconds_each, (i + 1) * seconds_each, label) for i, label in enumerate(labels)
    )  # fmt: skip
    return Recording(id or f"{subject}-1", subject, tuple(streams), segments)


def _stream(name: str, channels: list[Channel], time_s: np.ndarray, values: np.ndarray) -> Stream:
    return Stream(name, tuple(channels), time_s, values.astype(np.float32), RATE_HZ)


def write_toy_study(folder: Path, people: int = 6, **choices: object) -> Study:
    """Write the study; `choices` are those of `toy_recording`."""
    recordings = [
        toy_recording(f"p{i}", **choices)  # type: ignore[arg-type]
        for i in range(people)
    ]
    return write_study(folder, recordings, name="toy", cut=Cut(seconds=2.0, rate_hz=RATE_HZ))


def add_modalities(folder: Path, without: Sequence[str] = ("p1-1",), width: int = 16) -> None:
    """Give a toy study texts that say the label, and vectors of a "video" of every 2 s, but not to
    all recordings."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from otolith.data.paired import Text, write_texts

    study, rng = Study.load(folder), np.random.default_rng(0)
    seen = rng.normal(size=(len(CLASSES), width))
    texts, rows = [], []
    for entry in study.entries:
        recording = study.recording(entry["id"])
        for part in recording.segments:
            texts.append(
                Text(recording.id, part.start_s, part.end_s, f"a person is {part.label}", "label")
            )
            if recording.id in without:
                continue
            for start in np.arange(part.start_s, part.end_s, 2.0):
                vector = seen[CLASSES.index(part.label)] + 0.3 * rng.normal(size=width)
                rows.append(
                    {
                        "recording": recording.id,
                        "start_s": start,
                        "end_s": start + 2,
                        "vector": vector.tolist(),
                    }
                )
    write_texts(folder, texts)
    pq.write_table(pa.Table.from_pylist(rows), folder / "partners" / "video.parquet")


class BagOfWords(TextModel):
    """A model of words that needs no weights: each word adds a direction of its own, drawn from its
    letters."""

    dimension = 24

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return one unit vector for each text."""
        out = np.zeros((len(texts), self.dimension))
        for row, text in enumerate(texts):
            for word in text.replace(":", " ").split():
                out[row] += np.random.default_rng([*word.encode()]).normal(size=self.dimension)
        return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)
