"""From recordings to Windows: one cutter for training (a study) and for use (one recording).

A window never reaches across a gap. Four label rules say where windows start (`Cut.label_rule`);
a span shorter than a window, padding and bridged samples are treated alike in training and in use.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int, UInt16

from otolith.core.errors import ConfigError, OtolithWarning, StudyError
from otolith.data.channels import Channel
from otolith.data.contradiction import CONTRADICTED, contradicting, merged, other_label
from otolith.data.duplicates import stream_contents
from otolith.data.grid import Missing, Place, lost_bits, on_grid, resampled_store, study_channels
from otolith.data.recording import Recording, Segment, group_of_entry
from otolith.data.store import Store
from otolith.data.study import Study
from otolith.data.windows import UNLABELLED, Cut, Windows

MOST_BRIDGED = 0.2
"""A window with a larger share of interpolated samples says more of the interpolation than of the
person."""
LEAST_RECORDED = 0.5
"""A window is padded only if this share of it was recorded: of less, most would be made up."""
BRIDGED = f"over {100 * MOST_BRIDGED:.0f} % bridged"
_RELEASE_ROWS = 2**25
"""Rows whose marks of loss are looked at before their pages are handed back to the system."""

Segments = Callable[[str], Sequence[Segment]]
"""Recording -> its labelled stretches."""


@dataclass(frozen=True)
class _Cuts:
    """N windows on their way into `Windows`."""

    piece: Int[np.ndarray, " N"]
    """Index of the stretch."""
    offset: Int[np.ndarray, " N"]
    """First sample, counted from the start of the stretch; below 0 where a window is padded."""
    label: np.ndarray
    """(N,) text, empty for unlabelled."""
    bridged: Bool[np.ndarray, " N"]
    """True where more than `MOST_BRIDGED` of what was recorded is interpolated."""

    def __getitem__(self, chosen: np.ndarray) -> _Cuts:
        columns = (self.piece, self.offset, self.label, self.bridged)
        return _Cuts(*(column[chosen] for column in columns))


def cut_windows(study: Study, cut: Cut, missing: Missing = "error") -> Windows:
    """Cut a study into windows; those that lost too many samples are dropped and counted.

    `missing` says what to do with a recording that lacks a channel: "error" names it, "mask" keeps
    it with the channel marked absent, "drop" leaves it out and counts it. Raises StudyError where
    no window results, ConfigError for windows of less than two samples.
    """
    if cut.length < 2:
        raise ConfigError(
            f"A window of {cut.seconds:g} s at {cut.rate_hz:g} Hz has {cut.length} samples; it "
            "needs two or more. Set longer seconds."
        )
    channels = study_channels(study, cut)
    classes = _classes(study, cut)
    store, places, left_out = resampled_store(study, cut, channels, missing)
    dropped = Counter({"recording lacks a channel": len(left_out)} if left_out else {})

    def segments(recording: str) -> list[Segment]:
        return [s for s in study.segments.get(recording, ()) if s.label in classes]

    cuts = _cut_store(store, places, cut, segments, dropped)
    dropped.update([BRIDGED] * int(cuts.bridged.sum()))
    cuts = cuts[~cuts.bridged]
    dropped.update(_uncovered(places, cut, segments))
    _warn_of_contradictions(study, dropped)
    if not len(cuts.piece):
        reasons = "; ".join(f"{n} × {reason}" for reason, n in dropped.items())
        raise StudyError(
            f"Study '{study.name}' gives no window of {cut.seconds:g} s "
            f"({reasons or 'no stretch is long enough'}). Ask for shorter windows, or allow "
            "pad=True."
        )
    group = {entry["id"]: group_of_entry(entry) for entry in study.entries}
    return replace(
        _windows(store, places, cuts, channels, cut, [group[p.recording] for p in places], classes),
        study=study.name,
        study_hash=study.hash,
        gravity=_gravity(study),
        origin="simulated" if study.simulated else "measured",
        dropped=dict(dropped),
        recipe=cut.to_json() | {"missing": missing},
        folders={study.name: study.folder},
        contents={entry["id"]: stream_contents(entry) for entry in study.entries},
    )


def cut_recording(
    recording: Recording, cut: Cut, channels: tuple[Channel, ...], missing: Missing = "error"
) -> tuple[Windows, Bool[np.ndarray, " N"]]:
    """Cut one recording into unlabelled windows, as `cut_windows` cuts a study by the same `cut`.

    Nothing is dropped: the mask says which windows lost too many samples. Without a stretch that
    is long enough there are no windows.
    """
    cut = replace(cut, label_rule="unlabelled", labels=())
    stretches = on_grid(recording, cut, channels, missing) or []
    ends = np.cumsum([len(stretch.received) for stretch in stretches], dtype=np.int64)
    pieces = np.stack([np.concatenate(([0], ends))[:-1], ends], axis=1)
    none: list[np.ndarray] = [np.empty((0, len(channels)), dtype=np.float32)]
    store = Store(
        np.concatenate([stretch.values for stretch in stretches] or none),
        np.concatenate([lost_bits(stretch.received) for stretch in stretches] or [np.empty(0)]),
        pieces,
        recording.id,
    )
    places = [Place(recording.id, s.start_s, len(s.received)) for s in stretches]
    cuts = _cut_store(store, places, cut, lambda _: (), Counter())
    windows = _windows(store, places, cuts, channels, cut, [recording.group] * len(places), ())
    return replace(windows, gravity=recording.gravity, origin=recording.origin), cuts.bridged


def _cut_store(
    store: Store, places: Sequence[Place], cut: Cut, segments: Segments, dropped: Counter[str]
) -> _Cuts:
    """Cut every stretch of a store."""
    rows_read = 0
    parts = [_Cuts(*(np.empty(0, kind) for kind in (np.int64, np.int64, object, bool)))]
    for piece, place in enumerate(places):
        offset, label = _cut_stretch(place, segments(place.recording), cut, dropped)
        first, stop = store.pieces[piece]
        lost = np.asarray(store.lost[first:stop]) if len(offset) else np.empty(0, np.uint16)
        bridged = too_bridged(lost, offset, cut.length)
        parts.append(_Cuts(np.full(len(offset), piece), offset, label, bridged))
        rows_read += place.rows
        if rows_read > _RELEASE_ROWS:
            store.release()
            rows_read = 0
    columns = ("piece", "offset", "label", "bridged")
    return _Cuts(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))


def _windows(
    store: Store,
    places: Sequence[Place],
    cuts: _Cuts,
    channels: tuple[Channel, ...],
    cut: Cut,
    groups: Sequence[str],
    classes: tuple[str, ...],
) -> Windows:
    """Make Windows of what was cut; `groups` are the people of `places`."""
    code = {name: i for i, name in enumerate(classes)} | {"": UNLABELLED}
    start_s = np.array([place.start_s for place in places])
    return Windows(
        store=store,
        channels=channels,
        rate_hz=cut.rate_hz,
        length=cut.length,
        first_row=store.pieces[cuts.piece, 0] + cuts.offset,
        piece=cuts.piece,
        subject=np.array(groups, dtype=object)[cuts.piece],
        recording=np.array([p.recording for p in places], dtype=object)[cuts.piece],
        start_s=start_s[cuts.piece] + cuts.offset / cut.rate_hz,
        code=np.array([code[label] for label in cuts.label], dtype=np.int64),
        classes=classes,
    )


def _classes(study: Study, cut: Cut) -> tuple[str, ...]:
    if cut.label_rule == "unlabelled":
        return ()
    available = sorted(study.label_seconds)
    absent = [label for label in cut.labels if label not in available]
    if absent:
        raise StudyError(
            f"Study '{study.name}' has no label {', '.join(map(repr, absent))}; "
            f"it has {', '.join(available) or 'none'}."
        )
    if not available:
        raise StudyError(
            f"Study '{study.name}' has no labelled stretch, so no window can have a label. "
            "For windows without labels say label_rule='unlabelled'."
        )
    return tuple(cut.labels or available)


def _gravity(study: Study) -> str:
    kinds = {entry["gravity"] for entry in study.entries}
    if len(kinds) > 1:
        raise StudyError(
            f"Study '{study.name}' mixes recordings with gravity included and removed; one model "
            "cannot learn from both. Import them as two studies."
        )
    return str(kinds.pop())


def _cut_stretch(
    place: Place, segments: Sequence[Segment], cut: Cut, dropped: Counter[str]
) -> tuple[Int[np.ndarray, " N"], np.ndarray]:
    """Return the first sample of each window of one stretch, and its label."""
    if cut.label_rule != "centred":  # where each segment is a trial of its own
        segments = merged(segments, cut.length / cut.rate_hz)
    if cut.label_rule in ("inside", "centred"):
        return _in_segments(place, segments, cut, dropped)
    offset = np.array(_starts(0, place.rows, place.rows, cut), dtype=np.int64)
    if not len(offset):
        dropped["stretch shorter than a window"] += 1
    if cut.label_rule == "unlabelled":
        return offset, np.full(len(offset), "", dtype=object)
    return offset, _majority(place.start_s, offset, cut, segments, dropped)


def _starts(first: int, stop: int, rows: int, cut: Cut) -> Sequence[int]:
    """Where windows of a span [first, stop) of a stretch of `rows` samples start.

    A span shorter than a window gets one around its middle: padded with `cut.pad` if enough of it
    was recorded, else moved into the stretch; under the rule "inside" only with `centre_short`.
    """
    if cut.label_rule != "centred" and stop - first >= cut.length:
        return range(first, stop - cut.length + 1, cut.hop)
    if cut.label_rule == "inside" and not cut.centre_short:
        return ()
    middle = (first + stop - cut.length) // 2
    if cut.pad:
        recorded = min(middle + cut.length, rows) - max(middle, 0)
        return (middle,) if recorded >= LEAST_RECORDED * cut.length else ()
    return (min(max(middle, 0), rows - cut.length),) if rows >= cut.length else ()


def _in_segments(
    place: Place, segments: Sequence[Segment], cut: Cut, dropped: Counter[str]
) -> tuple[Int[np.ndarray, " N"], np.ndarray]:
    """Windows in or around each segment; none twice, and none that two labels claim."""
    claimed = contradicting(segments)
    labelled: dict[tuple[int, str], None] = {}
    for segment in segments:
        rows = _rows_of(segment, place, cut.rate_hz)
        if rows is None:
            continue
        first, stop = rows
        starts = _starts(first, stop, place.rows, cut)
        if not starts:
            dropped[f"segment shorter than a window ({segment.label})"] += 1
        for at in starts:
            # Only the segment's part of a window counts: around a short one lie others by right.
            within = max(at, first), min(at + cut.length, stop)
            begin_s, end_s = (place.start_s + row / cut.rate_hz for row in within)
            if claimed and (other := other_label(begin_s, end_s, segment.label, claimed)):
                dropped[_contradicted(segment.label, other)] += 1
            elif (at, segment.label) in labelled:
                dropped[f"the same window twice ({segment.label})"] += 1
            else:
                labelled[at, segment.label] = None
    offset = np.array([at for at, _ in labelled], dtype=np.int64)
    return offset, np.array([label for _, label in labelled], dtype=object)


def _rows_of(segment: Segment, place: Place, rate_hz: float) -> tuple[int, int] | None:
    """First and end row of a segment within a stretch; None where they do not meet."""
    # A sample is in a segment if its time is in [start, end); 1e-6 forgives decimal stamps.
    first, stop = (
        math.ceil((moment - place.start_s) * rate_hz - 1e-6)
        for moment in (segment.start_s, segment.end_s)
    )
    if stop <= 0 or first >= place.rows:
        return None
    return max(first, 0), min(stop, place.rows)


def _contradicted(*labels: str) -> str:
    return f"{CONTRADICTED} ({' and '.join(sorted(labels))})"


def _majority(
    start_s: float, offset: np.ndarray, cut: Cut, segments: Iterable[Segment], dropped: Counter[str]
) -> np.ndarray:
    """Label each window by what fills more than half of it; two labels that both do are none."""
    begin = start_s + offset / cut.rate_hz
    seconds = cut.length / cut.rate_hz
    share: dict[str, np.ndarray] = {}
    for segment in segments:
        shared = np.minimum(begin + seconds, segment.end_s) - np.maximum(begin, segment.start_s)
        share[segment.label] = share.get(segment.label, 0) + np.clip(shared, 0, None)
    # A label must exceed the half, not reach it: 1e-6 more than the half comes first.
    half = np.full(len(offset), seconds / 2 + 1e-6)
    filled = np.stack([half, *share.values()])
    names = np.array(["", *share], dtype=object)
    label: np.ndarray = names[filled.argmax(axis=0)]
    for window in np.flatnonzero((filled[1:] > half).sum(axis=0) > 1):
        claims = sorted(names[1:][filled[1:, window] > half[window]])
        dropped[_contradicted(*claims[:2])] += 1
        label[window] = ""
    return label


def too_bridged(
    lost: UInt16[np.ndarray, " R"], offset: Int[np.ndarray, " N"], length: int
) -> Bool[np.ndarray, " N"]:
    """Return which windows hold more interpolated samples than `MOST_BRIDGED` of their recorded ones.

    lost: bits of each sample of a stretch (see `grid.lost_bits`); offset: where windows start.
    """
    start, end = np.clip(offset, 0, len(lost)), np.clip(offset + length, 0, len(lost))
    over = np.zeros(len(offset), dtype=bool)
    total = np.zeros(len(lost) + 1, dtype=np.int32)
    used = int(np.bitwise_or.reduce(lost)) if len(lost) else 0
    # The sensor that lost most decides: sensors lose packets apart from one another. One at a time,
    # as sixteen running sums of a day side by side take a gigabyte.
    for sensor in range(16):
        if used >> sensor & 1:
            np.cumsum(lost >> sensor & 1, dtype=np.int32, out=total[1:])
            over |= total[end] - total[start] > MOST_BRIDGED * (end - start)
    return over


def _uncovered(places: Iterable[Place], cut: Cut, segments: Segments) -> Iterator[str]:
    """Yield a reason for each segment of which no stretch holds a sample: nothing vanishes."""
    if cut.label_rule not in ("inside", "centred"):
        return
    spans: dict[str, list[tuple[float, float]]] = {}
    for place in places:
        end_s = place.start_s + place.rows / cut.rate_hz
        spans.setdefault(place.recording, []).append((place.start_s, end_s))
    for recording, covered in spans.items():
        for segment in segments(recording):
            if not any(segment.start_s < end and segment.end_s > start for start, end in covered):
                yield f"segment without samples ({segment.label})"


def _warn_of_contradictions(study: Study, dropped: Counter[str]) -> None:
    count = {
        reason.removeprefix(CONTRADICTED).strip(" ()"): number
        for reason, number in dropped.items()
        if reason.startswith(CONTRADICTED)
    }
    if count:
        which = ", ".join(f"{labels}: {number}" for labels, number in count.items())
        warnings.warn(
            f"Study '{study.name}': {sum(count.values())} windows lie under two labels that "
            f"contradict one another ({which}) and are left out, as neither can be trusted. "
            "Correct the labels, or name those that count.",
            OtolithWarning,
            stacklevel=4,
        )
