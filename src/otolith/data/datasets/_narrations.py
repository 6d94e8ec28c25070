"""Moments that somebody described in a sentence: the stretch around one, and the sentence without
its marks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from otolith.data.paired import Text
from otolith.data.recording import Segment

WINDOW_S = 5.0
"""PRIMUS (2024, https://arxiv.org/abs/2411.15127) cuts 5 s around each narration; so does IMU2CLIP.
"""
# "#C C cuts the onion", "#unsure", "#O The man X": who acts, and doubts; C alone is the camera
# wearer.
_MARKS = re.compile(r"#\s*[A-Za-z]+\b")
_WEARER = re.compile(r"^\s*C\b(?!')\s*")


def cleaned(text: str) -> str:
    """Return a narration in lower case, without marks and without the letter that stands for the
    camera wearer."""
    return " ".join(_WEARER.sub("", _MARKS.sub(" ", text)).split()).lower()


def around(moment_s: float, duration_s: float) -> tuple[float, float] | None:
    """Return the stretch of 5 s around a moment, moved inside of a recording; nothing where none
    fits."""
    if not 0.0 <= moment_s <= duration_s or duration_s < WINDOW_S:
        return None
    start = min(max(moment_s - WINDOW_S / 2, 0.0), duration_s - WINDOW_S)
    return start, start + WINDOW_S


def narrated(
    id: str, told: Iterable[tuple[float, str]], duration_s: float, label: str, source: str
) -> tuple[list[Segment], list[Text]]:
    """Return a segment and a text for each moment that was told; those that lie outside or say
    nothing are left out."""
    segments, texts = [], []
    for moment_s, words in sorted(told):
        span, text = around(moment_s, duration_s), cleaned(words)
        if span and text:
            segments.append(Segment(*span, label, source))
            texts.append(Text(id, *span, text, source))
    return segments, texts


def find_one(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of some files that is there."""
    return next((path for name in names if (path := folder / name).is_file()), None)
