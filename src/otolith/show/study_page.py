"""What a user sees of a study before trusting any figure: on the terminal, and as one HTML page."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from otolith import __version__
from otolith.core.files import write_text
from otolith.data.channels import channel_names
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Study
from otolith.show import markup as m
from otolith.show import study_figures as figures
from otolith.show.drawing import DARK, LIGHT, css_variables, inline_svg
from otolith.show.study_summary import (
    SensorSummary,
    StudySummary,
    count,
    evaluation_sentence,
    sensor_of,
    summarise_study,
)

LISTED = 8
"""So many unusual recordings are listed on the terminal; the page lists more."""
LISTED_ON_PAGE = 100
EXAMPLE_S = 6.0
"""Seconds of signal that the page shows of each sensor."""
_BAR = 28


def study_text(study: Study) -> RenderableType:
    """Return what `otolith info` prints: people, sensors, labels, what was reported, and how the
    study is judged."""
    held = summarise_study(study)
    parts: list[RenderableType] = [
        Text.assemble((study.name, "bold"), f"  {_headline(study, held)}"),
        Text(f"placements: {', '.join(study.placements)}"),
        *([Text(f"modalities: {modalities_sentence(study)}")] if study.modalities else []),
        Text(_hours_sentence(held)),
        Text(),
        _sensor_table(study, held),
        Text(),
        _label_table(held),
    ]
    if held.reports:
        table = _plain_table("reported while reading", "rows", "recordings", "such as")
        for kind, rows, recordings, example in held.reports:
            table.add_row(Text(kind), f"{rows:,}", str(recordings), Text(example))
        parts += [Text(), table]
    if held.unusual:
        parts += [Text(), Text(f"worth a look ({len(held.unusual)})", "bold")]
        parts += [Text(f"  {sentence}") for sentence in held.unusual[:LISTED]]
        if len(held.unusual) > LISTED:
            parts.append(
                Text(
                    f"  and {len(held.unusual) - LISTED} more: otolith info STUDY --html FILE "
                    f"lists them"
                )
            )
    parts += [Text(), Text(f"by default: {evaluation_sentence(study)}")]
    for name, value in (
        ("source", study.source),
        ("terms", study.terms),
        ("citation", study.citation),
    ):
        parts.append(Text.assemble((f"{name}: ", "dim"), value or "not stated"))
    return Group(*parts)


def write_study_page(study: Study, path: str | Path) -> Path:
    """Write one HTML file, with its figures inside, that shows what a study holds; return where it
    is."""
    path = Path(path)
    write_text(path, study_page(study))
    return path


def study_page(study: Study) -> str:
    """Give the HTML of a study's page.

    Raises StudyError where a file that an example is taken from is missing or damaged.
    """
    here = resources.files("otolith.show")
    style = Template((here / "page.css").read_text(encoding="utf-8"))
    held = summarise_study(study)
    simulated = (
        '<p class="banner" role="note">Simulated data: these recordings were made by a simulation '
        "of moving bodies, "
        "not measured on people.</p>"
    )
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        title=m.text(study.name),
        style=style.substitute(light=css_variables(LIGHT), dark=css_variables(DARK)),
        purpose=m.text(
            f"What this study holds, for whoever decides whether to build on it: "
            f"{_headline(study, held)}. "
            f"{_hours_sentence(held)}"
            + (f" Beside the signals: {modalities_sentence(study)}." if study.modalities else "")
        ),
        banner=simulated if study.simulated else "",
        sections="\n".join(_sections(study, held)),
        version=m.text(__version__),
        created=m.text(datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")),
    )


def modalities_sentence(study: Study) -> str:
    """Say what lies beside the signals of a study, and of how many recordings."""
    whole = len(study)
    return ", ".join(
        f"{name} (all recordings)"
        if known == whole
        else f"{name} ({known} of {count(whole, 'recording')})"
        for name, known in study.modalities.items()
    )


def _headline(study: Study, held: StudySummary) -> str:
    kind = "simulated" if study.simulated else "measured"
    return f"{kind}, {count(len(held.people), 'person')}, {count(len(study), 'recording')}, {study.hours:.2f} hours"


def _hours_sentence(held: StudySummary) -> str:
    minutes = {person.name: 60 * person.hours for person in held.people}
    least, most = (
        min(minutes, key=lambda name: minutes[name]),
        max(minutes, key=lambda name: minutes[name]),
    )
    if len(minutes) == 1:
        return "One person alone: no figure for people never seen can be had from this study."
    middle = float(np.median(list(minutes.values())))
    return (
        f"Minutes per person: {middle:.1f} in the middle, from {minutes[least]:.1f} ({least}) "
        f"to {minutes[most]:.1f} ({most})."
    )


def _gravity_words(study: Study, sensor: SensorSummary) -> str:
    said = [
        study.gravity_checks[name]["sentence"]
        for name in sensor.sensors
        if name in study.gravity_checks
    ]
    return "; ".join(said) if "acc" in sensor.name and said else "–"


def _gravity_in_short(study: Study, sensor: SensorSummary) -> str:
    # A terminal is narrow: only what is wrong is told at length.
    said = [words.partition(" over ")[0] if words.endswith(": plausible") else words
            for words in _gravity_words(study, sensor).split("; ")]  # fmt: skip
    return "; ".join(said)


def _plain_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        right = name not in ("sensor", "label", "at rest", "reported while reading", "such as", "")
        table.add_column(
            name, justify="right" if right else "left", header_style="bold", overflow="fold"
        )
    return table


def _sensor_table(study: Study, held: StudySummary) -> Table:
    """Fits 80 columns: rows read are those kept and those reported, and what a sensor measures may
    take a line more."""
    table = _plain_table(
        "sensor", "files", "Hz", "stated", "rows kept", "reported", "lost", "at rest"
    )
    table.columns[0].min_width = max(
        (len(word) for sensor in held.sensors for word in sensor.name.split()), default=0
    )
    table.columns[0].overflow = "ellipsis"
    for sensor in held.sensors:
        files, measured, stated, _, *rest = _sensor_cells(sensor)
        table.add_row(
            Text(sensor.name), files, measured, stated, *rest, Text(_gravity_in_short(study, sensor)),
        )  # fmt: skip
    return table


def _sensor_cells(sensor: SensorSummary) -> list[str]:
    rows = (f"{sensor.rows[key]:,}" for key in ("read", "kept", "reported"))
    return [
        str(len(sensor.recordings)),
        sensor.rate_words,
        sensor.nominal_words,
        *rows,
        sensor.lost_words,
    ]


def _label_table(held: StudySummary) -> RenderableType:
    if not held.labels:
        return Text("no labels")
    table = _plain_table("label", "seconds", "people", "")
    longest = max(held.labels.values()) or 1.0
    for label, seconds in held.labels.items():
        bar = Text("█" * max(1, round(_BAR * seconds / longest)), style="cyan")
        table.add_row(Text(label), f"{seconds:,.0f}", str(held.label_people[label]), bar)
    return table


def _sections(study: Study, held: StudySummary) -> Iterator[str]:
    yield m.section("Sensors", *_sensor_parts(study, held))
    examples = list(_examples(study, held))
    if examples:
        yield m.section(
            "How the signals look",
            m.paragraph(f"{EXAMPLE_S:g} seconds of one recording for each sensor, as stored: in SI "
                        f"units, at the "
                        "sensor's own rate."),
            m.panels(examples),
        )  # fmt: skip
    yield m.section("People and what they did", m.panels(_people(held)))
    yield m.section("What was read, kept and reported", *_reports(study, held))
    yield m.section("How it is judged by default", m.paragraph(evaluation_sentence(study)))
    yield m.section("Where it comes from", m.definitions([
        ("source", study.source), ("terms", study.terms or "not stated"), ("citation", study.citation),
        ("data hash", study.hash),
    ]))  # fmt: skip


def _sensor_parts(study: Study, held: StudySummary) -> Iterator[str]:
    head = [
        "sensor",
        "recordings",
        "Hz measured",
        "Hz stated",
        "rows read",
        "kept",
        "reported",
        "samples lost",
    ]
    rows = [[sensor.name, *_sensor_cells(sensor)] for sensor in held.sensors]
    yield m.table(
        head, rows, "Over all recordings: the median of the measured rates, and their range"
    )
    still = [[sensor.name, _gravity_words(study, sensor)] for sensor in held.sensors]
    yield m.table(["sensor", "at rest"], still, "What accelerometers read while they are still; "
                                                "gravity is 9.81 m/s²",
                  "words")  # fmt: skip
    timed = [sensor for sensor in held.sensors if sensor.rates_hz]
    if any(max(sensor.rates_hz) - min(sensor.rates_hz) >= 0.01 for sensor in timed):
        caption = "Each dot is a recording, each upright line the stated rate."
        svg = inline_svg(
            figures.rates_figure(timed), "rates", f"Measured rates, {study.name}", caption
        )
        numbers = m.table(["sensor", "Hz measured", "Hz stated"],
                          [[s.name, s.rate_words, s.nominal_words] for s in timed], "Rates")  # fmt: skip
        yield m.panels([m.figure("How fast they really sampled", svg, caption, numbers)])


def _examples(study: Study, held: StudySummary) -> Iterator[str]:
    recording: Recording | None = None
    for n, sensor in enumerate(held.sensors):
        id = sensor.recordings[0]
        if recording is None or recording.id != id:
            recording = study.recording(id)
        facts = next(entry for entry in study.entries if entry["id"] == id)["streams"]
        stream = next(
            s
            for s, fact in zip(recording.streams, facts, strict=True)
            if sensor_of(fact)[0] == sensor.name
        )
        if stream.rows_kept < 2:
            continue
        here, label = _liveliest(stream, recording.segments)
        time_s, values = stream.time_s[here], stream.values[here]
        if len(time_s) < 2:
            continue
        done = f", {label}" if label else ""
        caption = f"{id}{done}, from {time_s[0]:.1f} to {time_s[-1]:.1f} s; x, y and z are the sensor's own axes."
        svg = inline_svg(
            figures.signal_figure(time_s, values, stream.channels),
            f"signal-{n}",
            sensor.name,
            caption,
        )
        rows = [
            [
                name,
                *(
                    f"{number:.3f}"
                    for number in (column.min(), column.mean(), column.max(), column.std())
                ),
            ]
            for name, column in zip(
                channel_names(stream.channels), values.astype(np.float64).T, strict=True
            )
        ]
        numbers = m.table(
            ["channel", "least", "mean", "most", "deviation"], rows, "These seconds in numbers"
        )
        yield m.figure(sensor.name, svg, caption, numbers)


def _liveliest(stream: Stream, segments: Sequence[Segment]) -> tuple[slice, str]:
    """Choose the labelled stretch in which the sensor moves most: standing still shows nothing of a
    sensor."""

    def around(middle: float) -> slice:
        first, last = np.searchsorted(
            stream.time_s, [middle - EXAMPLE_S / 2, middle + EXAMPLE_S / 2]
        )
        return slice(int(first), int(last))

    places = [(around((s.start_s + s.end_s) / 2), s.label) for s in segments]
    places = [place for place in places if place[0].stop - place[0].start > 1]
    if not places:
        return around(float(stream.time_s[0] + stream.time_s[-1]) / 2), ""
    return max(places, key=lambda place: float(stream.values[place[0], :3].std(axis=0).sum()))


def _people(held: StudySummary) -> Iterator[str]:
    drawn = held.people[: figures.DRAWN_PEOPLE]
    some = (
        ""
        if len(drawn) == len(held.people)
        else f" {len(drawn)} of {len(held.people)} people are drawn."
    )
    caption = f"All that was recorded of each person, labelled or not.{some}"
    minutes = [60 * person.hours for person in drawn]
    svg = inline_svg(figures.bars_figure([person.name for person in drawn], minutes, "minutes"), "minutes",
                     "Minutes of each person", caption)  # fmt: skip
    rows = [[p.name, p.recordings, f"{60 * p.hours:.2f}"] for p in held.people]
    yield m.figure(
        "Minutes recorded",
        svg,
        caption,
        m.table(["person", "recordings", "minutes"], rows, "Per person"),
    )
    if held.labels:
        names, seconds = list(held.labels), list(held.labels.values())
        caption = f"Who did what: the darker, the longer; empty where somebody never did it.{some}"
        svg = inline_svg(
            figures.people_figure(drawn, names), "who", "Label seconds of each person", caption
        )
        rows = [
            [p.name, *(f"{p.label_s.get(name, 0.0):.0f}" for name in names)] for p in held.people
        ]
        yield m.figure(
            "Person by person",
            svg,
            caption,
            m.table(["person", *names], rows, "Seconds per person"),
        )
        caption = (
            f"{sum(seconds) / 3600:.2f} hours are labelled, {count(len(names), 'label')} in all."
        )
        svg = inline_svg(
            figures.bars_figure(names, seconds, "seconds"),
            "labels",
            "Seconds of each label",
            caption,
        )
        rows = [[name, f"{s:.1f}", held.label_people[name]] for name, s in held.labels.items()]
        yield m.figure(
            "Labels",
            svg,
            caption,
            m.table(["label", "seconds", "people"], rows, "Seconds of each label"),
        )


def _reports(study: Study, held: StudySummary) -> Iterator[str]:
    rows = study.rows
    yield m.paragraph(
        f"{rows['read']:,} rows were read: {rows['kept']:,} were kept, {rows['reported']:,} left "
        f"out and reported."
    )
    if held.reports:
        yield m.table(
            ["kind", "rows", "recordings", "such as"],
            held.reports,
            "Everything that was reported",
            "words",
        )
    else:
        yield m.paragraph("Nothing was reported: no row was left out and no sample was lost.")
    if held.unusual:
        more = len(held.unusual) - LISTED_ON_PAGE
        listed = [*held.unusual[:LISTED_ON_PAGE], *([f"and {more} more"] if more > 0 else [])]
        yield m.details(f"Worth a look ({len(held.unusual)})", m.bullets(listed))
