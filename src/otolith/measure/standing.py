"""Who leads at each number of labels, and which methods are level with the leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otolith.measure.statistics import Row, Shots, cells_of_people, paired, summarise
from otolith.measure.tables import methods_of, shots_of

LEAST_PEOPLE = 3
"""Two people can agree by chance to the last digit, which makes an interval of no width: they prove
nothing."""


@dataclass(frozen=True)
class Standing:
    """The methods at one number of labels."""

    shots: Shots
    leader: Row
    """The summary's line of the highest mean, among methods tested on the most people."""
    level: tuple[str, ...]
    """Methods that no 95 % interval over people puts below the leader."""
    behind: tuple[str, ...]
    """Methods that an interval puts below the leader."""

    @property
    def best(self) -> str | None:
        """The method that is above every other one by an interval; None where there is none."""
        return str(self.leader["method"]) if self.behind and not self.level else None


class Curves:
    """The scores of one study over all numbers of labels, comparable between any two methods.

    >>> cell = {"study": "s", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    >>> scores = {"pim": (0.8, 0.9, 0.7), "scratch": (0.5, 0.6, 0.5)}
    >>> rows = [
    ...     cell | {"method": m, "per_subject": {n: {"macro_f1": x} for n, x in enumerate(of)}}
    ...     for m, of in scores.items()
    ... ]
    >>> curves = Curves(rows, "s")
    >>> curves.standings()[0].leader["method"], curves.below_everywhere("scratch")
    ('pim', ['pim'])
    """

    def __init__(self, rows: Sequence[Row], study: str) -> None:
        here = [row for row in rows if row["study"] == study]
        self.study = study
        self.lines = [line for line in summarise(here) if line["macro_f1_mean"] is not None]
        self.methods, self.shots = methods_of(self.lines), shots_of(self.lines)
        self._cells = cells_of_people(here, "macro_f1")

    def at(self, method: str, shots: Shots) -> Row | None:
        """Return the summary's line of a method at a number of labels, where it has a score."""
        return next((x for x in self.lines if (x["method"], x["shots"]) == (method, shots)), None)

    def versus(self, method: str, other: str, shots: Shots) -> Row | None:
        """Return how far a method is above another, paired by person; else None."""
        ours, theirs = (self._cells.get((self.study, name, shots), {}) for name in (method, other))
        return paired(other, ours, theirs)

    def standings(self) -> list[Standing]:
        """Return who leads at each number of labels, fewest labels first."""
        standings = []
        for shots in self.shots:
            # Somebody tested on few people may be highest by luck, so only the most tested ones
            # lead.
            leader = highest_of(self.lines, shots)
            assert leader is not None, "every line here has a score"
            groups: dict[bool, list[str]] = {True: [], False: []}
            for line in self.lines:
                if line["shots"] == shots and line is not leader:
                    below = sign(self.versus(line["method"], leader["method"], shots)) < 0
                    groups[below].append(line["method"])
            standings.append(Standing(shots, leader, tuple(groups[False]), tuple(groups[True])))
        return standings

    def below_everywhere(self, method: str) -> list[str]:
        """Return the methods that this one is below, by an interval, wherever it was tested."""
        tested = [shots for shots in self.shots if self.at(method, shots)]
        return [
            other
            for other in self.methods
            if other != method and all(sign(self.versus(method, other, k)) < 0 for k in tested)
        ]


def highest_of(lines: Sequence[Row], shots: Shots | None) -> Row | None:
    """Return the line with the highest score per person, among methods tested on the most people.

    Highest is not best: see `Standing.best`.

    >>> few = {"method": "pim", "shots": 8, "people": 3, "macro_f1_mean": 0.9}
    >>> many = {"method": "forest", "people": 9, "macro_f1_mean": 0.7}
    >>> highest_of([few, few | many], 8)["method"]
    'forest'
    """
    scored = [x for x in lines if x["shots"] == shots and x["macro_f1_mean"] is not None]
    return max(scored, key=lambda line: (line["people"], line["macro_f1_mean"]), default=None)


def sign(versus: Row | None) -> int:
    """Return 1 or -1 where a paired interval lies above or below 0, and 0 where it says neither.

    >>> sign({"low": 0.01, "high": 0.2, "people": 8}), sign({"low": -0.1, "high": 0.2, "people": 8})
    (1, 0)
    """
    if versus is None or versus["low"] is None or versus["people"] < LEAST_PEOPLE:
        return 0
    # Both ends on one side of 0; an interval that touches 0 decides nothing.
    return int(versus["low"] > 0) - int(versus["high"] < 0)
