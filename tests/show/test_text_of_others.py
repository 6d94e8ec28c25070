"""Names of others in figures and pages: no character that XML forbids, none that turns the
direction of writing."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from otolith.show.gates import write_gates
from otolith.show.pages import Drawing, Table, render


@pytest.mark.parametrize(
    "name", ["a\x00b", "a\x1b[31mb", "a\u202eb", "a\x07<b>&", "a\ufffeb", "caf\udce9"]
)
def test__figure_and_page__names_of_others__are_harmless_and_whole(
    name: str, tmp_path: Path
) -> None:
    _, figure = write_gates(np.array([[0.5, 0.5], [1.0, 0.0]]), [name, "b"], tmp_path)
    drawn = figure.read_text(encoding="utf-8")
    ElementTree.fromstring(drawn)
    table = Table([name], [[name, f"{name}\n{name}"]], name)
    shown = Drawing(name, "<svg></svg>", name, table)
    page = render("fidelity.html", name, sensors=table, compared=shown, fitted=table, notes=[name])
    for text in (drawn, page):
        assert not {"\x00", "\x1b", "\x07", "\u202e", "\ufffe", "\udce9"} & set(text)
    assert page.count("<b>") == 0
