"""Stretches that several labels claim: one label twice is one stretch, two labels at once are no
label at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from otolith.data.recording import Segment

CONTRADICTED = "under two labels"
"""Under this reason windows are counted that are left out because two labels claim them."""
HALF = 0.5
_FORGIVEN_S = 1e-6


def merged(segments: Sequence[Segment], seconds: float) -> list[Segment]:
    """Join segments of one label of which one holds the other, or that share a window's length or
    more.

    Windows would otherwise be cut twice from the time that they share. Without such segments all
    stay as they are.
    """
    out: list[Segment] = []
    for segment in sorted(segments, key=lambda s: (s.label, s.start_s, s.end_s)):
        last = out[-1] if out and out[-1].label == segment.label else None
        least = min(seconds, segment.end_s - segment.start_s)
        shared = min(last.end_s, segment.end_s) - segment.start_s if last else 0.0
        if last and shared > _FORGIVEN_S and shared >= least - _FORGIVEN_S:
            out[-1] = replace(last, end_s=max(last.end_s, segment.end_s))
        else:
            out.append(segment)
    return (
        list(segments)
        if len(out) == len(segments)
        else sorted(out, key=lambda s: (s.start_s, s.end_s))
    )


def contradicting(segments: Sequence[Segment]) -> list[Segment]:
    """Return the segments that share time with one of another label; mostly none."""
    ordered = sorted(segments, key=lambda s: s.start_s)
    out: list[Segment] = []
    for number, segment in enumerate(ordered):
        for later in ordered[number + 1 :]:
            if later.start_s >= segment.end_s - _FORGIVEN_S:
                break
            if later.label != segment.label:
                out += [segment, later]
    return list(dict.fromkeys(out))


def other_label(
    start_s: float, end_s: float, label: str, segments: Sequence[Segment]
) -> str | None:
    """Return another label that claims more than half of a stretch; None where there is none."""
    for name in dict.fromkeys(s.label for s in segments if s.label != label):
        shared = sum(
            max(0.0, min(end_s, s.end_s) - max(start_s, s.start_s)) for s in segments if s.label == name
        )  # fmt: skip
        if shared > HALF * (end_s - start_s) + _FORGIVEN_S:
            return name
    return None
