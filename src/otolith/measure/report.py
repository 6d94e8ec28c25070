"""Report: what a benchmark found, how it was made, and its tables (`otolith.measure.statistics` has
the statistics)."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from otolith.core.errors import DataError, OtolithError, ReadError
from otolith.core.files import file_digest, read_json, seal_holds, write_sealed, write_text
from otolith.core.sheets import sheet_of
from otolith.measure.statistics import (
    FEW_PEOPLE,
    SCORES,
    Row,
    cell_of,
    cells_of_people,
    person_scores,
    shots_order,
    summarise,
)

FORMAT = 2
FILES = "files"
"""The key under which results.json holds the checksums of the files beside it."""
READ_FORMATS = (1, 2)
"""Form 1 had no hash of its content, by which a changed file is known; all else is alike."""


@contextmanager
def as_written() -> Iterator[None]:
    """Raise ReadError where results hold something that no benchmark writes, whatever it leads
    into."""
    try:
        yield
    except OtolithError:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ReadError(
            f"These results hold something that no benchmark writes ({type(error).__name__}: "
            f"{error}). Copy them again "
            "from where they were made, or type the benchmark's command again."
        ) from error


@dataclass(frozen=True, kw_only=True)
class Report:
    """Scores per person, fold, draw and class of the methods that were compared, and how to repeat
    them."""

    command: str = ""
    """What was typed."""
    created: str = ""
    """When, in ISO form."""
    seed: int = 0
    version: str = ""
    commit: str | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    """platform, processor, cores, threads, device, precision."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of Python and of the libraries that decide the numbers."""
    studies: list[dict[str, Any]] = field(default_factory=list)
    """What was measured or simulated: people, classes, windows kept and dropped."""
    folds: dict[str, list[list[str]]] = field(default_factory=dict)
    """Per study, the people who were tested in each fold."""
    planned: dict[str, list[Any]] = field(default_factory=dict)
    """What was asked for (methods, shots), so that an unfinished report can name what it lacks."""
    rows: list[Row] = field(default_factory=list)
    """One entry per study, method, shots, seed, fold and draw; scores from 0 to 1."""
    failed: list[Row] = field(default_factory=list)
    """One entry per fold without a result: study, method, seed, fold, and why it failed."""
    losses: list[Row] = field(default_factory=list)
    embedding: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def summary(self) -> list[Row]:
        """Means, standard errors and paired differences over people, worked out from `rows` each
        time."""
        with as_written():
            return summarise(self.rows)

    @property
    def simulated(self) -> list[str]:
        """The studies that were simulated and not measured."""
        return [str(s.get("name")) for s in self.studies if s.get("origin") == "simulated"]

    def all_notes(self) -> list[str]:
        """The notes of the run and of its cells, each once, with how many cells had it."""
        said = Counter(
            f"{row['study']}, {row['method']}: {note}"
            for row in self.rows
            for note in row.get("notes") or ()
        )
        cells = [note if n == 1 else f"{note} ({n} cells)" for note, n in said.items()]
        return [*self.notes, *cells]

    def study_names(self) -> list[str]:
        """Name the studies, in the order in which they were given."""
        return list(
            dict.fromkeys(
                [*(str(s.get("name", "")) for s in self.studies), *(r["study"] for r in self.rows)]
            )
        )

    def table(self) -> str:
        """Write the few-shot table as plain text: method by shots, mean ± standard error, in
        percent."""
        with as_written():
            return "\n".join(
                line for study in self.study_names() for line in _table_of(self, study)
            )

    def missing(self) -> list[str]:
        """Say in words which cells were planned and are not there, for a run that was stopped half
        way."""
        with as_written():
            return missing(self)

    def to_dict(self) -> dict[str, Any]:
        """Give the content of results.json."""
        content: dict[str, Any] = {"otolith_results": FORMAT}
        content |= {f.name: getattr(self, f.name) for f in fields(self)}
        content["summary"] = self.summary
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Report:
        """Take the content of results.json; its summary is worked out again from the rows.

        Raises ReadError when this is not a report, or one of a newer form.
        """
        if content.get("otolith_results") not in READ_FORMATS:
            raise ReadError(
                f"These are not benchmark results of form {FORMAT} or older: 'otolith_results' is "
                f"{content.get('otolith_results')!r}. Pass the folder that `otolith benchmark "
                f"--out` wrote, "
                "or run the benchmark again with this version."
            )
        blank = cls()
        for name, value in content.items():
            held = getattr(blank, name, None) if name in {f.name for f in fields(cls)} else None
            if value is not None and held is not None and (type(value) is not type(held)):
                kind = type(held).__name__
                raise ReadError(
                    f"'{name}' of these results is no {kind}: {value!r:.200}. Run the benchmark "
                    f"again."
                )
        for row in content.get("rows") or ():
            if (
                not isinstance(row, dict)
                or not {"study", "method", "shots", "fold", "draw"} <= row.keys()
            ):
                raise ReadError(
                    f"A row of these results names no study, method, shots, fold and draw: "
                    f"{row!r:.200}"
                )
            _refuse_odd_row(row)
        known = {f.name for f in fields(cls)}
        return cls(
            **{key: value for key, value in content.items() if key in known and value is not None}
        )

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Report:
        """Read a report from the folder (or the results.json) that a benchmark wrote.

        Raises ReadError when the file is absent, truncated, changed since it was written, or not a
        report.
        """
        path = Path(folder)
        path = path / "results.json" if path.is_dir() else path
        if not path.exists():
            raise ReadError(
                f"No results at {path}. Pass the folder given to `otolith benchmark --out`, or run "
                f"it first."
            )
        content = read_json(path)
        if not isinstance(content, dict):
            raise ReadError(
                f"{path} holds a {type(content).__name__}, not benchmark results. Pass a "
                f"benchmark's folder."
            )
        whole = seal_holds(content)
        if whole is False or (whole is None and content.get("otolith_results") == FORMAT):
            raise ReadError(
                f"{path} is not as the benchmark wrote it: its content does not have the hash that "
                f"it names. Copy it "
                "again from where it was made, or type the benchmark's command again, which makes "
                "it from the "
                "finished cells."
            )
        return cls.from_dict(content)

    def save(self, folder: str | os.PathLike[str], beside: Mapping[str, str] | None = None) -> Path:
        """Write results.csv (a line per cell), people.csv (a line per person), then results.json;
        return the folder.

        Each file appears under its name only when it is whole. results.json holds the checksums of
        the others, and of what else is to lie `beside` them, by name.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        tables = {
            "results.csv": sheet_of(map(_flat, self.rows)),
            "people.csv": sheet_of(_people(self.rows)),
        }
        written = {**tables, **(beside or {})}
        for name, text in written.items():
            write_text(target / name, text)
        files = {
            name: {"sha256": file_digest(target / name), "bytes": (target / name).stat().st_size}
            for name in written
        }
        write_sealed(target / "results.json", _plain(self.to_dict() | {FILES: files}))
        return target


def _refuse_odd_row(row: Row) -> None:
    """Raise ReadError where a row, edited by hand, holds what its column cannot."""
    numbers = [row["fold"], row["draw"], *([] if row["shots"] == "all" else [row["shots"]])]
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in numbers)
    named = isinstance(row["study"], str) and isinstance(row["method"], str)
    people = row.get("per_subject") or {}
    scores = [row.get(score) for score in SCORES]
    if isinstance(people, dict) and all(isinstance(person, dict) for person in people.values()):
        scores += [person.get(score) for person in people.values() for score in SCORES]
    else:
        named = False
    if (
        not whole
        or not named
        or not all(score is None or isinstance(score, int | float) for score in scores)
    ):
        raise ReadError(
            f"A row of these results was changed into what cannot be: {row!r:.200}. Run the "
            f"benchmark again."
        )


def study_facts(report: Report, study: str) -> Row:
    """Give what a report holds of one study: classes, people, windows; nothing where it holds
    nothing."""
    return next((facts for facts in report.studies if facts.get("name") == study), {})


def missing(report: Report) -> list[str]:
    """Say in words which cells of a report are not there; an empty list means that it is complete."""
    sentences = []
    for study in report.study_names():
        rows = [row for row in report.rows if row["study"] == study]
        methods = list(
            dict.fromkeys([*report.planned.get("methods", []), *(row["method"] for row in rows)])
        )
        every_shots = {*report.planned.get("shots", []), *(row["shots"] for row in rows)}
        folds = (
            range(len(report.folds[study]))
            if report.folds.get(study)
            else sorted({row["fold"] for row in rows})
        )
        draws = {
            shots: {row["draw"] for row in rows if row["shots"] == shots} for shots in every_shots
        }
        done = {(row["method"], row["shots"], cell_of(row)) for row in rows}
        planned = range(report.seed, report.seed + sum(report.planned.get("seeds", [])))
        seeds = sorted({*planned, *(row.get("seed") for row in rows)}, key=str) or [report.seed]
        for method in methods:
            for shots in sorted(every_shots, key=shots_order):
                # Draws beyond the first are known only from a method that has them; an unseen cell
                # counts as one.
                wanted = [
                    (seed, fold, draw)
                    for seed in seeds
                    for fold in folds
                    for draw in draws[shots] or {0}
                ]
                absent = sum((method, shots, cell) not in done for cell in wanted)
                if absent:
                    what = "all labels" if shots == "all" else f"{shots} per class"
                    of = f"{len(wanted)} cells ({'seed × ' * (len(seeds) > 1)}fold × draw)"
                    sentences.append(f"{study}: {method} at {what} lacks {absent} of {of}.")
    return sentences


def percent(mean: float | None, se: float | None) -> str:
    """Write a score as percent with its standard error: "82.1 ± 1.3"; "–" where there is none."""
    if mean is None:
        return "–"
    return f"{100 * mean:.1f} ± " + ("–" if se is None else f"{100 * se:.1f}")


def interval(versus: Mapping[str, Any] | None) -> str:
    """Write a paired difference in points with its 95 % interval: "+4.2 [1.0, 7.4]"."""
    if versus is None:
        return "–"
    low, high = versus.get("low"), versus.get("high")
    span = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * versus['difference']:+.1f}{span}"


def _table_of(report: Report, study: str) -> Iterable[str]:
    lines = [line for line in report.summary if line["study"] == study]
    yield f"{study}{' (simulated data)' if study_facts(report, study).get('origin') == 'simulated' else ''}"
    if not lines:
        yield from ("  nothing finished yet", "")
        return
    people, folds = max(line["people"] for line in lines), max(line["folds"] for line in lines)
    against = next((line["versus"]["method"] for line in lines if line["versus"]), None)

    def own(line: Row) -> str:
        few = f" ({line['people']})" if line["people"] < people else ""
        return percent(line["macro_f1_mean"], line["macro_f1_se"]) + few

    def pooled(line: Row) -> str:
        return percent(line["macro_f1_pooled_mean"], line["macro_f1_pooled_se"])

    def above(line: Row) -> str:
        return interval(line["versus"])

    blocks: list[tuple[str, Callable[[Row], str]]] = [
        (f"macro-F1 in %, per person: mean ± standard error over {people} people", own),
        (
            f"macro-F1 in %, people of a fold pooled: mean ± standard error over {folds} folds",
            pooled,
        ),
    ]
    if against is not None:
        blocks.append((f"points above {against}, paired by person [95 % interval]", above))
    methods = list(dict.fromkeys(line["method"] for line in lines))
    shots = sorted({line["shots"] for line in lines}, key=shots_order)
    for title, write in blocks:
        cells = {(line["method"], line["shots"]): write(line) for line in lines}
        grid = [["labels per class", *map(str, shots)]]
        grid += [
            [m, *(cells.get((m, k), "–") for k in shots)]
            for m in methods
            if write is not above or m != against
        ]
        widths = [max(len(row[i]) for row in grid) for i in range(len(grid[0]))]
        yield f"  {title}"
        for row in grid:
            columns = [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
            yield "    " + "  ".join(columns)
    if any(line["people"] < people for line in lines):
        yield f"  (n): only n of the {people} people so far; not to be compared with the rest"
    if people < FEW_PEOPLE:
        yield f"  few people ({people}): a standard error over so few says little"
    yield ""


def _flat(row: Row) -> Row:
    flat = {key: value for key, value in row.items() if key not in ("per_subject", "confusion")}
    for key in ("train_subjects", "test_subjects", "notes"):
        if key in flat:
            flat[key] = ";".join(map(str, flat[key] or ()))
    return flat


def _people(rows: Sequence[Row]) -> Iterable[Row]:
    """The table under every mean: a spreadsheet's AVERAGE and STDEV / SQRT(n) over it give the
    published figures."""
    scores = {score: person_scores(rows, score) for score in SCORES}
    cells = cells_of_people(rows, "macro_f1")
    for key, people in cells.items():
        for person, draws in people.items():
            line: Row = {
                "study": key[0],
                "method": key[1],
                "shots": key[2],
                "subject": person,
                "draws": len(draws),
            }
            yield line | {score: scores[score].get(key, {}).get(person) for score in SCORES}


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor numpy: NaN becomes null, arrays become lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise DataError(
        f"results.json cannot hold a {type(value).__name__} ({value!r}). Pass numbers, text, lists "
        f"or dicts."
    )
