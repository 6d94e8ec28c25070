"""Figures that stand on their own: a recognised timeline and the losses of a training."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from otolith.core.errors import ConfigError
from otolith.show.drawing import DARK, LIGHT, colour_of, method_style, short
from otolith.show.figures import _apart, loss_figure
from otolith.show.timeline_figure import timeline_figure


def contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test__palette__text_colours__read_on_their_ground() -> None:
    for palette in (LIGHT, DARK):
        assert palette.keys() == LIGHT.keys()
        assert len(set(palette.values())) == len(palette)
        for name in ("ink", "muted", "accent", *(f"c{n}" for n in range(8))):
            assert contrast(palette[name], palette["ground"]) >= 4.5, name
        assert contrast(palette["control"], palette["ground"]) >= 3.0
        assert contrast(palette["on-accent"], palette["accent"]) >= 4.5


def test__colour_of__many_things__differ_in_colour_or_mark() -> None:
    assert len({colour_of(n) for n in range(64)}) == 64
    assert method_style(["a", "scratch", "b"], "scratch")["b"] == colour_of(1)


def test__timeline__two_labels_and_a_gap__names_them_in_blocks(tmp_path: Path) -> None:
    start = np.array([0.0, 1.0, 2.0, 10.0])
    probability = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    path = timeline_figure(
        start, start + 2.0, probability, ["walk", "sit_&_rest"], tmp_path / "t.svg"
    )
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"walk", "sit & rest", "seconds"} <= set(words)
    assert "4 windows from 0.0 to 12.0 seconds." in text
    assert "prefers-color-scheme: dark" in text
    # Both have a place in the legend and the stack; in the band walking is one block, sitting two
    # with a gap between.
    assert text.count("fill: var(--c1") == text.count("fill: var(--c0") + 1


def test__timeline__half_of_the_time_without_windows__half_of_the_picture_is_empty(
    tmp_path: Path,
) -> None:
    from matplotlib.image import imread

    def coloured(start: list[float]) -> int:
        at = np.array(start)
        picture = imread(
            timeline_figure(at, at + 1, np.ones((len(at), 1)), ["walk"], tmp_path / "t.png")
        )
        blue = np.array([int(LIGHT["c0"][i : i + 2], 16) for i in (1, 3, 5)]) / 255
        return int(np.isclose(picture[..., :3], blue, atol=1 / 255).all(axis=-1).sum())

    assert coloured([0.0, 3.0]) / coloured([0.0, 1.0, 2.0, 3.0]) == pytest.approx(0.5, abs=0.01)


def test__timeline__unsorted_windows__same_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    start, probability = np.arange(30.0), rng.dirichlet(np.ones(12), 30)
    order = rng.permutation(30)
    names = [f"class {n}" for n in range(12)]
    one = timeline_figure(start, start + 1, probability, names, tmp_path / "one.svg").read_bytes()
    two = timeline_figure(
        start[order], start[order] + 1, probability[order], names, tmp_path / "two.svg"
    ).read_bytes()
    assert one == two


@pytest.mark.parametrize("count", [2, 7, 8, 9, 12, 21, 40])
def test__timeline__any_number_of_classes__names_and_draws_each(count: int, tmp_path: Path) -> None:
    start = np.arange(float(count))
    probability = np.full((count, count), 0.2 / count) + 0.8 * np.eye(count)
    names = [f"activity_number_{n}" for n in range(count)]
    text = timeline_figure(start, start + 1, probability, names, tmp_path / "t.svg").read_text(
        encoding="utf-8"
    )
    words = [e.text for e in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert [word for word in words if word and word.startswith("activity")] == [
        n.replace("_", " ") for n in names
    ]
    # Each has its probabilities and, once, the label; in a stack also a place in the legend.
    for number in range(min(count, 8)):
        assert text.count(f"fill: var(--c{number}") >= 2 * len(range(number, count, 8))


def test__timeline__two_days_of_windows__stays_small(tmp_path: Path) -> None:
    start = np.arange(0.0, 172_800.0, 2.5)
    probability = np.tile([[0.6, 0.4]], (len(start), 1))
    path = timeline_figure(start, start + 5, probability, ["a", "b"], tmp_path / "long.svg")
    assert path.stat().st_size < 2_000_000
    many = np.random.default_rng(0).dirichlet(np.ones(27), len(start))
    path = timeline_figure(
        start, start + 5, many, [str(n) for n in range(27)], tmp_path / "many.svg"
    )
    assert path.stat().st_size < 2_000_000


def test__timeline__odd_shapes_or_ending__say_what_was_found(tmp_path: Path) -> None:
    one = np.zeros(1)
    with pytest.raises(ConfigError, match=r"probabilities of shape \(1, 3\)"):
        timeline_figure(one, one + 1, np.ones((1, 3)), ["a", "b"], tmp_path / "t.svg")
    with pytest.raises(ConfigError, match="one or more windows"):
        timeline_figure(np.zeros(0), np.zeros(0), np.ones((0, 2)), ["a", "b"], tmp_path / "t.svg")
    with pytest.raises(ConfigError, match=r"t\.svg"):
        timeline_figure(one, one + 1, np.ones((1, 1)), ["a"], tmp_path / "t.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "rows",
    [
        [
            {
                "epoch": 1,
                "train_total": 1.0,
                "validation_total": 1.2,
                "train_speed": 0.5,
                "validation_speed": "",
            }
        ],
        [
            {"epoch": "1", "term": "total", "train": "1.0", "validation": "1.2"},
            {"epoch": 1, "term": "speed", "train": 0.5},
        ],
    ],
)
def test__loss_figure__wide_or_long_rows__a_panel_per_term(
    tmp_path: Path, rows: list[dict[str, object]]
) -> None:
    text = loss_figure(rows, tmp_path / "loss.svg").read_text(encoding="utf-8")
    assert "per epoch: total, speed." in text
    assert {"training", "validation", "epoch"} <= set(re.findall(r">([a-z]+)</text>", text))


def test__loss_figure__png__is_a_picture(tmp_path: Path) -> None:
    path = loss_figure(
        [{"epoch": n, "train": 1 / (n + 1), "validation": None} for n in range(5)],
        tmp_path / "loss.png",
    )
    assert path.read_bytes().startswith(b"\x89PNG")


def test__loss_figure__no_losses__says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No losses"):
        loss_figure([{"epoch": 1}], tmp_path / "loss.svg")


def test__short__long_name__is_cut_with_a_sign() -> None:
    assert short("walking_upstairs") == "walking upstairs"
    assert len(short("x" * 80)) == 22


def test__end_labels__crowds__stay_in_order_and_near_their_curves() -> None:
    assert _apart([1.0, 5.0, 9.0], 2.0) == [1.0, 5.0, 9.0]
    assert _apart([4.0, 4.0, 20.0], 2.0) == [3.0, 5.0, 20.0]
    # The middle pair, once apart, would touch the first: all three share their centre, 4.
    assert _apart([3.0, 4.0, 5.0], 2.0) == [2.0, 4.0, 6.0]
