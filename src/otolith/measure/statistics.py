"""The statistics of a benchmark's scores, and the only ones that this toolkit draws from them.

Subjects are the unit. The scores of one person over several draws of labels and seeds are averaged
first; means, standard errors and paired intervals are then taken over people, because draws and
folds of the same people are no independent evidence.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from otolith.core.errors import SplitError

FEW_PEOPLE = 6
SCORES = ("macro_f1", "accuracy", "balanced_accuracy")

Row = dict[str, Any]
"""An entry of results.json: a cell, a line of the summary, or the facts of a study."""
Shots = int | str
Key = tuple[str, str, Shots]
"""(study, method, shots): what one line of the summary speaks about."""
Cell = tuple[Any, Any, Any]
"""(seed, fold, draw): one of several tries at it."""


def shots_order(shots: Shots) -> float:
    """Sort key that puts "all" behind every number of labelled windows.

    >>> sorted(["all", 8, 1], key=shots_order)
    [1, 8, 'all']
    """
    return math.inf if shots == "all" else float(shots)


def person_scores(rows: Iterable[Row], score: str = "macro_f1") -> dict[Key, dict[str, float]]:
    """Return one score per person (0 to 1) for each study, method and shots.

    It is the average over draws and seeds. A person's macro-F1 counts the classes that occur in
    that person's windows or were predicted for them. Cells without a finite score are left out.

    >>> cell = {"study": "s", "method": "pim", "shots": 8}
    >>> draws = [
    ...     cell | {"draw": n, "per_subject": {"ann": {"macro_f1": x}}}
    ...     for n, x in enumerate((0.5, 0.7))
    ... ]
    >>> person_scores(draws)
    {('s', 'pim', 8): {'ann': 0.6}}
    """
    return {
        key: {person: _mean(cells.values()) for person, cells in people.items()}
        for key, people in cells_of_people(rows, score).items()
    }


def summarise(rows: Sequence[Row], control: str = "scratch") -> list[Row]:
    """Turn the scores of all cells into a line per study, method and shots.

    `macro_f1_mean` and `macro_f1_se` are over people (draws averaged first; se = sd / sqrt(people),
    ddof 1). `macro_f1_pooled_mean` and `_se` are over folds, each scored with the windows of its
    people pooled, as published tables often do. `versus` is the mean over people of method minus
    control, with a 95 % interval by Student's t; the control is `control` where it was run and the
    first method otherwise. Raises SplitError when a person stands on both sides.

    The interval regards people as independent. Those of one fold share a trained model, which it
    does not know about.

    >>> cell = {"study": "s", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
    >>> scores = {"pim": (0.8, 0.9, 0.7), "scratch": (0.5, 0.6, 0.5)}
    >>> rows = [
    ...     cell | {"method": m, "per_subject": {n: {"macro_f1": x} for n, x in enumerate(of)}}
    ...     for m, of in scores.items()
    ... ]
    >>> pim, scratch = summarise(rows)
    >>> round(pim["macro_f1_mean"], 2), round(pim["versus"]["difference"], 2), scratch["versus"]
    (0.8, 0.27, None)
    """
    _check_people(rows)
    cells = cells_of_people(rows, "macro_f1")
    people = {score: person_scores(rows, score) for score in SCORES}
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_key(row)].append(row)
    methods: dict[str, list[str]] = defaultdict(list)
    # In the order in which they were run, which is the order that a recipe gives.
    for study, method, _ in groups:
        if method not in methods[study]:
            methods[study].append(method)
    studies = list(methods)

    def place(key: Key) -> tuple[int, int, float]:
        return studies.index(key[0]), methods[key[0]].index(key[1]), shots_order(key[2])

    summary = []
    for key in sorted(groups, key=place):
        study, method, shots = key
        line: Row = {"method": method, "study": study, "shots": shots}
        for score in SCORES:
            of_people = list(people[score].get(key, {}).values())
            line[f"{score}_mean"], line[f"{score}_se"] = _mean_se(of_people)
        folds = _by_fold(groups[key])
        line["macro_f1_pooled_mean"], line["macro_f1_pooled_se"] = _mean_se(folds)
        line["people"] = len(cells.get(key, {}))
        for name in ("fold", "draw", "seed"):
            line[f"{name}s"] = len({row.get(name) for row in groups[key]})
        against = control if control in methods[study] else methods[study][0]
        # Paired cell by cell: the same fold and draw test and train on the same windows.
        other = cells.get((study, against, shots), {})
        line["versus"] = None if method == against else paired(against, cells.get(key, {}), other)
        line["notes"] = ["few people"] if line["people"] < FEW_PEOPLE else []
        summary.append(line)
    return summary


def cells_of_people(rows: Iterable[Row], score: str) -> dict[Key, dict[str, dict[Cell, float]]]:
    """Return the score of each person in each cell; of one that stands there twice, the later.

    >>> row = {"study": "s", "method": "pim", "shots": 8, "fold": 0, "draw": 2, "seed": 0}
    >>> people = cells_of_people([row | {"per_subject": {"ann": {"macro_f1": 0.5}}}], "macro_f1")
    >>> dict(people["s", "pim", 8])
    {'ann': {(0, 0, 2): 0.5}}
    """
    cells: dict[Key, dict[str, dict[Cell, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        for person, scores in (row.get("per_subject") or {}).items():
            if _finite(scores.get(score)):
                cells[_key(row)][str(person)][cell_of(row)] = float(scores[score])
    return cells


def paired(
    against: str, ours: Mapping[str, Mapping[Any, float]], theirs: Mapping[str, Mapping[Any, float]]
) -> Row | None:
    """Return the mean difference over people with its 95 % interval; None where nobody has both.

    ours, theirs: person -> cell -> score. Only cells that both methods have are compared.

    >>> paired("scratch", {"ann": {0: 0.75}, "bob": {0: 0.6}}, {"ann": {0: 0.5}})
    {'method': 'scratch', 'difference': 0.25, 'low': None, 'high': None, 'people': 1}
    """
    differences = []
    for person in sorted(ours.keys() & theirs.keys()):
        first, second = ours[person], theirs[person]
        # Sorted, as sets have no order and a sum of floats depends on it.
        both = sorted(first.keys() & second.keys(), key=str)
        if both:
            differences.append(_mean(first[cell] - second[cell] for cell in both))
    mean, se = _mean_se(differences)
    if mean is None:
        return None
    low = high = None
    if se is not None:
        from scipy.special import stdtrit  # the same quantile as scipy.stats.t, a second sooner

        # 97.5 % point: half of the 5 % lies on either side.
        half = float(stdtrit(len(differences) - 1, 0.975)) * se
        low, high = mean - half, mean + half
    people = len(differences)
    return {"method": against, "difference": mean, "low": low, "high": high, "people": people}


def cell_of(row: Row) -> Cell:
    """Return which of several tries a row is.

    >>> cell_of({"seed": 0, "fold": 1, "draw": 2, "macro_f1": 0.5})
    (0, 1, 2)
    """
    return (row.get("seed"), row.get("fold"), row.get("draw"))


def _key(row: Row) -> Key:
    return (row["study"], row["method"], row["shots"])


def _by_fold(rows: Iterable[Row]) -> list[float]:
    """The pooled macro-F1 of each fold, averaged over its draws and seeds."""
    folds: dict[Any, list[float]] = defaultdict(list)
    for row in rows:
        if _finite(row.get("macro_f1")):
            folds[row.get("fold")].append(float(row["macro_f1"]))
    return [_mean(scores) for scores in folds.values()]


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return math.fsum(held) / len(held)


def _mean_se(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and sd / sqrt(n); None stands for what so few values cannot say."""
    if not values:
        return None, None
    mean = _mean(values)
    if len(values) < 2:
        return mean, None
    # fsum: the order of the rows does not change the last digit.
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def _check_people(rows: Iterable[Row]) -> None:
    for row in rows:
        both = {*(row.get("train_subjects") or ())} & {*(row.get("test_subjects") or ())}
        if both:
            raise SplitError(
                f"{row['study']}, {row['method']}, fold {row.get('fold')}: "
                f"{', '.join(sorted(both))} stood on both sides, so this score says nothing about "
                "people never seen. Remove that cell and run it again."
            )
