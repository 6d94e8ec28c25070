"""What `otolith info` prints of a study."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otolith.data.study import Study
from otolith.show.study_summary import StudySummary, cut_sentence, summarise_study

LISTED = 8
"""So many unusual recordings are listed on the terminal; the page lists more."""
_BAR = 28
_LEFT = ("sensor", "label", "at rest", "reported while reading", "such as", "")


def study_text(study: Study) -> RenderableType:
    """Return what a study holds, for a terminal: people, sensors, labels, reports and the cut.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> from rich.console import Console
    >>> Console(width=80).print(study_text(study))
    toy  measured, 1 person, 1 recording, 0.00 hours...
    """
    held = summarise_study(study)
    parts: list[RenderableType] = [
        Text.assemble((study.name, "bold"), f"  {held.headline()}"),
        Text(f"placements: {', '.join(study.placements)}"),
        *([Text(f"modalities: {held.modalities()}")] if study.modalities else []),
        *(Text(held.hours()), Text(), _sensor_table(held)),
        *(Text(), _label_table(held)),
    ]
    if held.reports:
        table = _table("reported while reading", "rows", "recordings", "such as")
        for kind, rows, recordings, example in held.reports:
            table.add_row(Text(kind), f"{rows:,}", str(recordings), Text(example))
        parts += [Text(), table]
    if held.unusual:
        parts += [Text(), Text(f"worth a look ({len(held.unusual)})", "bold")]
        parts += [Text(f"  {sentence}") for sentence in held.unusual[:LISTED]]
        if (more := len(held.unusual) - LISTED) > 0:
            parts.append(Text(f"  and {more} more: otolith info STUDY --html FILE lists them"))
    parts += [Text(), Text(f"by default: {cut_sentence(study.cut)}")]
    parts += [
        Text.assemble((f"{name}: ", "dim"), getattr(study, name) or "not stated")
        for name in ("source", "terms", "citation")
    ]
    return Group(*parts)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        side: Any = "left" if name in _LEFT else "right"
        table.add_column(name, justify=side, header_style="bold", overflow="fold")
    return table


def _sensor_table(held: StudySummary) -> Table:
    """A row per sensor, in 80 columns; rows read are those kept and those reported."""
    table = _table("sensor", "files", "Hz", "stated", "rows kept", "reported", "lost", "at rest")
    # Wide enough for the longest word: a sensor name may fold between words.
    words = [word for sensor in held.sensors for word in sensor.name.split()]
    table.columns[0].min_width = max(map(len, words), default=0)
    table.columns[0].overflow = "ellipsis"
    for sensor in held.sensors:
        files, measured, stated, _, *rest = sensor.cells()
        # A terminal is narrow: only what is implausible is shown at length.
        rests = [
            sentence.partition(" over ")[0] if sentence.endswith(": plausible") else sentence
            for sentence in held.gravity(sensor)
        ]
        at_rest = Text("; ".join(rests) or "–")
        table.add_row(Text(sensor.name), files, measured, stated, *rest, at_rest)
    return table


def _label_table(held: StudySummary) -> RenderableType:
    if not held.labels:
        return Text("no labels")
    table = _table("label", "seconds", "people", "")
    longest = max(held.labels.values()) or 1.0
    for label, seconds in held.labels.items():
        bar = Text("█" * max(1, round(_BAR * seconds / longest)), style="cyan")
        table.add_row(Text(label), f"{seconds:,.0f}", str(held.label_people[label]), bar)
    return table
