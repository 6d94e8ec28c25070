"""Ink for every figure: one palette that reads on paper and on a dark screen, and SVG that a page
can recolour.

A figure is drawn once, in the colours of the light page. In its SVG each of these colours becomes a
CSS variable with that colour as fallback, so that the page (or the file itself) decides between
light and dark when it is shown.
"""

from __future__ import annotations

import html
import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from otolith.core.errors import ConfigError
from otolith.core.files import atomic_path, write_text
from otolith.core.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Every colour is unique: it is also the name under which the SVG finds it again.
LIGHT = {
    "ink": "#1d2126",
    "muted": "#656d78",
    "rule": "#dfe2e6",
    "ground": "#fefefe",
    "on-accent": "#fdfefe",
    "accent": "#0d5ea6",
    "control": "#7a828c",
    "c0": "#0b66b3",
    "c1": "#bf4b12",
    "c2": "#08795c",
    "c3": "#8a4596",
    "c4": "#8f6300",
    "c5": "#b02a5b",
    "c6": "#4d6712",
    "c7": "#7a4a2b",
}
DARK = {
    "ink": "#e9ebee",
    "muted": "#a0a8b2",
    "rule": "#333a43",
    "ground": "#15181c",
    "on-accent": "#0e1a26",
    "accent": "#6db3f2",
    "control": "#959da7",
    "c0": "#64aff2",
    "c1": "#f79463",
    "c2": "#45c7a2",
    "c3": "#d59be0",
    "c4": "#e6b53e",
    "c5": "#f587ab",
    "c6": "#b3cc63",
    "c7": "#d3a582",
}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
WIDTH = 420.0
"""Width of a panel in its own units; a page column shows it at 0.85 to 1.3 times that in pixels."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "otolith",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11.0,
    "axes.edgecolor": LIGHT["rule"],
    "axes.labelcolor": LIGHT["muted"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.facecolor": "none",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.8,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a person or class may be called "$1"
    "xtick.color": LIGHT["rule"],
    "ytick.color": LIGHT["rule"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["muted"],
    "ytick.left": False,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
}


def colour_of(index: int) -> tuple[str, str]:
    """Colour and marker of the index-th thing; 64 differ, and neighbours differ in both."""
    return LIGHT[f"c{index % 8}"], MARKERS[(index + index // 8) % 8]


def method_style(methods: Iterable[str], control: str | None) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method; the control is grey in every figure."""
    others = itertools.count()
    return {
        m: (LIGHT["control"], "o") if m == control else colour_of(next(others)) for m in methods
    }


@contextmanager
def inked() -> Iterator[None]:
    """Draw in the project's manner; decorates every function that makes a figure."""
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Names in another script are measured with the wrong font here, but shown with the reader's
        # own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def panel(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Make an empty figure with one pair of axes; sizes are in points."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    return figure, figure.subplots()


@inked()
def inline_svg(figure: Figure, key: str, title: str, description: str) -> str:
    """Write a figure as an SVG element for a page; `key` makes its ids unique there.

    The same figure gives the same text, byte for byte.
    """
    text = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with warnings.catch_warnings():
        # Names too long for their figure: it is drawn without the fitting, and the table beside it
        # says the same.
        warnings.filterwarnings("ignore", message="constrained_layout not applied")
        figure.savefig(text, format="svg", metadata=nothing)
    # A name may hold characters that XML forbids, or that turn the direction of all that follows.
    box, body = _taken_apart(printable(text.getvalue(), 10**9))
    title, description = printable(title), printable(description)
    body = _own_ids(body, key)
    # Text inside the drawing is part of the picture for a screen reader: title and description
    # stand for all of it.
    return (
        f'<svg viewBox="{box}" role="img" aria-labelledby="{key}-title {key}-desc" class="figure">'
        f'<title id="{key}-title">{html.escape(title)}</title>'
        f'<desc id="{key}-desc">{html.escape(description)}</desc>{body}</svg>'
    )


@inked()
def save_figure(figure: Figure, path: Path, title: str, description: str) -> Path:
    """Write a figure to a file of its own: .svg follows the viewer's light or dark setting, .png is
    light.

    Raises ConfigError for any other ending.
    """
    path = Path(path)
    if path.suffix == ".png":
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=144, facecolor=LIGHT["ground"])
        return path
    if path.suffix != ".svg":
        raise ConfigError(
            f"A figure is written as .svg or .png, not as '{path.name}'. Name it {path.stem}.svg."
        )
    svg = inline_svg(figure, "figure", title, description)
    style = (
        f"<style>svg{{{css_variables(LIGHT)};background:var(--ground)}}"
        f"@media (prefers-color-scheme: dark){{svg{{{css_variables(DARK)}}}}}"
        "text{font-family:system-ui,sans-serif}</style>"
    )
    svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        "</desc>", f"</desc>{style}", 1
    )
    write_text(path, svg + "\n")
    return path


def css_variables(palette: dict[str, str]) -> str:
    """Write a palette as CSS custom properties."""
    return ";".join(f"--{name}:{colour}" for name, colour in palette.items())


def _taken_apart(text: str) -> tuple[str, str]:
    """Split matplotlib's document into its view box and what is drawn, in the palette's variables."""
    start = text.index("<svg")
    head_end = text.index(">", start)
    found = re.search(r'viewBox="([^"]+)"', text[start:head_end])
    assert found is not None, "matplotlib always writes a view box"
    body = text[head_end + 1 : text.rindex("</svg>")]
    body = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r">\s+<", "><", re.sub(r"<[^>]+>", _tag, body))
    return found.group(1), re.sub(r"<defs>\s*</defs>|<g></g>", "", body).strip()


def _tag(found: re.Match[str]) -> str:
    tag = found.group(0).replace("xlink:href", "href")
    tag = re.sub(r"(\d\.\d\d)\d+", r"\1", tag).replace("rotate(-0 ", "rotate(0 ")
    tag = re.sub(r' transform="rotate\(0 [^)]*\)"', "", tag)
    tag = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    for name, colour in LIGHT.items():
        tag = tag.replace(colour, f"var(--{name}, {colour})")
    return re.sub(r"\s+", " ", tag)


def _own_ids(body: str, key: str) -> str:
    """Drop the ids that nothing refers to, and number the rest behind the figure's key.

    matplotlib's own are hashes in which a clip's place in memory may have a part: they would differ
    from run to run.
    """
    used = dict.fromkeys(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))
    number = {name: f"{key}-{place}" for place, name in enumerate(used)}
    body = re.sub(
        r' id="([^"]+)"',
        lambda m: f' id="{number[m.group(1)]}"' if m.group(1) in number else "",
        body,
    )
    return re.sub(r'(url\(#|href="#)([^)"]+)', lambda m: m.group(1) + number[m.group(2)], body)
