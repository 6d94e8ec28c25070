"""What a study holds, added up sensor by sensor and person by person from study.json alone, without
any signal."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from otolith.core.text import count
from otolith.data.channels import Channel
from otolith.data.duplicates import duplicates, told
from otolith.data.entries import StreamEntry
from otolith.data.recording import group_of_entry, natural_key
from otolith.data.study import Study
from otolith.data.windows import Cut

RATE_TOLERANCE = 0.02
"""A recording whose rate differs by more from the median of its sensor is worth a look."""
LOST_TOLERANCE = 0.05
"""So is one that lost more than this share of its samples, and twice what its sensor loses
elsewhere."""
LOST = "lost samples"


@dataclass
class SensorSummary:
    """One sensor over all recordings that have it."""

    name: str
    """Where it sat and what it measured, such as "left_wrist: acc, gyro"."""
    sensors: tuple[str, ...]
    nominal_hz: list[float] = field(default_factory=list)
    """Rates that data sheet or owner state, each once."""
    rates_hz: list[float] = field(default_factory=list)
    """Measured rate of each recording with two samples or more."""
    recordings: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=lambda: {"read": 0, "kept": 0, "reported": 0})
    lost: int = 0
    """Samples that never came, judged by the stamps."""

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
        return ", ".join(f"{rate:g}" for rate in sorted(self.nominal_hz)) or "not stated"

    def cells(self) -> list[str]:
        """Recordings, rates, rows read, kept and reported, and lost samples, as tables show them."""
        rows = (f"{self.rows[key]:,}" for key in ("read", "kept", "reported"))
        recordings = str(len(self.recordings))
        return [recordings, self.rate_words, self.nominal_words, *rows, self.lost_words]

    @property
    def lost_share(self) -> float:
        """Share of all samples that should have come and did not."""
        return self.lost / max(self.rows["kept"] + self.lost, 1)

    @property
    def lost_words(self) -> str:
        """Lost samples and their share of all that should have come."""
        return f"{self.lost:,} ({100 * self.lost_share:.1f} %)" if self.lost else "0"


@dataclass
class PersonSummary:
    """One person over all of their recordings."""

    name: str
    recordings: int = 0
    hours: float = 0.0
    label_s: dict[str, float] = field(default_factory=dict)


@dataclass
class StudySummary:
    """A study in numbers."""

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


def summarise_study(study: Study) -> StudySummary:
    """Add up what a study holds; nothing but study.json and the segments are read."""
    sensors: dict[str, SensorSummary] = {}
    people: dict[str, PersonSummary] = {}
    kinds: dict[str, tuple[int, set[str], str]] = {}
    for entry in study.entries:
        group = group_of_entry(entry)
        person = people.setdefault(group, PersonSummary(group))
        person.recordings += 1
        person.hours += entry["duration_s"] / 3600
        for segment in study.segments.get(entry["id"], ()):
            seconds = segment.end_s - segment.start_s
            person.label_s[segment.label] = person.label_s.get(segment.label, 0.0) + seconds
        for stream in entry["streams"]:
            _add_stream(sensors, entry["id"], stream)
            for report in stream["reports"]:
                rows, where, example = kinds.get(
                    report["kind"], (0, set(), f"{entry['id']}: {report['detail']}")
                )
                kinds[report["kind"]] = rows + report["rows"], where | {entry["id"]}, example
    labels = dict(sorted(study.label_seconds.items(), key=lambda item: (-item[1], item[0])))
    everybody = sorted(people.values(), key=lambda person: natural_key(person.name))
    return StudySummary(
        list(sensors.values()),
        everybody,
        labels,
        {label: sum(label in person.label_s for person in everybody) for label in labels},
        [
            (kind, rows, len(where), example)
            for kind, (rows, where, example) in sorted(kinds.items())
        ],
        [*told(duplicates(study.entries)), *_unusual(study, sensors)],
    )


def _add_stream(sensors: dict[str, SensorSummary], recording: str, stream: StreamEntry) -> None:
    name, found = sensor_of(stream)
    total = sensors.setdefault(name, SensorSummary(name, found))
    total.recordings.append(recording)
    if stream["nominal_rate_hz"] and stream["nominal_rate_hz"] not in total.nominal_hz:
        total.nominal_hz.append(stream["nominal_rate_hz"])
    if stream["rate_hz"]:
        total.rates_hz.append(stream["rate_hz"])
    total.rows["read"] += stream["rows_read"]
    total.rows["kept"] += stream["rows_kept"]
    total.rows["reported"] += sum(report["rows"] for report in stream["reports"])
    total.lost += lost_in(stream)


def sensor_of(stream: StreamEntry) -> tuple[str, tuple[str, ...]]:
    """Name a stream by where it sat and what it measured, as files may call it anything."""
    held: dict[str, list[str]] = {}
    for channel in map(Channel.parse, stream["channels"]):
        quantities = held.setdefault(channel.sensor, [])
        if channel.quantity not in quantities:
            quantities.append(channel.quantity)
    return "; ".join(
        f"{sensor}: {', '.join(quantities)}" for sensor, quantities in held.items()
    ), tuple(held)


def lost_in(stream: StreamEntry) -> int:
    """Return how many samples of a stream never came, as its reader reported it."""
    found = [
        re.match(r"\d+", report["detail"]) for report in stream["reports"] if report["kind"] == LOST
    ]
    return sum(int(match[0]) for match in found if match)


def _unusual(study: Study, sensors: dict[str, SensorSummary]) -> Iterable[str]:
    middle = {
        name: statistics.median(total.rates_hz) for name, total in sensors.items() if total.rates_hz
    }
    for entry in study.entries:
        losses = []
        for stream in entry["streams"]:
            name, places = sensor_of(stream)
            where = f"{entry['id']}, {name}"
            rate, usual = stream["rate_hz"], middle.get(name)
            if rate is None:
                yield f"{where}: {count(stream['rows_kept'], 'sample')}, so no rate"
            elif usual and abs(rate / usual - 1) > RATE_TOLERANCE:
                yield f"{where}: {rate:.2f} Hz, where this sensor usually has {usual:.2f} Hz"
            lost = lost_in(stream)
            share = lost / max(lost + stream["rows_kept"], 1)
            if share > max(LOST_TOLERANCE, 2 * sensors[name].lost_share):
                losses.append(f"{100 * share:.0f} % at {' and '.join(places)}")
            for report in stream["reports"]:
                if report["rows"] or report["kind"] == "silent channel":
                    rows = f"{report['rows']} × " if report["rows"] else ""
                    yield f"{where}: {rows}{report['kind']} ({report['detail']})"
        if losses:
            yield f"{entry['id']}: many samples were lost, {', '.join(losses)}"


def headline(study: Study, held: StudySummary) -> str:
    """Say what a study holds in a few words."""
    kind = "simulated" if study.simulated else "measured"
    people, recordings = count(len(held.people), "person"), count(len(study), "recording")
    return f"{kind}, {people}, {recordings}, {study.hours:.2f} hours"


def hours_sentence(held: StudySummary) -> str:
    """Say how evenly the time is spread over people."""
    minutes = {person.name: 60 * person.hours for person in held.people}
    if len(minutes) == 1:
        return "One person alone: no figure for people never seen can be had from this study."
    least, most = min(minutes, key=minutes.__getitem__), max(minutes, key=minutes.__getitem__)
    return (
        f"Minutes per person: {statistics.median(minutes.values()):.1f} in the middle, "
        f"from {minutes[least]:.1f} ({least}) to {minutes[most]:.1f} ({most})."
    )


def modalities_sentence(study: Study) -> str:
    """Say what lies beside the signals, and of how many recordings; empty where nothing does."""
    whole = len(study)
    said = {
        name: "all recordings" if n == whole else f"{n} of {count(whole, 'recording')}"
        for name, n in study.modalities.items()
    }
    return ", ".join(f"{name} ({of})" for name, of in said.items())


def gravity_words(study: Study, sensor: SensorSummary) -> list[str]:
    """Give what the check against gravity said of each accelerometer of a sensor."""
    checks = study.gravity_checks
    if "acc" not in sensor.name:
        return []
    return [checks[name]["sentence"] for name in sensor.sensors if name in checks]


def cut_sentence(cut: Cut) -> str:
    """Say how a study is cut into windows and labelled, in one sentence."""
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
