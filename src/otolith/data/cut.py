"""The cut of a study into Windows, by one of four label rules; no window reaches across a gap."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from otolith.core.errors import ConfigError, OtolithWarning, StudyError
from otolith.data.contradiction import CONTRADICTED, contradicting, merged, other_label
from otolith.data.duplicates import stream_contents
from otolith.data.grid import Missing, Place, resampled_store, wanted_channels
from otolith.data.recording import Segment, group_of_entry
from otolith.data.store import Store
from otolith.data.study import Cut, Study
from otolith.data.windows import UNLABELLED, Windows

MOST_BRIDGED = 0.2
"""A window with a larger share of interpolated samples says more of the interpolation than of the
person."""
_RELEASE_ROWS = 2**25
"""Rows whose marks of loss are looked at before their pages are handed back to the system."""


def cut_windows(study: Study, cut: Cut, missing: Missing = "error") -> Windows:
    """Cut a study into windows.

    `missing` says what to do with a recording that lacks a wanted channel: "error" names it, "mask"
    keeps it with the channel marked absent, "drop" leaves it out and counts it. Raises StudyError
    where no window results, ConfigError for lengths, rates or rules that cannot be.
    """
    samples = cut.seconds * cut.rate_hz
    length = round(samples) if math.isfinite(samples) else 0
    if length < 2 or not 0 <= cut.overlap < 1 or cut.rate_hz <= 0:
        raise ConfigError(
            f"Windows of {cut.seconds} s at {cut.rate_hz} Hz with overlap "
            f"{cut.overlap} cannot be "
            "cut: a window needs two samples or more, and an overlap of at least 0 and under 1."
        )
    if cut.label_rule not in ("inside", "majority", "centred", "unlabelled"):
        raise ConfigError(
            f"label_rule is inside, majority, centred or unlabelled, not '{cut.label_rule}'."
        )
    channels = wanted_channels(study, cut)
    classes = _classes(study, cut)
    store, places, left_out = resampled_store(study, cut, channels, missing)
    dropped: dict[str, int] = {"recording lacks a channel": len(left_out)} if left_out else {}
    parts: list[_Cuts] = []
    owner: list[int] = []
    looked_at = 0
    for index, place in enumerate(places):
        segments = [s for s in study.segments.get(place.recording, ()) if s.label in classes]
        found = _cut_stretch(place.start_s, place.rows, segments, cut, length, dropped)
        if len(found.offset):
            found = _drop_bridged(found, store, index, length, dropped)
        parts.append(found)
        owner += [index] * len(found.offset)
        looked_at += place.rows
        if looked_at > _RELEASE_ROWS:
            store.release()
            looked_at = 0
    _count_uncovered(study, cut, classes, places, dropped)
    _warn_of_contradictions(study, dropped)
    piece = np.array(owner, dtype=np.int64)
    if not len(piece):
        reasons = (
            "; ".join(f"{n} × {reason}" for reason, n in dropped.items())
            or "no stretch is long enough"
        )
        raise StudyError(
            f"Study '{study.name}' gives no window of {cut.seconds:g} s ({reasons}). "
            "Ask for shorter windows, or allow pad=True."
        )
    offset = np.concatenate([part.offset for part in parts])
    entry = {e["id"]: e for e in study.entries}
    groups = [group_of_entry(entry[place.recording]) for place in places]
    table = {name: i for i, name in enumerate(classes)}
    return Windows(
        store=store,
        channels=channels,
        rate_hz=cut.rate_hz,
        length=length,
        first_row=store.pieces[piece, 0] + offset,
        piece=piece,
        subject=np.array(groups, dtype=object)[piece],
        recording=np.array([p.recording for p in places], dtype=object)[piece],
        start_s=np.array([p.start_s for p in places])[piece] + offset / cut.rate_hz,
        code=np.array(
            [table.get(label, UNLABELLED) for part in parts for label in part.label], dtype=np.int64
        ),
        classes=classes,
        study=study.name,
        study_hash=study.hash,
        gravity=_gravity(study),
        origin="simulated" if study.simulated else "measured",
        dropped=dropped,
        recipe=cut.to_json() | {"missing": missing},
        folders={study.name: study.folder},
        contents={e["id"]: stream_contents(e) for e in study.entries},
    )


@dataclass(frozen=True)
class _Cuts:
    offset: np.ndarray
    label: list[str]


def _classes(study: Study, cut: Cut) -> tuple[str, ...]:
    if cut.label_rule == "unlabelled":
        return ()
    here = set(study.label_seconds)
    absent = [label for label in cut.labels if label not in here]
    if absent:
        raise StudyError(
            f"Study '{study.name}' has no label {', '.join(map(repr, absent))}; "
            f"it has {', '.join(sorted(here)) or 'none'}."
        )
    if not here:
        raise StudyError(
            f"Study '{study.name}' has no labelled stretch, so no window can have a label. "
            "For windows without labels say label_rule='unlabelled'."
        )
    return tuple(cut.labels) or tuple(sorted(here))


def _gravity(study: Study) -> str:
    kinds = {entry["gravity"] for entry in study.entries}
    if len(kinds) > 1:
        raise StudyError(
            f"Study '{study.name}' mixes recordings with gravity included and removed; one model "
            f"cannot learn from "
            "both. Import them as two studies."
        )
    return str(kinds.pop())


def _cut_stretch(
    start_s: float,
    rows: int,
    segments: Sequence[Segment],
    cut: Cut,
    length: int,
    dropped: dict[str, int],
) -> _Cuts:
    """Return where the windows of one stretch start, in samples from its start, and their labels."""
    rate, hop = cut.rate_hz, max(1, round(length * (1 - cut.overlap)))
    rule = cut.label_rule
    if rule != "centred":  # where each segment is a trial of its own
        segments = merged(segments, length / rate)
    if rule in ("unlabelled", "majority"):
        offset = np.arange(0, rows - length + 1, hop)
        if not len(offset):
            _count(dropped, "stretch shorter than a window")
        unlabelled = rule == "unlabelled"
        labels = (
            [""] * len(offset)
            if unlabelled
            else _majority(start_s, offset, length, rate, segments, dropped)
        )
        return _Cuts(offset, labels)
    offsets: list[int] = []
    names: list[str] = []
    claimed = contradicting(segments)
    known: set[tuple[int, str]] = set()
    for segment in segments:
        # A sample belongs to a segment if its time lies in [start, end); 1e-6 forgives decimal
        # stamps.
        first = int(np.ceil((segment.start_s - start_s) * rate - 1e-6))
        last = int(np.ceil((segment.end_s - start_s) * rate - 1e-6))
        if last <= 0 or first >= rows:
            continue
        first, last = max(first, 0), min(last, rows)
        if rule == "inside" and last - first >= length:
            chosen = list(range(first, last - length + 1, hop))
        elif rule == "centred" or cut.centre_short:
            centre = (first + last - length) // 2
            fits = min(max(centre, 0), rows - length)
            chosen = [centre] if cut.pad else [fits] if fits >= 0 else []
        else:
            chosen = []
        if not chosen:
            _count(dropped, f"segment shorter than a window ({segment.label})")
        for at in chosen:
            # What of the window is this segment's decides: around a short one lie others by right.
            begin, end = (start_s + row / rate for row in (max(at, first), min(at + length, last)))
            if claimed and (other := other_label(begin, end, segment.label, claimed)):
                _count(dropped, f"{CONTRADICTED} ({' and '.join(sorted([segment.label, other]))})")
            elif (at, segment.label) in known:
                _count(dropped, f"the same window twice ({segment.label})")
            else:
                known.add((at, segment.label))
                offsets.append(at)
                names.append(segment.label)
    return _Cuts(np.array(offsets, dtype=np.int64), names)


def _majority(
    start_s: float,
    offset: np.ndarray,
    length: int,
    rate: float,
    segments: Iterable[Segment],
    dropped: dict[str, int],
) -> list[str]:
    """Label each window by what fills more than half of it; nothing does at many a transition, and
    two labels that both do are none."""
    begin = start_s + offset / rate
    end = begin + length / rate
    share: dict[str, np.ndarray] = {}
    for segment in segments:
        inside = np.clip(
            np.minimum(end, segment.end_s) - np.maximum(begin, segment.start_s), 0, None
        )
        share[segment.label] = share.get(segment.label, 0) + inside
    # The half comes first and with a little more than a half, so that a label must exceed it, not
    # reach it.
    names = ["", *share]
    filled = np.stack([np.full(len(offset), length / rate / 2 + 1e-6), *share.values()])
    best = filled.argmax(axis=0)
    for window in np.flatnonzero((filled[1:] > filled[0]).sum(axis=0) > 1):
        claims = sorted(
            names[i + 1] for i in np.flatnonzero(filled[1:, window] > filled[0, window])
        )
        _count(dropped, f"{CONTRADICTED} ({' and '.join(claims[:2])})")
        best[window] = 0
    return [names[i] for i in best]


def _drop_bridged(
    found: _Cuts, store: Store, piece: int, length: int, dropped: dict[str, int]
) -> _Cuts:
    first, stop = store.pieces[piece]
    keep = ~too_bridged(np.asarray(store.lost[first:stop]), found.offset, length)
    if not keep.all():
        dropped["over 20 % bridged"] = dropped.get("over 20 % bridged", 0) + int((~keep).sum())
    return _Cuts(
        found.offset[keep], [label for label, k in zip(found.label, keep, strict=True) if k]
    )


def too_bridged(bits: np.ndarray, offset: np.ndarray, length: int) -> np.ndarray:
    """Return which windows of a stretch hold more interpolated samples than `MOST_BRIDGED` of what
    was recorded."""
    start, end = np.clip(offset, 0, len(bits)), np.clip(offset + length, 0, len(bits))
    over = np.zeros(len(offset), dtype=bool)
    total = np.zeros(len(bits) + 1, dtype=np.int32)
    used = int(np.bitwise_or.reduce(bits)) if len(bits) else 0
    # The sensor that lost most decides: sensors lose packets apart from one another. One at a time,
    # as sixteen running sums of a day side by side take a gigabyte.
    for sensor in range(16):
        if used >> sensor & 1:
            np.cumsum(bits >> sensor & 1, dtype=np.int32, out=total[1:])
            over |= total[end] - total[start] > MOST_BRIDGED * (end - start)
    return over


def _count_uncovered(
    study: Study,
    cut: Cut,
    classes: tuple[str, ...],
    places: Iterable[Place],
    dropped: dict[str, int],
) -> None:
    """Count the segments of which no stretch holds a sample, so that they do not vanish without a
    word."""
    if cut.label_rule not in ("inside", "centred"):
        return
    spans: dict[str, list[tuple[float, float]]] = {}
    for place in places:
        end_s = place.start_s + place.rows / cut.rate_hz
        spans.setdefault(place.recording, []).append((place.start_s, end_s))
    for recording, held in spans.items():
        for segment in study.segments.get(recording, ()):
            met = any(segment.start_s < end and segment.end_s > start for start, end in held)
            if segment.label in classes and not met:
                _count(dropped, f"segment without samples ({segment.label})")


def _warn_of_contradictions(study: Study, dropped: dict[str, int]) -> None:
    found = {reason: count for reason, count in dropped.items() if reason.startswith(CONTRADICTED)}
    if found:
        which = ", ".join(
            f"{reason.removeprefix(CONTRADICTED).strip(' ()')}: {count}"
            for reason, count in found.items()
        )
        warnings.warn(
            f"Study '{study.name}': {sum(found.values())} windows lie under two labels that "
            f"contradict one another "
            f"({which}) and are left out, as neither can be trusted. Correct the labels, or name "
            f"those that count.",
            OtolithWarning,
            stacklevel=4,
        )


def _count(dropped: dict[str, int], reason: str) -> None:
    dropped[reason] = dropped.get(reason, 0) + 1
