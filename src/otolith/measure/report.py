"""A report: the scores of a benchmark, how they were made, and the files that hold them."""

from __future__ import annotations

import functools
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, get_type_hints

from typing_extensions import override

from otolith.core.errors import DataError, OtolithError, ReadError
from otolith.core.files import file_digest, read_json, seal_holds, write_sealed, write_text
from otolith.core.frames import frame, html_table
from otolith.core.sheets import sheet_of
from otolith.core.text import count
from otolith.measure.statistics import (
    SCORES,
    Cell,
    Row,
    Shots,
    cell_of,
    cells_of_people,
    person_scores,
    shots_order,
    summarise,
)
from otolith.measure.tables import percent, text_table

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import TypeAdapter

FORMAT = 2
FILES = "files"
"""The key under which results.json holds the checksums of the files beside it."""
_CELL = ("study", "method", "shots", "seed", "fold", "draw")
READ_FORMATS = (1, 2)
"""Form 1 had no hash of its content, by which a changed file is known; all else is alike."""


@contextmanager
def as_written() -> Iterator[None]:
    """Raise ReadError for any error that content which no benchmark writes leads into.

    >>> with as_written():
    ...     {}["rows"]
    Traceback (most recent call last):
    otolith.core.errors.ReadError: These results hold something that no benchmark writes (...
    """
    try:
        yield
    except OtolithError:
        raise
    except (
        *(LookupError, TypeError, ValueError, AttributeError),
        *(ArithmeticError, RecursionError),
    ) as error:
        raise ReadError(
            f"These results hold something that no benchmark writes ({type(error).__name__}: "
            f"{error}). Copy them again from where they were made, or type the benchmark's command "
            "again."
        ) from error


@dataclass(frozen=True, kw_only=True, repr=False)
class Report:
    """Scores per person, fold, draw and class of the compared methods, and how to repeat them.

    >>> Report(rows=[{"study": "s", "method": "pim", "shots": 8, "fold": 0, "draw": 0}])
    Report(1 cell of 1 method on s)
    """

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
    """Methods and shots that were asked for, by which an unfinished report names what it lacks."""
    rows: list[Row] = field(default_factory=list)
    """One entry per study, method, shots, seed, fold and draw; scores from 0 to 1."""
    failed: list[Row] = field(default_factory=list)
    """One entry per fold without a result: study, method, seed, fold, and why it failed."""
    losses: list[Row] = field(default_factory=list)
    embedding: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @override
    def __repr__(self) -> str:
        methods = len({row.get("method") for row in self.rows})
        on = ", ".join(self.study_names()) or "no study"
        cells, of = count(len(self.rows), "cell"), count(methods, "method")
        return f"Report({cells} of {of} on {on:.200})"

    def _repr_html_(self) -> str:
        """The scores at each number of labels, in percent."""
        lines = self.summary
        facts = {
            f"{line['study']}: {line['method']}, {line['shots']} labels per class": percent(
                line["macro_f1_mean"], line["macro_f1_se"]
            )
            for line in lines
        }
        return html_table(f"Macro-F1 in %, per person. {self!r}", facts)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row per person and cell, and the person's scores.

        Raises ConfigError where pandas is not installed.
        """
        people = [
            {**{name: row.get(name) for name in _CELL}, "subject": person, **scores}
            for row in self.rows
            for person, scores in (row.get("per_subject") or {}).items()
        ]
        return frame(
            {name: [line.get(name) for line in people] for name in (*_CELL, "subject", *SCORES)}
        )

    @property
    def summary(self) -> list[Row]:
        """Means, standard errors and paired differences over people, computed from `rows`."""
        with as_written():
            return summarise(self.rows)

    @property
    def simulated(self) -> list[str]:
        """The studies that were simulated and not measured."""
        return [str(s.get("name")) for s in self.studies if s.get("origin") == "simulated"]

    def all_notes(self) -> list[str]:
        """The notes of the run and of its cells, each once, with how many cells had it.

        >>> row = {"study": "s", "method": "pim", "notes": ["few windows"]}
        >>> Report(rows=[row, row], notes=["one fold"]).all_notes()
        ['one fold', 's, pim: few windows (2 cells)']
        """
        counts = Counter(
            f"{row['study']}, {row['method']}: {note}"
            for row in self.rows
            for note in row.get("notes") or ()
        )
        cells = [note if n == 1 else f"{note} ({n} cells)" for note, n in counts.items()]
        return [*self.notes, *cells]

    def study_names(self) -> list[str]:
        """Name the studies, in the order in which they were given."""
        names = [*(str(s.get("name", "")) for s in self.studies), *(r["study"] for r in self.rows)]
        return list(dict.fromkeys(names))

    def table(self) -> str:
        """Write the scores as text: method by shots, mean ± standard error, in percent."""
        with as_written():
            parts: list[str] = []
            for study in self.study_names():
                lines = [line for line in self.summary if line["study"] == study]
                name = f"{study} (simulated data)" if study in self.simulated else study
                parts += text_table(lines, name)
            return "\n".join(parts)

    def missing(self) -> list[str]:
        """Say which planned cells are not there; an empty list means that the run is complete.

        >>> row = {"study": "s", "method": "pim", "shots": 8, "fold": 0, "draw": 0, "seed": 0}
        >>> Report(rows=[row], folds={"s": [["ann"], ["bob"]]}).missing()
        ['s: pim at 8 per class lacks 1 of 2 cells (fold × draw).']
        """
        with as_written():
            return [sentence for name in self.study_names() for sentence in _missing(self, name)]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of results.json."""
        # The summary is written for readers of the JSON; `from_dict` computes it again, so that it
        # cannot contradict the rows.
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"otolith_results": FORMAT, **content, "summary": self.summary}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Report:
        """Take the content of results.json; its summary is computed again from the rows.

        Raises ReadError when this is not a report, or one of a newer form.
        """
        if content.get("otolith_results") not in READ_FORMATS:
            raise ReadError(
                f"These are not benchmark results of form {FORMAT} or older: 'otolith_results' is "
                f"{content.get('otolith_results')!r}. Pass the folder that `otolith benchmark "
                "--out` wrote, or run the benchmark again with this version."
            )
        known = {f.name for f in fields(cls)}
        given = {k: value for k, value in content.items() if k in known and value is not None}
        # Before anything is computed: an edited value would fail far from where it stands.
        _refuse_odd(given)
        return cls(**given)

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
                "it first."
            )
        content = read_json(path)
        if not isinstance(content, dict):
            raise ReadError(f"{path} is not a benchmark's results. Pass a benchmark's folder.")
        # Form 1 had no seal, so a file without one is damaged only if it says that it is of form 2.
        whole = seal_holds(content)
        if whole is False or (whole is None and content.get("otolith_results") == FORMAT):
            raise ReadError(
                f"{path} is not as the benchmark wrote it: its content does not have the hash that "
                "it names. Copy it again from where it was made, or type the benchmark's command "
                "again, which makes it from the finished cells."
            )
        return cls.from_dict(content)

    def save(self, folder: str | os.PathLike[str], beside: Mapping[str, str] | None = None) -> Path:
        """Write results.csv (a line per cell), people.csv (a line per person), then results.json.

        Return the folder. Each file appears under its name only when it is whole. results.json
        holds the checksums of the others, and of the texts to write `beside` them, by name.

        >>> from tempfile import mkdtemp
        >>> folder = Report(command="otolith benchmark toy").save(mkdtemp())
        >>> sorted(path.name for path in folder.iterdir())
        ['people.csv', 'results.csv', 'results.json']
        >>> Report.load(folder).command
        'otolith benchmark toy'
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        written = {
            "results.csv": sheet_of(map(_flat, self.rows)),
            "people.csv": sheet_of(_people(self.rows)),
            **(beside or {}),
        }
        # The tables come first: results.json vouches for them, so it must be the last to appear.
        for name, text in written.items():
            write_text(target / name, text)
        files = {
            name: {"sha256": file_digest(target / name), "bytes": (target / name).stat().st_size}
            for name in written
        }
        write_sealed(target / "results.json", _plain(self.to_dict() | {FILES: files}))
        return target


def study_facts(report: Report, study: str) -> Row:
    """Return what a report holds of one study: classes, people, windows; empty where nothing.

    >>> study_facts(Report(studies=[{"name": "toy", "hours": 0.1}]), "toy")
    {'name': 'toy', 'hours': 0.1}
    """
    return next((facts for facts in report.studies if facts.get("name") == study), {})


def _missing(report: Report, study: str) -> Iterator[str]:
    rows = [row for row in report.rows if row["study"] == study]
    planned = report.planned
    done = {(row["method"], row["shots"], cell_of(row)) for row in rows}
    methods = dict.fromkeys([*planned.get("methods", []), *(row["method"] for row in rows)])
    shots = {*planned.get("shots", []), *(row["shots"] for row in rows)}
    for method in methods:
        for k in sorted(shots, key=shots_order):
            cells = list(_cells(report, study, rows, k))
            absent = sum((method, k, cell) not in done for cell in cells)
            if absent:
                seeds = "seed × " if len({seed for seed, *_ in cells}) > 1 else ""
                what = "all labels" if k == "all" else f"{k} per class"
                of = f"{len(cells)} cells ({seeds}fold × draw)"
                yield f"{study}: {method} at {what} lacks {absent} of {of}."


def _cells(report: Report, study: str, rows: Sequence[Row], shots: Shots) -> Iterator[Cell]:
    """The cells of a method at a number of labels, as planned or as another method has them."""
    folds = range(len(report.folds.get(study) or ())) or {row["fold"] for row in rows}
    # What was planned counts, and what was run: a report may be loaded without its plan.
    seeds = {*range(report.seed, report.seed + sum(report.planned.get("seeds", [])))}
    seeds = seeds | {row.get("seed") for row in rows} or {report.seed}
    # Draws beyond the first are known only from a method that has them; without any, one counts.
    draws = {row["draw"] for row in rows if row["shots"] == shots} or {0}
    yield from product(seeds, folds, draws)


def _refuse_odd(given: Mapping[str, Any]) -> None:
    """Raise ReadError where a field, or a row edited by hand, holds what it cannot."""
    from pydantic import ValidationError

    try:
        _adapter().validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ReadError(
            f"'{where}' of these results is not what a benchmark writes ({first['msg']}): "
            f"{first['input']!r:.200}. Run the benchmark again."
        ) from error


@functools.cache
def _adapter() -> TypeAdapter[dict[str, Any]]:
    """What the fields of a report hold; the parts that only the page shows are not looked into."""
    from pydantic import ConfigDict, TypeAdapter
    from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

    make: Any = TypedDict
    scores: dict[str, Any] = dict.fromkeys(SCORES, NotRequired[float | None])
    # Other keys are let through: they are shown, not computed with.
    person: Any = make("Person", scores)
    row: dict[str, Any] = {"study": str, "method": str, "shots": int | Literal["all"], "fold": int}
    row |= {"draw": int, "per_subject": NotRequired[dict[str, person] | None], **scores}
    hints = get_type_hints(Report) | {"rows": list[make("Row", row)]}  # type: ignore[misc]
    shape = make("Results", {name: NotRequired[hint] for name, hint in hints.items()})
    shape.__pydantic_config__ = ConfigDict(strict=True)
    return TypeAdapter(shape)


def _flat(row: Row) -> Row:
    """A cell as a line of results.csv."""
    flat = {key: value for key, value in row.items() if key not in ("per_subject", "confusion")}
    lists = flat.keys() & {"train_subjects", "test_subjects", "notes"}
    return flat | {key: ";".join(map(str, flat[key] or ())) for key in lists}


def _people(rows: Sequence[Row]) -> Iterable[Row]:
    """The lines of people.csv: AVERAGE and STDEV / SQRT(n) over them give the published figures."""
    scores = {score: person_scores(rows, score) for score in SCORES}
    for key, people in cells_of_people(rows, "macro_f1").items():
        for person, draws in people.items():
            line = dict(zip(("study", "method", "shots"), key, strict=True))
            yield {
                **line,
                "subject": person,
                "draws": len(draws),
                **{score: scores[score].get(key, {}).get(person) for score in SCORES},
            }


def _plain(value: Any) -> Any:
    """JSON knows neither NaN nor numpy: NaN becomes null, arrays become lists."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    # Arrays and numpy scalars both have it.
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
        "or dicts."
    )
