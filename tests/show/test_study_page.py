"""What a user sees of a study: the numbers agree with the files, the unusual stands out, any name
is shown safely."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from toy import toy_recording

from otolith import Cut, Recording, Segment, Stream, Study, write_study
from otolith.data.channels import triad
from otolith.data.paired import Text, write_modality, write_texts
from otolith.show.study_page import study_page, write_study_page
from otolith.show.study_summary import cut_sentence, summarise_study
from otolith.show.study_text import study_text


def printed(study: Study, width: int = 160) -> str:
    console = Console(width=width, record=True, file=None, force_terminal=False)
    with console.capture() as held:
        console.print(study_text(study))
    return held.get()


class Page(HTMLParser):
    """Checks that elements close in order, and keeps the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.ids: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def uneven(tmp_path: Path) -> Study:
    """Five recordings of ten seconds: one slow, one that lost a quarter, one with damaged rows."""

    def made(id: str, time_s: np.ndarray, broken: int = 0) -> Recording:
        values = np.tile([0.0, 0.0, 9.81], (len(time_s), 1))
        values[:, 0] = 0.01 * len(id) + 0.001 * ord(id[0])  # no two are the same, byte for byte
        values[:broken] = np.nan
        stream = Stream.from_rows("any name", triad("chest", "acc"), time_s, values, 50.0)
        return Recording(id, id, (stream,), (Segment(0.0, 2.0, "walking"),))

    even = np.arange(500) / 50
    lossy = np.delete(even, np.arange(3, 480, 4))
    parts = [
        made("a", even),
        made("b", even),
        made("slow", even * 1.1),
        made("lossy", lossy),
        made("torn", even, 7),
    ]
    return write_study(tmp_path / "uneven", parts, name="uneven")


def test__text__of_the_toy__says_what_was_written(toy_study: Study) -> None:
    text = printed(toy_study)
    assert "toy  measured, 6 people, 6 recordings, 0.06 hours" in text
    assert "placements: left_wrist, right_wrist" in text
    assert re.search(r"left_wrist: acc, gyro +6 +50\.00 +50 +10,800 +0 +0 +9\.8\d m/s²", text)
    assert re.search(r"walking +72 +6 +█{28}", text)
    assert "Windows of 2 s at 50 Hz, overlapping by 50 %, each inside one labelled stretch" in text
    assert "worth a look" not in text and "reported while reading" not in text


def test__text__many_recordings__is_no_longer_than_for_few(tmp_path: Path) -> None:
    few, many = (
        write_study(
            tmp_path / str(n),
            [toy_recording(f"p{i % 3}", 1.0 + 0.02 * i, id=f"r{i}") for i in range(n)],
            name="n",
        )
        for n in (3, 60)
    )
    assert printed(few).count("\n") == printed(many).count("\n") < 20


def test__text__recordings_unlike_the_rest__are_listed_and_no_others(tmp_path: Path) -> None:
    study = uneven(tmp_path)
    held = summarise_study(study)
    assert held.unusual == [
        "slow, chest: acc: 45.45 Hz, where this sensor usually has 50.00 Hz",
        "lossy: many samples were lost, 24 % at chest",
        "torn, chest: acc: 7 × not a number (stamp or value missing or not finite)",
    ]
    text = printed(study)
    assert "worth a look (3)" in text
    assert all(sentence in text for sentence in held.unusual)
    assert re.search(r"not a number +7 +1 +torn: stamp", text)


def test__summary__rows_and_losses__add_up(tmp_path: Path) -> None:
    study = uneven(tmp_path)
    (sensor,) = summarise_study(study).sensors
    assert sensor.rows == study.rows
    assert sensor.rows["read"] == sensor.rows["kept"] + sensor.rows["reported"]
    assert sensor.lost == len(np.arange(3, 480, 4))
    assert sensor.lost_words == f"120 ({100 * 120 / (study.rows['kept'] + 120):.1f} %)"
    assert sensor.rate_words == "50.00 (45.45 to 50.00)"


def test__summary__simulated__people_are_performers(tmp_path: Path) -> None:
    bodies = [
        replace(toy_recording(f"b{i}", 2.0), origin="simulated", performer="anna") for i in range(2)
    ]
    study = write_study(tmp_path, bodies, name="virtual")
    (person,) = summarise_study(study).people
    assert (person.name, person.recordings, person.label_s["walking"]) == ("anna", 2, 4.0)
    assert "no figure for people never seen" in printed(study)
    assert "Simulated data" in Page(study_page(study)).words
    assert "simulated, 1 person, 2 recordings" in printed(study)


def test__text__names_with_markup__are_shown_as_they_are(tmp_path: Path) -> None:
    made = replace(
        toy_recording("[bold]p[/]", 2.0, id="r"), segments=(Segment(0, 2, "[red]walk[/red]"),)
    )
    text = printed(write_study(tmp_path, [made], name="[link=x]n[/link]", terms="[/]"))
    assert "[link=x]n[/link]" in text and "[red]walk[/red]" in text and "terms: [/]" in text
    assert "[bold]p[/]" in text or "One person alone" in text


def test__text__no_labels__says_so(tmp_path: Path) -> None:
    study = write_study(tmp_path, [replace(toy_recording("p", 2.0), segments=())], name="bare")
    assert "no labels" in printed(study)
    assert "Person by person" not in study_page(study)


def test__page__is_whole_and_asks_nothing_of_a_network(tmp_path: Path) -> None:
    study = uneven(tmp_path)
    html = write_study_page(study, tmp_path / "page.html").read_text(encoding="utf-8")
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert not page.seen & {"script", "img", "link", "iframe", "image", "object"}
    assert not re.search(r"@import|url\((?!#)|src=|href=\"(?!#)", html)
    assert "default-src 'none'" in html
    assert (
        html.count("<figure") == html.count("</svg>") == 5
    )  # rates, one signal, minutes, who, labels
    assert "Worth a look\u00a0(3)" in page.words or "Worth a look (3)" in page.words


def test__page__every_figure__has_its_numbers(toy_study: Study) -> None:
    html = study_page(toy_study)
    assert (
        html.count("<figure") == html.count("The numbers") == 5
    )  # two signals, minutes, who, labels: rates are even
    words = Page(html).words
    assert "left_wrist.acc.z" in words
    assert toy_study.hash in words


def test__page__same_study__same_page_but_for_its_date(toy_study: Study) -> None:
    one, other = (
        re.sub(r"on \d{4}-\d\d-\d\dT[^.]*\.", "", study_page(toy_study)) for _ in range(2)
    )
    assert one == other


def test__page__names_with_markup__are_never_run(tmp_path: Path) -> None:
    made = replace(
        toy_recording("<b>p</b>", 2.0, id="r"), segments=(Segment(0, 2, "<script>x</script>"),)
    )
    html = study_page(write_study(tmp_path, [made], name='"><img src=x>', terms="<i>t</i> $style"))
    page = Page(html)
    assert not page.seen & {"script", "img", "b", "i"}
    assert "<script>x</script>" in page.words and "$style" in page.words


def test__page__colours__follow_light_and_dark(toy_study: Study) -> None:
    html = study_page(toy_study)
    body = re.sub(r"var\(--[\w-]+, #[0-9a-f]{6}\)", "", html[html.index("</style>") :])
    assert not re.search(r'(?:fill|stroke)[:=]\s*"?#[0-9a-f]{3,6}', body)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"label_rule": "majority"},
            "labelled by what fills more than half; with acc and gyro of every sensor",
        ),
        (
            {"slot": "imu", "pad": True},
            "filled with the edge value; with acc and gyro of any one sensor",
        ),
        ({"labels": ("a", "b"), "centre_short": True}, "gets one around it"),
        ({"labels": ("a", "b")}, "2 classes: a, b."),
        ({}, "all labels are classes."),
    ],
)
def test__cut_sentence__says_every_choice(change: dict[str, object], said: str) -> None:
    assert said in cut_sentence(replace(Cut(), **change))  # type: ignore


def test__text__modalities__are_told_where_there_are_any(tmp_path: Path) -> None:
    study = write_study(tmp_path, [toy_recording(f"p{i}", 2.0) for i in range(2)], name="spoken")
    assert "partners" not in printed(study)
    (first, second) = (entry["id"] for entry in study.entries)
    write_texts(
        tmp_path,
        [Text(first, 0.0, 2.0, "a person rests"), Text(second, 0.0, 2.0, "a person rests")],
    )
    write_modality(tmp_path, "pose", second, {"time_s": np.zeros(1)})
    assert "modalities: pose (1 of 2 recordings), text (all recordings)" in printed(study)
    assert (
        "Beside the signals: pose (1 of 2 recordings), text (all recordings)."
        in Page(study_page(study)).words
    )
