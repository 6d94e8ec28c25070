"""Data sets whose moments somebody described in a sentence: what the two Ego sets share.

A sentence describes the 5 s around its moment, as PRIMUS (2024, https://arxiv.org/abs/2411.15127)
and IMU2CLIP (2022, https://arxiv.org/abs/2210.14395) cut them.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from otolith.core.errors import ReadError
from otolith.core.foreign.texts import read_json
from otolith.data.datasets.dataset import DataSet
from otolith.data.paired import Text, write_texts
from otolith.data.recording import Recording, Segment

WINDOW_S = 5.0
# "#C C cuts the onion", "#unsure", "#O The man X": who acts, and doubts. A lone C is the person
# who wears the camera.
_MARKS = re.compile(r"#\s*[A-Za-z]+\b")
_WEARER = re.compile(r"^\s*C\b(?!')\s*")
_LONGEST_NAME = 100


@dataclass(frozen=True, order=True)
class Moment:
    """What somebody said of a moment of a recording."""

    time_s: float
    text: str

    @classmethod
    def of(cls, entry: object, time_key: str, text_key: str, where: str) -> Moment:
        """Read a moment from a JSON object; ReadError where it lacks its time or its text."""
        try:
            return cls(float(entry[time_key]), str(entry[text_key]))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(
                f"{where} needs {time_key} (a number, in seconds) and {text_key}; "
                f"found {str(entry)[:200]}."
            ) from error


class NarratedDataSet(DataSet):
    """A data set with sentences: each is the text of the 5 s around its moment, and a segment."""

    source: ClassVar[str]
    """Where segments and texts come from, as they say it."""

    @abstractmethod
    def moments(self, root: Path) -> Mapping[str, Sequence[Moment]]:
        """Return what was said: take_uid (or id) of a recording -> moments."""

    def segments_of(
        self, moments: Iterable[Moment], duration_s: float, label: str, whole: str = ""
    ) -> tuple[Segment, ...]:
        """Return a segment of 5 s around each moment, all labelled with what the recording is.

        whole: the file that names the label, where the whole recording is one segment instead.
        """
        if whole:
            return (Segment(0.0, duration_s, label, whole),)
        texts = narrated("", moments, duration_s, self.source)
        return tuple(Segment(text.start_s, text.end_s, label, text.source) for text in texts)

    @override
    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write each sentence as the text of the 5 s around its moment."""
        moments = self.moments(self.verify(folder))
        texts: list[Text] = []
        for recording in recordings:
            key = str(recording.facts.get("take_uid", recording.id))
            duration_s = float(recording.facts["duration_s"])
            texts += narrated(recording.id, moments.get(key, ()), duration_s, self.source)
        if texts:
            write_texts(out, texts)


def cleaned(text: str) -> str:
    """Return a sentence in lower case, without marks and without the wearer's letter.

    >>> cleaned("#C C cuts the onion #unsure")
    'cuts the onion'
    """
    return " ".join(_WEARER.sub("", _MARKS.sub(" ", text)).split()).lower()


def around(moment_s: float, duration_s: float) -> tuple[float, float] | None:
    """Return the 5 s around a moment, moved inside the recording; None where none fit.

    >>> around(0.5, 12.0)
    (0.0, 5.0)
    """
    if not 0.0 <= moment_s <= duration_s or duration_s < WINDOW_S:
        return None
    start = min(max(moment_s - WINDOW_S / 2, 0.0), duration_s - WINDOW_S)
    return start, start + WINDOW_S


def narrated(id: str, moments: Iterable[Moment], duration_s: float, source: str) -> Iterator[Text]:
    """Return a text for each moment, in their order; those outside or without words are left out."""
    for moment in sorted(moments):
        span, text = around(moment.time_s, duration_s), cleaned(moment.text)
        if span and text:
            yield Text(id, *span, text, source)


def object_in(path: Path, key: str) -> dict[str, object]:
    """Return an object inside the object of a JSON file; ReadError where either is none."""
    content = read_json(path)
    inside = content.get(key) if isinstance(content, dict) else None
    if not isinstance(inside, dict):
        raise ReadError(f"{path} has no object '{key}'. Get the annotations again.")
    return inside


def items_of(content: object, key: str = "") -> list[Any]:
    """Return a list, or the list at a key of an object; nothing where it is another thing."""
    if key:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, list) else []


def find_one(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the first of some files that exists."""
    return next((path for name in names if (path := folder / name).is_file()), None)


def person_of(number: object, university: object) -> str:
    """Return a subject; people without a number are one per university.

    So nobody is on both sides of a split, though some may be kept together for no reason.
    """
    return str(f"unknown-{university}" if number is None else number)[:_LONGEST_NAME]
