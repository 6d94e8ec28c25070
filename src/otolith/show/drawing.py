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
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ConfigError
from otolith.core.files import atomic_path, write_text
from otolith.core.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Every colour is unique: it is also the name under which the SVG finds it again.
_PALETTE = {  # name: (light, dark)
    "ink": ("#1d2126", "#e9ebee"),
    "muted": ("#656d78", "#a0a8b2"),
    "rule": ("#dfe2e6", "#333a43"),
    "ground": ("#fefefe", "#15181c"),
    "on-accent": ("#fdfefe", "#0e1a26"),
    "accent": ("#0d5ea6", "#6db3f2"),
    "control": ("#7a828c", "#959da7"),
    "c0": ("#0b66b3", "#64aff2"),
    "c1": ("#bf4b12", "#f79463"),
    "c2": ("#08795c", "#45c7a2"),
    "c3": ("#8a4596", "#d59be0"),
    "c4": ("#8f6300", "#e6b53e"),
    "c5": ("#b02a5b", "#f587ab"),
    "c6": ("#4d6712", "#b3cc63"),
    "c7": ("#7a4a2b", "#d3a582"),
}
LIGHT = {name: light for name, (light, _) in _PALETTE.items()}
DARK = {name: dark for name, (_, dark) in _PALETTE.items()}
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
WIDTH = 420.0
"""Width of a panel in its own units; a page column shows it at 0.85 to 1.3 times that in pixels."""

_STYLE: dict[Any, Any] = {
    **dict.fromkeys(("axes.edgecolor", "grid.color", "xtick.color", "ytick.color"), LIGHT["rule"]),
    **dict.fromkeys(("axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), LIGHT["muted"]),
    **dict.fromkeys(("axes.facecolor", "figure.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys((f"axes.spines.{side}" for side in ("top", "right", "left")), False),
    **{"axes.axisbelow": True, "axes.grid": True, "grid.linewidth": 0.8, "ytick.left": False},
    **{"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 11.0},
    **{"legend.frameon": False, "legend.fontsize": 10.5},
    **{"lines.linewidth": 2.0, "lines.markersize": 6.0},
    **{"svg.fonttype": "none", "svg.hashsalt": "otolith"},
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a person or class may be called "$1"
}


def colour_of(index: int) -> tuple[str, str]:
    """Colour and marker of the index-th thing; 64 differ, and neighbours differ in both.

    >>> colour_of(0), colour_of(8)
    (('#0b66b3', 'o'), ('#0b66b3', 's'))
    """
    return LIGHT[f"c{index % 8}"], MARKERS[(index + index // 8) % 8]


def method_style(methods: Iterable[str], control: str | None) -> dict[str, tuple[str, str]]:
    """Colour and marker of each method; the control is grey in every figure.

    >>> method_style(["pim", "scratch"], control="scratch")
    {'pim': ('#0b66b3', 'o'), 'scratch': ('#7a828c', 'o')}
    """
    others = itertools.count()
    return {
        m: (LIGHT["control"], "o") if m == control else colour_of(next(others)) for m in methods
    }


@contextmanager
def inked() -> Iterator[None]:
    """Draw in the project's manner; decorates every function that makes a figure.

    >>> import matplotlib
    >>> with inked():
    ...     matplotlib.rcParams["axes.grid"]
    True
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # Names in another script are measured with the wrong font here, but shown with the reader's
        # own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def panel(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """Make an empty figure with one pair of axes; sizes are in points.

    >>> figure, axes = panel(height=144, width=288)
    >>> figure.get_size_inches().tolist()
    [4.0, 2.0]
    """
    figure, places = grid(1, 1, (width, height))
    return figure, places[0, 0]


def grid(
    rows: int,
    columns: int,
    size: tuple[float, float],
    share: tuple[bool, bool] = (False, False),
    heights: Sequence[float] | None = None,
) -> tuple[Figure, np.ndarray]:
    """Make an empty figure with rows and columns of axes.

    size: width and height in points. share: whether all have one x axis, and one y axis. heights:
    of the rows, in proportion to each other.

    >>> figure, places = grid(2, 3, (600, 200))
    >>> places.shape
    (2, 3)
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] / 72, size[1] / 72), layout="constrained")
    sharex, sharey = share
    return figure, figure.subplots(
        rows, columns, squeeze=False, sharex=sharex, sharey=sharey, height_ratios=heights
    )


def shaded(axes: Axes, shade: Float[np.ndarray, "R K"]) -> None:
    """Fill a table of cells, row 0 on top: the closer to 1, the darker; NaN stays empty.

    >>> figure, axes = panel(100)
    >>> shaded(axes, np.array([[1.0, 0.5], [np.nan, 0.1]]))
    >>> len(axes.patches)
    3
    """
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(np.isfinite(shade)):
        cell = Rectangle((column + 0.02, row + 0.02), 0.96, 0.96, color=LIGHT["accent"])
        cell.set(alpha=float(shade[row, column]), linewidth=0)
        axes.add_patch(cell)
    axes.set(xlim=(0, shade.shape[1]), ylim=(shade.shape[0], 0))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)


def name_cells(
    axes: Axes,
    rows: Sequence[str],
    columns: Sequence[str],
    sizes: tuple[float, float],
    turn: str = "",
) -> None:
    """Name the rows and columns of a table of cells, in two font sizes.

    turn: "left" or "right", the end at which slanted names of columns meet their column.

    >>> figure, axes = panel(100)
    >>> name_cells(axes, ["walking"], ["sitting", "standing"], (9, 9), turn="right")
    >>> [label.get_rotation() for label in axes.get_xticklabels()]
    [45.0, 45.0]
    """
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=sizes[0])
    slant: dict[str, Any] = {"rotation": 45, "ha": turn, "rotation_mode": "anchor"} if turn else {}
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, fontsize=sizes[1], **slant)


def short(name: object, most: int = 22) -> str:
    """Write a name with spaces for underscores, cut where it would push the drawing aside.

    >>> short("walking_upstairs"), short("a very long name indeed", 12)
    ('walking upstairs', 'a very long…')
    """
    text = str(name).replace("_", " ")
    return text if len(text) <= most else text[: most - 1] + "…"


@inked()
def inline_svg(figure: Figure, key: str, title: str, description: str) -> str:
    """Write a figure as an SVG element for a page; `key` makes its ids unique there.

    The same figure gives the same text, byte for byte.

    >>> figure, axes = panel(100)
    >>> svg = inline_svg(figure, "empty", "An empty figure", "Nothing is drawn.")
    >>> svg.startswith("<svg"), '<title id="empty-title">An empty figure</title>' in svg
    (True, True)
    """
    # Metadata would hold the date and make every page differ.
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

    >>> save_figure(panel(100)[0], Path("empty.svg"), "An empty figure", "Nothing.").name
    'empty.svg'
    >>> save_figure(panel(100)[0], Path("empty.gif"), "An empty figure", "Nothing.")
    Traceback (most recent call last):
    otolith.core.errors.ConfigError: A figure is written as .svg or .png, not as 'empty.gif'. ...
    """
    path = Path(path)
    if path.suffix == ".png":
        with atomic_path(path) as temporary:
            # A PNG cannot follow the viewer, so it is drawn on the light ground.
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
    """Write a palette as CSS custom properties.

    >>> css_variables({"ink": "#1d2126", "rule": "#dfe2e6"})
    '--ink:#1d2126;--rule:#dfe2e6'
    """
    return ";".join(f"--{name}:{colour}" for name, colour in palette.items())


def _taken_apart(text: str) -> tuple[str, str]:
    """Split matplotlib's document into its view box, and its drawing in the palette's variables."""
    start = text.index("<svg")
    head_end = text.index(">", start)
    box = re.search(r'viewBox="([^"]+)"', text[start:head_end])
    assert box is not None, "matplotlib always writes a view box"
    body = text[head_end + 1 : text.rindex("</svg>")]
    body = re.sub(r"<style[^>]*>.*?</style>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r">\s+<", "><", re.sub(r"<[^>]+>", _tag, body))
    return box.group(1), re.sub(r"<defs>\s*</defs>|<g></g>", "", body).strip()


def _tag(match: re.Match[str]) -> str:
    """Shorten numbers, leave the font to the page, and name the colours."""
    tag = match.group(0).replace("xlink:href", "href")
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
    refers = r'(url\(#|href="#)([^)"]+)'
    # In the order of the drawing, so that the same figure gets the same ids.
    used = dict.fromkeys(name for _, name in re.findall(refers, body))
    number = {name: f"{key}-{place}" for place, name in enumerate(used)}

    def renamed(match: re.Match[str]) -> str:
        name = match.group(1)
        return f' id="{number[name]}"' if name in number else ""

    body = re.sub(r' id="([^"]+)"', renamed, body)
    return re.sub(refers, lambda match: match.group(1) + number[match.group(2)], body)
