"""The page of a study: one HTML file that shows what it holds before anybody builds on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from otolith.core.files import write_text
from otolith.core.text import count
from otolith.data.channels import channel_names
from otolith.data.recording import Recording, Segment, Stream
from otolith.data.study import Study
from otolith.show import study_figures as figures
from otolith.show.pages import Drawing, Table, drawn, render
from otolith.show.study_summary import (
    SensorSummary,
    StudySummary,
    cut_sentence,
    sensor_of,
    summarise_study,
)

LISTED = 100
"""So many unusual recordings are listed."""
EXAMPLE_S = 6.0
"""Seconds of signal that are shown of each sensor."""


def write_study_page(study: Study, path: str | Path) -> Path:
    """Write the page of a study into a file and return where it is.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> write_study_page(study, "toy.html").name
    'toy.html'
    """
    write_text(Path(path), study_page(study))
    return Path(path)


def study_page(study: Study) -> str:
    """Return the HTML of a study's page.

    Raises StudyError where a file that an example is taken from is missing or damaged.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> "<h1>toy</h1>" in study_page(study)
    True
    """
    held = summarise_study(study)
    head = ["sensor", "recordings", "Hz measured", "Hz stated", "rows read", "kept", "reported"]
    sensors = Table(
        [*head, "samples lost"],
        [[sensor.name, *sensor.cells()] for sensor in held.sensors],
        "Over all recordings: the median of the measured rates, and their range",
    )
    still = Table(
        ["sensor", "at rest"],
        [[sensor.name, "; ".join(held.gravity(sensor))] for sensor in held.sensors],
        "What accelerometers read while they are still; gravity is 9.81 m/s²",
        words=True,
    )
    head = ["kind", "rows", "recordings", "such as"]
    return render(
        "study.html",
        study.name,
        study=study,
        held=held,
        sensors=sensors,
        still=still,
        rates=_rates(held),
        examples=list(_examples(study, held)),
        example_s=EXAMPLE_S,
        people=list(_people(held)),
        reports=Table(head, held.reports, "Everything that was reported", words=True),
        listed=LISTED,
        evaluation=cut_sentence(study.cut),
    )


def _rates(held: StudySummary) -> Drawing | None:
    """The measured rates, where they differ."""
    timed = [sensor for sensor in held.sensors if sensor.rates_hz]
    if not any(max(sensor.rates_hz) - min(sensor.rates_hz) >= 0.01 for sensor in timed):
        return None
    rows = [[sensor.name, sensor.rate_words, sensor.nominal_words] for sensor in timed]
    numbers = Table(["sensor", "Hz measured", "Hz stated"], rows, "Rates")
    caption = "Each dot is a recording, each upright line the stated rate."
    figure = figures.rates_figure(timed)
    return drawn(figure, "rates", "How fast they really sampled", caption, numbers)


def _examples(study: Study, held: StudySummary) -> Iterator[Drawing]:
    """A few seconds of the first recording that each sensor has."""
    recording: Recording | None = None
    for n, sensor in enumerate(held.sensors):
        id = sensor.recordings[0]
        # Sensors of one recording follow one another: it is read once.
        if recording is None or recording.id != id:
            recording = study.recording(id)
        facts = next(entry for entry in study.entries if entry["id"] == id)["streams"]
        pairs = zip(recording.streams, facts, strict=True)
        stream = next(stream for stream, fact in pairs if sensor_of(fact)[0] == sensor.name)
        if stream.rows_kept >= 2:
            shown, label = _liveliest(stream, recording.segments)
            if shown.stop - shown.start >= 2:
                yield _example(f"signal-{n}", sensor, id, stream, shown, label)


def _example(
    key: str, sensor: SensorSummary, id: str, stream: Stream, shown: slice, label: str
) -> Drawing:
    time_s, values = stream.time_s[shown], stream.values[shown]
    where = f"{id}, {label}" if label else id
    seconds = f"from {time_s[0]:.1f} to {time_s[-1]:.1f} s"
    caption = f"{where}, {seconds}; x, y and z are the sensor's own axes."
    columns = zip(channel_names(stream.channels), values.astype(np.float64).T, strict=True)
    rows = [
        [name, *(f"{x:.3f}" for x in (column.min(), column.mean(), column.max(), column.std()))]
        for name, column in columns
    ]
    head = ["channel", "least", "mean", "most", "deviation"]
    figure = figures.signal_figure(time_s, values, stream.channels)
    numbers = Table(head, rows, "These seconds in numbers")
    return drawn(figure, key, sensor.name, caption, numbers)


def _liveliest(stream: Stream, segments: Sequence[Segment]) -> tuple[slice, str]:
    """The labelled stretch in which the sensor moves most: one at rest shows little of it."""

    def around(middle: float) -> slice:
        edges = [middle - EXAMPLE_S / 2, middle + EXAMPLE_S / 2]
        return slice(*map(int, np.searchsorted(stream.time_s, edges)))

    places = [(around((s.start_s + s.end_s) / 2), s.label) for s in segments]
    # A segment may lie where this sensor has no samples.
    places = [place for place in places if place[0].stop - place[0].start > 1]
    if not places:
        return around(float(stream.time_s[0] + stream.time_s[-1]) / 2), ""
    return max(places, key=lambda place: float(stream.values[place[0], :3].std(axis=0).sum()))


def _people(held: StudySummary) -> Iterator[Drawing]:
    """Minutes of each person, and who did what for how long."""
    people = held.people[: figures.DRAWN_PEOPLE]
    some = f" {len(people)} of {len(held.people)} people are drawn." * (
        len(people) < len(held.people)
    )
    caption = f"All that was recorded of each person, labelled or not.{some}"
    minutes = [60 * person.hours for person in people]
    figure = figures.bars_figure([person.name for person in people], minutes, "minutes")
    rows: list[list[object]] = [[p.name, p.recordings, f"{60 * p.hours:.2f}"] for p in held.people]
    numbers = Table(["person", "recordings", "minutes"], rows, "Per person")
    yield drawn(figure, "minutes", "Minutes recorded", caption, numbers)
    if not held.labels:
        return
    names, seconds = list(held.labels), list(held.labels.values())
    caption = f"Who did what: the darker, the longer; empty where somebody never did it.{some}"
    rows = [[p.name, *(f"{p.label_s.get(name, 0.0):.0f}" for name in names)] for p in held.people]
    numbers = Table(["person", *names], rows, "Seconds per person")
    yield drawn(figures.people_figure(people, names), "who", "Person by person", caption, numbers)
    hours, labels = sum(seconds) / 3600, count(len(names), "label")
    rows = [[name, f"{s:.1f}", held.label_people[name]] for name, s in held.labels.items()]
    numbers = Table(["label", "seconds", "people"], rows, "Seconds of each label")
    figure = figures.bars_figure(names, seconds, "seconds")
    yield drawn(
        figure, "labels", "Labels", f"{hours:.2f} hours are labelled, {labels} in all.", numbers
    )
