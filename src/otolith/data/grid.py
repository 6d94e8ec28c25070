"""Every recording of a study on one grid of time, resampled once into a memory-mapped store beside
the study."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from otolith.core.caches import HASHES, cache_folder, warn_made_again
from otolith.core.catalog import placement
from otolith.core.checksums import sha256_of
from otolith.core.errors import ReadError, StudyError
from otolith.core.files import atomic_folder, digest, read_json, seal_holds, write_sealed
from otolith.data.channels import AXES, Channel, channel_names
from otolith.data.recording import Recording
from otolith.data.signals.resample import Stretch, join, to_grid
from otolith.data.store import LOST, STORES, VALUES, Store
from otolith.data.study import Cut, Study

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


def wanted_channels(study: Study, cut: Cut) -> tuple[Channel, ...]:
    """Return the channels that the windows of a study hold, sensor by sensor, acceleration first."""
    found = {
        Channel.parse(n)
        for e in study.entries
        for stream in e["streams"]
        for n in stream["channels"]
    }
    there = {c.placement for c in found}
    places = cut.placements or tuple(study.placements)
    for name in (*places, *filter(None, [cut.slot])):
        placement(name)
    if nobody := [name for name in cut.placements if name not in there]:
        raise StudyError(
            f"Study '{study.name}' has no sensor at {', '.join(nobody)}; it has "
            f"{', '.join(study.placements)}."
        )
    if cut.slot:
        found = {_shown(c, cut) for c in found}
        places = (cut.slot,)
    out = []
    for place in places:
        for device in sorted({c.device for c in found if c.placement == place}):
            for quantity in cut.quantities:
                out += [
                    c for axis in AXES if (c := Channel(place, quantity, axis, device)) in found
                ]
    if not out:
        where = ", ".join(places) or "any place"
        raise StudyError(
            f"Study '{study.name}' has none of {', '.join(cut.quantities)} at {where}; "
            f"it has {', '.join(sorted(channel_names(found)))}."
        )
    return tuple(out)


def _shown(channel: Channel, cut: Cut) -> Channel:
    """The channel as the model sees it: under the slot's name, where there is a slot and its place
    may fill it."""
    if not cut.slot or (cut.placements and channel.placement not in cut.placements):
        return channel
    return Channel(cut.slot, channel.quantity, channel.axis, frame=channel.frame)


def resampled_store(
    study: Study, cut: Cut, channels: tuple[Channel, ...], missing: Missing
) -> tuple[Store, list[Place], list[str]]:
    """Return the study's stretches on one grid, from the cache where they were made before, and
    what was left out."""
    what = [
        STORE_FORMAT,
        study.hash,
        cut.rate_hz,
        cut.slot,
        channel_names(channels),
        missing,
        BRIDGE_S,
    ]
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
            f"one."
        )
    return made


def _opened(
    folder: Path, key: str, channels: tuple[Channel, ...]
) -> tuple[Store, list[Place], list[str]] | None:
    """Open a store; None where there is none, or one that is damaged or of something else, which is
    told."""
    if not (folder / FACTS).exists():
        return None
    try:
        facts = read_json(folder / FACTS)
        if not isinstance(facts, dict) or not seal_holds(facts) or facts["made_of"] != key:
            raise ValueError(f"{FACTS} is damaged, or of something else")
        rows = facts["rows"]
        pieces = np.array(facts["pieces"], dtype=np.int64).reshape(-1, 2)
        places = [Place(*place) for place in facts["places"]]
        for name, row_bytes in ((VALUES, 4 * len(channels)), (LOST, 2)):
            path = folder / name
            if (
                path.stat().st_size != rows * row_bytes
                or sha256_of(path, folder.parent / HASHES) != facts[name]
            ):
                raise ValueError(f"{name} is damaged")
        ends = np.concatenate(([0], pieces[:, 1]))
        # Stretches lie one behind the other and fill the file: nothing is ever read beside it.
        if not (pieces[:, 0] == ends[:-1]).all() or ends[-1] != rows or len(places) != len(pieces):
            raise ValueError("its stretches do not fill it")
        if any(
            place.rows != end - start for place, (start, end) in zip(places, pieces, strict=True)
        ):
            raise ValueError("its stretches are of other lengths")
        return Store.open(folder, rows, len(channels), pieces, key), places, list(facts["left_out"])
    except (ReadError, OSError, ValueError, KeyError, TypeError) as error:
        warn_made_again(folder, f"cannot be used ({error})")
        return None


class _Written:
    """A file that is written from its beginning to its end, and knows its hash."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")
        self.total = hashlib.sha256()

    def add(self, array: np.ndarray) -> None:
        content = np.ascontiguousarray(array)
        if content.size:
            self.total.update(content.data.cast("B"))
            self.file.write(
                content.data.cast("B")
            )  # unlike tofile, it says why a disk takes no more


def _write_store(
    folder: Path,
    key: str,
    study: Study,
    cut: Cut,
    channels: tuple[Channel, ...],
    missing: Missing,
) -> None:
    pieces: list[list[int]] = []
    places: list[list[Any]] = []
    left_out: list[str] = []
    rows = 0
    values, lost = _Written(folder / VALUES), _Written(folder / LOST)
    with values.file, lost.file:
        for entry in study.entries:
            # Nothing here holds on to a recording, so that one and not two of them fill the memory.
            made = _append(
                on_grid(study.recording(entry["id"]), cut, channels, missing), values, lost
            )
            if made is None:
                left_out.append(entry["id"])
            for start_s, count in made or ():
                pieces.append([rows, rows + count])
                places.append([entry["id"], start_s, count])
                rows += count
    content = {
        "made_of": key,
        "rows": rows,
        "pieces": pieces,
        "places": places,
        "left_out": left_out,
    }
    write_sealed(
        folder / FACTS, content | {VALUES: values.total.hexdigest(), LOST: lost.total.hexdigest()}
    )


def _append(
    stretches: list[Stretch] | None, values: _Written, lost: _Written
) -> list[tuple[float, int]] | None:
    """Write stretches to the end of the store's files; return where each starts and how many
    samples it has."""
    if stretches is None:
        return None
    for stretch in stretches:
        values.add(stretch.values.astype(np.float32, copy=False))
        lost.add(lost_bits(stretch.received))
    return [(stretch.start_s, len(stretch.values)) for stretch in stretches]


def on_grid(
    recording: Recording, cut: Cut, channels: tuple[Channel, ...], missing: Missing
) -> list[Stretch] | None:
    """Return a recording's gap-free stretches with the wanted channels in order, or None where it
    is to be dropped."""
    sensors: list[list[Stretch]] = []
    order: list[Channel] = []
    for stream in recording.streams:
        named = [_shown(c, cut) for c in stream.channels]
        columns = [i for i, c in enumerate(named) if c in channels]
        if not columns or stream.rows_kept < 2:
            continue
        sensors.append(
            to_grid(stream.time_s, stream.values[:, columns], cut.rate_hz, bridge_s=BRIDGE_S)
        )
        order += [named[i] for i in columns]
    absent = [c for c in channels if c not in order]
    if absent and missing == "error":
        raise StudyError(
            f"Recording '{recording.id}' has no {', '.join(channel_names(absent))}. Choose "
            f"placements and quantities "
            "that every recording has, or say missing='mask' (kept, marked absent) or "
            "missing='drop' (left out)."
        )
    if (absent and missing == "drop") or not order:
        return None
    if len(set(order)) != len(order):
        raise StudyError(
            f"Recording '{recording.id}' has two sensors for the slot '{cut.slot}'; a slot "
            f"holds one."
        )
    joined = join(sensors, cut.rate_hz) if len(sensors) > 1 else sensors[0]
    where = [order.index(c) if c in order else -1 for c in channels]
    out = []
    for stretch in joined:
        values = stretch.values[:, where]
        if absent:
            values[:, [i for i, column in enumerate(where) if column < 0]] = np.nan
        out.append(Stretch(stretch.start_s, values, stretch.received))
    return out


def lost_bits(received: np.ndarray) -> np.ndarray:
    """Return one number a sample, with a bit set for each stream that lost it (beyond 16 streams
    they share one)."""
    lost = ~received.reshape(len(received), -1)
    bits = np.zeros(len(lost), dtype=np.uint16)
    for stream in range(lost.shape[1]):
        bits |= lost[:, stream].astype(np.uint16) << min(stream, 15)
    return bits
