"""Who leads at each number of labels, and whom the people tested do not tell apart from the leader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from otolith.measure.statistics import (
    Cell,
    Key,
    Row,
    Shots,
    cells_of_people,
    paired,
    shots_order,
    summarise,
)

LEAST_PEOPLE = 3
"""Two people can agree by chance to the last digit, which makes an interval of no width: they prove
nothing."""


@dataclass(frozen=True)
class Standing:
    """The methods at one number of labels."""

    shots: Shots
    leader: Row
    """The summary's line of the method with the highest mean, of those that were tested on the most
    people."""
    level: tuple[str, ...]
    """Methods that no 95 % interval over people puts below the leader."""
    behind: tuple[str, ...]
    """Methods that an interval puts below the leader."""

    @property
    def best(self) -> str | None:
        """The method that is above every other one by an interval; None where there is none."""
        return str(self.leader["method"]) if self.behind and not self.level else None


class Curves:
    """The scores of one study over all numbers of labels, and what each method is worth beside each
    other one."""

    def __init__(self, rows: Sequence[Row], study: str) -> None:
        own = [row for row in rows if row["study"] == study]
        self.study, self.lines = (
            study,
            [line for line in summarise(own) if line["macro_f1_mean"] is not None],
        )
        self.methods: list[str] = list(dict.fromkeys(line["method"] for line in self.lines))
        self.shots: list[Shots] = sorted({line["shots"] for line in self.lines}, key=shots_order)
        self._cells: dict[Key, dict[str, dict[Cell, float]]] = cells_of_people(own, "macro_f1")

    def at(self, method: str, shots: Shots) -> Row | None:
        """Return the summary's line of a method at a number of labels, where it has a score."""
        return next((x for x in self.lines if (x["method"], x["shots"]) == (method, shots)), None)

    def versus(self, method: str, other: str, shots: Shots) -> Row | None:
        """Return how far a method is above another one, paired by person; None where no person has
        both."""
        ours, theirs = (self._cells.get((self.study, name, shots), {}) for name in (method, other))
        return paired(other, ours, theirs)

    def standings(self) -> list[Standing]:
        """Return who leads at each number of labels, fewest labels first."""
        out = []
        for shots in self.shots:
            held = [line for line in self.lines if line["shots"] == shots]
            most = max(line["people"] for line in held)
            leader = max(
                (line for line in held if line["people"] == most),
                key=lambda line: line["macro_f1_mean"],
            )
            others = [line["method"] for line in held if line is not leader]
            behind = tuple(
                name for name in others if sign(self.versus(name, leader["method"], shots)) < 0
            )
            out.append(
                Standing(
                    shots, leader, tuple(name for name in others if name not in behind), behind
                )
            )
        return out

    def below_everywhere(self, method: str) -> list[str]:
        """Return the methods that a method is below, by an interval, at every number of labels it
        was tested at."""
        own = [shots for shots in self.shots if self.at(method, shots)]
        return [
            other
            for other in self.methods
            if other != method and all(sign(self.versus(method, other, shots)) < 0 for shots in own)
        ]


def sign(versus: dict[str, Any] | None) -> int:
    """Return 1 or -1 where a paired interval lies above or below 0, and 0 where it says neither."""
    if versus is None or versus["low"] is None or versus["people"] < LEAST_PEOPLE:
        return 0
    return int(versus["low"] > 0) - int(versus["high"] < 0)
