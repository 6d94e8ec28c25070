"""What a study holds by sensor and by person, added up from study.json alone, without signals."""

from __future__ import annotations

import functools
import re
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from otolith.core.text import count
from otolith.data.channels import Channel
from otolith.data.duplicates import duplicates, listed
from otolith.data.entries import ReportEntry, StreamEntry
from otolith.data.recording import group_of_entry, natural_key
from otolith.data.study import Study
from otolith.data.windows import Cut

RATE_TOLERANCE = 0.02
"""A recording whose rate differs by more from the median of its sensor is worth a look."""
LOST_TOLERANCE = 0.05
"""So is one that lost more than this share of its samples, and twice what its sensor loses
elsewhere."""
LOST = "lost samples"


@dataclass(frozen=True)
class SensorSummary:
    """One sensor over all recordings that have it."""

    name: str
    """Where it sat and what it measured, such as "left_wrist: acc, gyro"."""
    sensors: tuple[str, ...]
    recordings: list[str] = field(default_factory=list)
    streams: list[StreamEntry] = field(default_factory=list)
    """Its stream of each of these recordings, as study.json has it."""

    @property
    def nominal_hz(self) -> list[float]:
        """Rates that data sheet or owner state, each once."""
        return sorted({s["nominal_rate_hz"] for s in self.streams if s["nominal_rate_hz"]})

    @property
    def rates_hz(self) -> list[float]:
        """Measured rate of each recording with two samples or more."""
        return [s["rate_hz"] for s in self.streams if s["rate_hz"]]

    @functools.cached_property
    def rows(self) -> dict[str, int]:
        """Rows read, kept, and reported."""
        reported = sum(report["rows"] for s in self.streams for report in s["reports"])
        read, kept = (sum(s[key] for s in self.streams) for key in ("rows_read", "rows_kept"))
        return {"read": read, "kept": kept, "reported": reported}

    @functools.cached_property
    def lost(self) -> int:
        """Samples that never came, judged by the stamps."""
        return sum(map(lost_in, self.streams))

    @property
    def lost_share(self) -> float:
        """Share of all samples that should have come and did not."""
        return self.lost / max(self.rows["kept"] + self.lost, 1)

    @property
    def rate_words(self) -> str:
        """Median and range of the measured rate."""
        if not self.rates_hz:
            return "not measured"
        low, middle, high = min(self.rates_hz), statistics.median(self.rates_hz), max(self.rates_hz)
        return f"{middle:.2f}" if high - low < 0.01 else f"{middle:.2f} ({low:.2f} to {high:.2f})"

    @property
    def nominal_words(self) -> str:
        """The stated rates."""
        return ", ".join(f"{rate:g}" for rate in self.nominal_hz) or "not stated"

    @property
    def lost_words(self) -> str:
        """Lost samples and their share of all that should have come."""
        return f"{self.lost:,} ({100 * self.lost_share:.1f} %)" if self.lost else "0"

    def cells(self) -> list[str]:
        """Recordings, rates, rows read, kept and reported, lost samples, as tables show them."""
        rows = (f"{number:,}" for number in self.rows.values())
        recordings = str(len(self.recordings))
        return [recordings, self.rate_words, self.nominal_words, *rows, self.lost_words]


@dataclass
class PersonSummary:
    """One person over all of their recordings."""

    name: str
    recordings: int = 0
    hours: float = 0.0
    label_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))


@dataclass(frozen=True)
class StudySummary:
    """A study in numbers and sentences."""

    study: Study
    sensors: list[SensorSummary]
    people: list[PersonSummary]
    labels: dict[str, float]
    """Label -> seconds, the longest first."""
    label_people: dict[str, int]
    """Label -> how many people did it."""
    reports: list[tuple[str, int, int, str]]
    """(kind, rows, recordings, an example in words) of everything that readers reported."""
    unusual: list[str]
    """Sentences on recordings that differ from the rest."""

    def headline(self) -> str:
        """What the study holds in a few words."""
        kind = "simulated" if self.study.simulated else "measured"
        people, recordings = count(len(self.people), "person"), count(len(self.study), "recording")
        return f"{kind}, {people}, {recordings}, {self.study.hours:.2f} hours"

    def hours(self) -> str:
        """How evenly the time is spread over people, in one sentence."""
        minutes = {person.name: 60 * person.hours for person in self.people}
        if len(minutes) == 1:
            return "One person alone: no figure for people never seen can be had from this study."
        least, most = min(minutes, key=minutes.__getitem__), max(minutes, key=minutes.__getitem__)
        return (
            f"Minutes per person: {statistics.median(minutes.values()):.1f} in the middle, "
            f"from {minutes[least]:.1f} ({least}) to {minutes[most]:.1f} ({most})."
        )

    def modalities(self) -> str:
        """What lies beside the signals, and of how many recordings; empty where nothing does."""
        whole, known = len(self.study), self.study.modalities
        some = {n: f"{of} of {count(whole, 'recording')}" for n, of in known.items() if of < whole}
        return ", ".join(f"{name} ({some.get(name, 'all recordings')})" for name in known)

    def gravity(self, sensor: SensorSummary) -> list[str]:
        """What the check against gravity says of each accelerometer of a sensor."""
        if "acc" not in sensor.name:
            return []
        checks = self.study.gravity_checks
        return [checks[name]["sentence"] for name in sensor.sensors if name in checks]


def summarise_study(study: Study) -> StudySummary:
    """Add up what a study holds; nothing but study.json and the segments are read.

    >>> import numpy
    >>> from tempfile import mkdtemp
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> held = summarise_study(study)
    >>> held.sensors[0].rows, held.labels, held.unusual
    ({'read': 500, 'kept': 500, 'reported': 0}, {'rest': 8.0}, [])
    >>> held.headline(), held.hours()[:16]
    ('measured, 1 person, 1 recording, 0.00 hours', 'One person alone')
    """
    sensors: dict[str, SensorSummary] = {}
    people: dict[str, PersonSummary] = {}
    reports: dict[str, list[tuple[str, ReportEntry]]] = {}
    for entry in study.entries:
        group = group_of_entry(entry)
        person = people.setdefault(group, PersonSummary(group))
        person.recordings += 1
        person.hours += entry["duration_s"] / 3600
        for segment in study.segments.get(entry["id"], ()):
            person.label_s[segment.label] += segment.end_s - segment.start_s
        for stream in entry["streams"]:
            name, places = sensor_of(stream)
            sensor = sensors.setdefault(name, SensorSummary(name, places))
            sensor.recordings.append(entry["id"])
            sensor.streams.append(stream)
            for report in stream["reports"]:
                reports.setdefault(report["kind"], []).append((entry["id"], report))
    labels = dict(sorted(study.label_seconds.items(), key=lambda item: (-item[1], item[0])))
    everybody = sorted(people.values(), key=lambda person: natural_key(person.name))
    return StudySummary(
        study=study,
        sensors=list(sensors.values()),
        people=everybody,
        labels=labels,
        label_people={n: sum(n in person.label_s for person in everybody) for n in labels},
        reports=[_added_up(kind, of) for kind, of in sorted(reports.items())],
        unusual=[*listed(duplicates(study.entries)), *_unusual(study, sensors)],
    )


def _added_up(kind: str, reports: Sequence[tuple[str, ReportEntry]]) -> tuple[str, int, int, str]:
    rows, recordings = sum(report["rows"] for _, report in reports), {id for id, _ in reports}
    first, report = reports[0]
    return kind, rows, len(recordings), f"{first}: {report['detail']}"


def sensor_of(stream: StreamEntry) -> tuple[str, tuple[str, ...]]:
    """Name a stream by where it sat and what it measured, as files may call it anything.

    >>> sensor_of({"channels": ["left_wrist.acc.x", "left_wrist.gyro.x", "head.acc.x"]})
    ('left_wrist: acc, gyro; head: acc', ('left_wrist', 'head'))
    """
    quantities: dict[str, dict[str, None]] = {}
    for channel in map(Channel.parse, stream["channels"]):
        quantities.setdefault(channel.sensor, {})[channel.quantity] = None
    words = [f"{sensor}: {', '.join(measured)}" for sensor, measured in quantities.items()]
    return "; ".join(words), tuple(quantities)


def lost_in(stream: StreamEntry) -> int:
    """Return how many samples of a stream never came, as its reader reported it.

    >>> lost_in({"reports": [{"kind": "lost samples", "rows": 0, "detail": "12 samples"}]})
    12
    """
    # The number stands first in the words of the report: "12 samples …".
    details = [report["detail"] for report in stream["reports"] if report["kind"] == LOST]
    return sum(int(match[0]) for detail in details if (match := re.match(r"\d+", detail)))


def _unusual(study: Study, sensors: dict[str, SensorSummary]) -> Iterator[str]:
    """Sentences on recordings that differ from the rest, recording by recording."""
    # The median: one odd recording does not move it.
    usual = {n: statistics.median(of.rates_hz) for n, of in sensors.items() if of.rates_hz}
    for entry in study.entries:
        losses = []
        for stream in entry["streams"]:
            name, places = sensor_of(stream)
            where = f"{entry['id']}, {name}"
            yield from (f"{where}: {words}" for words in _odd_of(stream, usual.get(name)))
            lost = lost_in(stream)
            share = lost / max(lost + stream["rows_kept"], 1)
            # A sensor that loses a tenth everywhere is not unusual in each recording.
            if share > max(LOST_TOLERANCE, 2 * sensors[name].lost_share):
                losses.append(f"{100 * share:.0f} % at {' and '.join(places)}")
        if losses:
            yield f"{entry['id']}: many samples were lost, {', '.join(losses)}"


def _odd_of(stream: StreamEntry, usual: float | None) -> Iterator[str]:
    """What is unusual about a stream whose sensor usually has a rate of `usual`."""
    rate = stream["rate_hz"]
    if rate is None:
        yield f"{count(stream['rows_kept'], 'sample')}, so no rate"
    elif usual and abs(rate / usual - 1) > RATE_TOLERANCE:
        yield f"{rate:.2f} Hz, where this sensor usually has {usual:.2f} Hz"
    for report in stream["reports"]:
        if report["rows"] or report["kind"] == "silent channel":
            rows = f"{report['rows']} × " if report["rows"] else ""
            yield f"{rows}{report['kind']} ({report['detail']})"


def cut_sentence(cut: Cut) -> str:
    """Say how a study is cut into windows and labelled, in one sentence.

    >>> cut_sentence(Cut(seconds=2, overlap=0))
    'Windows of 2 s at 50 Hz, overlapping by 0 %, each inside one labelled stretch; with acc and...'
    """
    rule = {
        "inside": "each inside one labelled stretch",
        "majority": "labelled by what fills more than half",
        "centred": "one centred on each labelled stretch",
        "unlabelled": "without labels",
    }[cut.label_rule]
    where = f"any one sensor, shown as '{cut.slot}'" if cut.slot else ", ".join(cut.placements)
    named = f"{len(cut.labels)} classes: {', '.join(cut.labels)}"
    parts = [
        f"Windows of {cut.seconds:g} s at {cut.rate_hz:g} Hz",
        f"overlapping by {100 * cut.overlap:g} %, {rule}",
        "a stretch shorter than a window gets one around it" if cut.centre_short else "",
        "windows past the end are filled with the edge value" if cut.pad else "",
        f"with {' and '.join(cut.quantities)} of {where or 'every sensor'}",
        named if cut.labels else "all labels are classes",
    ]
    said = "; ".join(part for part in parts[1:] if part)
    return f"{parts[0]}, {said}."
