"""Recordings on one grid of time, resampled once into a memory-mapped store beside the study."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int, UInt16

from otolith.core.caches import HASHES, cache_folder, warn_made_again
from otolith.core.catalog import placement
from otolith.core.checksums import sha256_of
from otolith.core.errors import ReadError, StudyError
from otolith.core.files import atomic_folder, digest, read_json, seal_holds, write_sealed
from otolith.data.channels import Channel, channel_names
from otolith.data.recording import Recording
from otolith.data.signals.resample import Stretch, join, to_grid
from otolith.data.store import LOST, STORES, VALUES, Store
from otolith.data.study import Study
from otolith.data.windows import Cut

Missing = Literal["error", "mask", "drop"]
STORE_FORMAT = 3
FACTS = "store.json"
BRIDGE_S = 0.1


@dataclass(frozen=True)
class Place:
    """One stretch of the store: whose it is, and when it starts."""

    recording: str
    start_s: float
    rows: int


def study_channels(study: Study, cut: Cut) -> tuple[Channel, ...]:
    """Return the channels that the windows of a study hold, sensor by sensor, quantity by quantity.

    Raises StudyError where the study has no sensor at a placement of `cut`, or none of its
    quantities.
    """
    recorded = study.channels
    places = (cut.slot,) if cut.slot else cut.placements or tuple(study.placements)
    for name in (*places, *cut.placements):
        placement(name)
    if absent := set(cut.placements) - {channel.placement for channel in recorded}:
        raise StudyError(
            f"Study '{study.name}' has no sensor at {', '.join(sorted(absent))}; it has "
            f"{', '.join(study.placements)}."
        )
    shown = {_shown(channel, cut) for channel in recorded}
    asked = [c for c in shown if c.placement in places and c.quantity in cut.quantities]
    if not asked:
        raise StudyError(
            f"Study '{study.name}' has none of {', '.join(cut.quantities)} at "
            f"{', '.join(places) or 'any place'}; it has "
            f"{', '.join(sorted(channel_names(shown)))}."
        )

    def order(c: Channel) -> tuple[int, str, int, str]:
        return places.index(c.placement), c.device, cut.quantities.index(c.quantity), c.axis

    return tuple(sorted(asked, key=order))


def _shown(channel: Channel, cut: Cut) -> Channel:
    """The channel as the model sees it: under the slot's name, if its place may fill the slot."""
    if not cut.slot or (cut.placements and channel.placement not in cut.placements):
        return channel
    return Channel(cut.slot, channel.quantity, channel.axis, frame=channel.frame)


Made = tuple[Store, list[Place], list[str]]
"""A store, whose its stretches are, and the recordings that were left out."""


def resampled_store(
    study: Study, cut: Cut, channels: tuple[Channel, ...], missing: Missing
) -> Made:
    """Return the study's stretches on one grid, from the cache where they were made before.

    Raises StudyError where the store does not read back as it was written.
    """
    names = channel_names(channels)
    what = [STORE_FORMAT, study.hash, cut.rate_hz, cut.slot, names, missing, BRIDGE_S]
    # Without a slot the channels' names say their places.
    key = digest([*what, *(cut.placements if cut.slot else ())])
    folder = cache_folder(study.folder, f"{STORES}{key}")
    made = _opened(folder, key, channels)
    if made is None:
        with atomic_folder(folder, (FACTS, VALUES, LOST)) as temporary:
            _write_store(temporary, key, study, cut, channels, missing)
        made = _opened(folder, key, channels)
    if made is None:
        raise StudyError(
            f"{folder} does not read back as it was written: the disk may be failing. Try another "
            "one."
        )
    return made


def _opened(folder: Path, key: str, channels: tuple[Channel, ...]) -> Made | None:
    """Open a store; None, with a warning, for one that is damaged or of something else."""
    if not (folder / FACTS).exists():
        return None
    try:
        facts = read_json(folder / FACTS)
        if not isinstance(facts, dict) or not seal_holds(facts) or facts["made_of"] != key:
            raise ValueError(f"{FACTS} is damaged, or of something else")
        rows = facts["rows"]
        for name, row_bytes in ((VALUES, 4 * len(channels)), (LOST, 2)):
            path = folder / name
            whole = path.stat().st_size == rows * row_bytes
            if not whole or sha256_of(path, folder.parent / HASHES) != facts[name]:
                raise ValueError(f"{name} is damaged")
        places = [Place(*place) for place in facts["places"]]
        pieces = _pieces(facts["pieces"], places, rows)
        return Store.open(folder, rows, len(channels), pieces, key), places, list(facts["left_out"])
    except (ReadError, OSError, ValueError, KeyError, TypeError) as error:
        warn_made_again(folder, f"cannot be used ({error})")
        return None


def _pieces(listed: list[list[int]], places: list[Place], rows: int) -> Int[np.ndarray, "P 2"]:
    """First and end row of each stretch; ValueError unless they fill the store one by one."""
    pieces = np.array(listed, dtype=np.int64).reshape(-1, 2)
    ends = np.concatenate(([0], pieces[:, 1]))
    # Stretches lie one behind the other and fill the file: nothing is ever read beside it.
    if not (pieces[:, 0] == ends[:-1]).all() or ends[-1] != rows or len(places) != len(pieces):
        raise ValueError("its stretches do not fill it")
    if [place.rows for place in places] != np.diff(pieces, axis=1)[:, 0].tolist():
        raise ValueError("its stretches are of other lengths")
    return pieces


class _Written:
    """A file that is written from its beginning to its end, and knows its hash."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.total = hashlib.sha256()

    def add(self, array: np.ndarray) -> None:
        content = np.ascontiguousarray(array)
        if content.size:
            self.total.update(content.data.cast("B"))
            # Unlike tofile, write says why a disk takes no more.
            self.file.write(content.data.cast("B"))


def _write_store(
    folder: Path, key: str, study: Study, cut: Cut, channels: tuple[Channel, ...], missing: Missing
) -> None:
    pieces: list[list[int]] = []
    places: list[list[object]] = []
    left_out: list[str] = []
    rows = 0
    values, lost = _Written(folder / VALUES), _Written(folder / LOST)
    with values.file, lost.file:
        for id in (entry["id"] for entry in study.entries):
            # Nothing here holds on to a recording, so that one and not two of them fill the memory.
            written = _append(on_grid(study.recording(id), cut, channels, missing), values, lost)
            if written is None:
                left_out.append(id)
            for start_s, count in written or ():
                pieces.append([rows, rows + count])
                places.append([id, start_s, count])
                rows += count
    facts = {"made_of": key, "rows": rows, "pieces": pieces, "places": places, "left_out": left_out}
    sums = {VALUES: values.total.hexdigest(), LOST: lost.total.hexdigest()}
    write_sealed(folder / FACTS, facts | sums)


def _append(
    stretches: list[Stretch] | None, values: _Written, lost: _Written
) -> list[tuple[float, int]] | None:
    """Write stretches to the end of the store's files; return each one's start and samples."""
    for stretch in stretches or ():
        values.add(stretch.values.astype(np.float32, copy=False))
        lost.add(lost_bits(stretch.received))
    return (
        None
        if stretches is None
        else [(stretch.start_s, len(stretch.values)) for stretch in stretches]
    )


def on_grid(
    recording: Recording, cut: Cut, channels: tuple[Channel, ...], missing: Missing
) -> list[Stretch] | None:
    """Return a recording's gap-free stretches with `channels` in order; None where it is dropped.

    Raises StudyError for an absent channel with missing="error", and for two sensors in one slot.
    """
    sensors: list[list[Stretch]] = []
    order: list[Channel] = []
    for stream in recording.streams:
        named = [_shown(c, cut) for c in stream.channels]
        columns = [i for i, c in enumerate(named) if c in channels]
        if columns and stream.rows_kept > 1:
            signal = stream.values[:, columns]
            sensors.append(to_grid(stream.time_s, signal, cut.rate_hz, bridge_s=BRIDGE_S))
            order += [named[i] for i in columns]
    absent = [c for c in channels if c not in order]
    if absent and missing == "error":
        raise StudyError(
            f"Recording '{recording.id}' has no {', '.join(channel_names(absent))}. Choose "
            "placements and quantities that every recording has, or say missing='mask' (kept, "
            "marked absent) or missing='drop' (left out)."
        )
    if (absent and missing == "drop") or not order:
        return None
    if len(set(order)) != len(order):
        raise StudyError(
            f"Recording '{recording.id}' has two sensors for the slot '{cut.slot}'; a slot holds "
            "one."
        )
    return _ordered(sensors, cut.rate_hz, [order.index(c) if c in order else -1 for c in channels])


def _ordered(sensors: list[list[Stretch]], rate_hz: float, columns: Sequence[int]) -> list[Stretch]:
    """Join sensors and put their channels in order; column -1 stands for an absent one: NaN."""
    # A single sensor is not joined: its `received` keeps one axis, and nothing is copied.
    joined = join(sensors, rate_hz) if len(sensors) > 1 else sensors[0]
    out = []
    for stretch in joined:
        values: np.ndarray = stretch.values[:, columns]
        values[:, np.array(columns) < 0] = np.nan
        out.append(dataclasses.replace(stretch, values=values))
    return out


def lost_bits(received: Bool[np.ndarray, "T ..."]) -> UInt16[np.ndarray, " T"]:
    """Return one number a sample, with a bit set for each stream that lost it.

    Beyond 16 streams the last bit is shared.
    """
    lost = ~received.reshape(len(received), -1)
    bits = np.zeros(len(lost), dtype=np.uint16)
    for stream in range(lost.shape[1]):
        bits |= lost[:, stream].astype(np.uint16) << min(stream, 15)
    return bits
