"""Tables of somebody's own, with their mappings, and the guessing of a mapping."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.target import Target

ROWS = 120
MAPPING = """[study]
name = "toy"
[files]
pattern = "{pattern}"
subject = {{from = "path", pattern = '(?P<subject>P\\d+)_(?P<session>\\d+)'}}
[time]
{time}
[[sensor]]
placement = "left_wrist"
acc = {{columns = [{acc}], unit = "m/s^2"}}
gyro = {{columns = [{gyro}], unit = "rad/s"}}
[label]
{label}
[csv]
{csv}
[evaluation]
seconds = 1.0
"""
NAMES = ("t", "ax", "ay", "az", "gx", "gy", "gz", "activity")


def rows(person: int, stamp: Callable[[int], str] = "{:.3f}".format) -> list[list[str]]:
    """Rows of one person: a stamp, six values, a label."""
    rng = np.random.default_rng(person)
    values = rng.normal(0, 0.3, (ROWS, 6)) + np.array([0.1, 0.2, 9.8, 0, 0, 0])
    return [
        [stamp(n / 50), *(f"{v:.5f}" for v in values[n]), "walking" if n > ROWS / 2 else "sitting"]  # type: ignore[arg-type]
        for n in range(ROWS)
    ]


def mapping(ending: str = "csv", time: str = 'column = "t"\nformat = "seconds"', csv: str = "", numbered: bool = False,
            label: str = 'column = "activity"') -> str:  # fmt: skip
    """A mapping of such tables."""
    names = [str(i + 1) for i in range(len(NAMES))] if numbered else list(NAMES)
    if numbered:
        time, label = time.replace('"t"', '"1"'), label.replace('"activity"', '"8"')
    acc, gyro = (", ".join(f'"{name}"' for name in names[a : a + 3]) for a in (1, 4))
    return MAPPING.format(
        pattern=f"*.{ending}", time=time, acc=acc, gyro=gyro, label=label, csv=csv
    )


def text(cells: list[list[str]], mark: str = ",", header: bool = True, before: str = "") -> str:
    """A table as text."""
    return (
        before
        + "\n".join(mark.join(line) for line in ([list(NAMES)] if header else []) + cells)
        + "\n"
    )


def _csv(folder: Path) -> None:
    (folder / "mapping.toml").write_text(mapping())
    for person in (1, 2):
        (folder / f"P{person}_1.csv").write_text(text(rows(person)))


def _gz(folder: Path) -> None:
    (folder / "mapping.toml").write_text(mapping("csv.gz"))
    (folder / "P1_1.csv.gz").write_bytes(gzip.compress(text(rows(1)).encode()))


def _semicolon(folder: Path) -> None:
    csv = (
        'delimiter = ";"\ndecimal = ","\nencoding = "cp1252"\nskip_rows = 1\nskip_after_header = 1'
    )
    (folder / "mapping.toml").write_text(mapping(csv=csv))
    cells = [["s"] + ["-"] * 7]
    cells += [[cell.replace(".", ",") for cell in line] for line in rows(1)]
    (folder / "P1_1.csv").write_text(text(cells, ";", before="Gerät\n"), encoding="cp1252")


def _tabs(folder: Path, before: str = "# a logger\n") -> None:
    time = 'column = "t"\nformat = "iso"\ntimezone = "Europe/Berlin"'
    (folder / "mapping.toml").write_text(mapping("tsv", time, 'delimiter = "tab"\ncomment = "#"'))
    stamped = rows(1, lambda s: f"2024-05-06T10:00:{s:06.3f}")
    (folder / "P1_1.tsv").write_text(text(stamped, "\t", before=before))


def _written(folder: Path) -> None:
    time = 'column = "t"\nformat = "strptime:%d.%m.%Y %H:%M:%S.%f"\ntimezone = "UTC"'
    (folder / "mapping.toml").write_text(mapping(time=time))
    (folder / "P1_1.csv").write_text(text(rows(1, lambda s: f"06.05.2024 10:00:{s:06.3f}")))


def _bare(folder: Path) -> None:
    (folder / "mapping.toml").write_text(
        mapping("txt", csv='delimiter = "space"\nheader = false', numbered=True)
    )
    (folder / "P1_1.txt").write_text(text(rows(1), " ", header=False))


def _counted(folder: Path) -> None:
    (folder / "mapping.toml").write_text(
        mapping(time='column = "t"\nformat = "milliseconds"\nzero = "first"')
    )
    for person in (1, 2):
        (folder / f"P{person}_1.csv").write_text(
            text(rows(person, lambda s: str(1_700_000_000_000 + round(1000 * s))))
        )


def _parquet(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "mapping.toml").write_text(mapping("parquet"))
    cells = list(zip(*rows(1), strict=True))
    columns = {n: pa.array(map(float, c)) for n, c in zip(NAMES[:7], cells, strict=False)}
    pq.write_table(pa.table(columns | {"activity": pa.array(cells[7])}), folder / "P1_1.parquet")


def _people(folder: Path) -> None:
    """Everybody in one table, two sensors in rows of their own."""
    told = (
        mapping()
        .split("[[sensor]]")[0]
        .replace(
            "from = \"path\", pattern = '(?P<subject>P\\d+)_(?P<session>\\d+)'", 'column = "who"'
        )
    )
    told += '[[sensor]]\nplacement = "waist"\nseparate = true\nacc = {columns = ["ax", "ay", "az"], unit = "m/s^2"}\n'
    told += 'gyro = {columns = ["gx", "gy", "gz"], unit = "rad/s"}\n'
    (folder / "mapping.toml").write_text(told)
    lines = [",".join((*NAMES[:7], "who"))]
    for person in (1, 2):
        for n, row in enumerate(rows(person)):
            half = [*row[1:4], "", "", ""] if n % 2 else ["", "", "", *row[4:7]]
            lines.append(",".join([row[0], *half, f"P{person}"]))
    (folder / "all.csv").write_text("\n".join(lines) + "\n")


def _labels(folder: Path) -> None:
    label = 'file = "labels.tsv"\nstart = "from"\nend = "to"\nlabel = "what"\nrecording = "which"'
    (folder / "mapping.toml").write_text(mapping(label=label))
    (folder / "P1_1.csv").write_text(text(rows(1)))
    (folder / "P2_1.csv").write_text(text(rows(2)))
    lines = ["which,from,to,what"] + [
        f"P{p}_1,{i * 0.5},{i * 0.5 + 0.4},{w}" for p in (1, 2) for i, w in enumerate("abab")
    ]
    (folder / "labels.tsv").write_text("\n".join(lines) + "\n")


def _label_each(folder: Path) -> None:
    (folder / "mapping.toml").write_text(mapping(label='file = "labels/{recording}.txt"'))
    (folder / "labels").mkdir()
    (folder / "P1_1.csv").write_text(text(rows(1)))
    lines = ["start,end,label"] + [f"{i * 0.5},{i * 0.5 + 0.4},{w}" for i, w in enumerate("abab")]
    (folder / "labels" / "P1_1.txt").write_text("\n".join(lines) + "\n")


def read_all(given: Path, out: Path, harmed: str, on_error: str = "stop") -> Any:
    """All recordings of a folder, through its mapping."""
    from otolith.data.readers import load_mapping, read_table_study

    skipped: list[Any] = []
    return list(
        read_table_study(given, load_mapping(given / "mapping.toml"), on_error, skipped)
    ), len(skipped)  # type: ignore[arg-type]


def _skipping(given: Path, out: Path, harmed: str) -> Any:
    return read_all(given, out, harmed, "skip")


def _imported(given: Path, out: Path, harmed: str) -> Any:
    from otolith.data.readers import import_tables

    study = import_tables(given, given / "mapping.toml", out / "study", on_error="skip")
    return list(study)


def _guess(given: Path, out: Path, harmed: str) -> Any:
    from otolith.data.readers import guess

    return guess(given / harmed)


def _plain(given: Path, out: Path, harmed: str) -> Any:
    from otolith.use.reading import read_recording

    return read_recording(given / harmed)


def _guessed(folder: Path) -> None:
    for place in (_csv, _parquet, _gz):
        place(folder)
    _tabs(folder, before="")
    (folder / "mapping.toml").unlink()


def _one(
    name: str,
    write: Callable[[Path], None],
    harmed: str,
    promise: str = "rest",
    read: Any = read_all,
) -> Target:
    return Target(f"table_{name}", write, read, ("reader table",), promise, (harmed,))  # type: ignore[arg-type]


TARGETS = (
    _one("csv", _csv, "*.csv"),
    _one("csv_gz", _gz, "*.gz", "checked"),
    _one("semicolon", _semicolon, "*.csv"),
    _one("tabs_iso", _tabs, "*.tsv"),
    _one("strptime", _written, "*.csv"),
    _one("space", _bare, "*.txt"),
    _one("milliseconds", _counted, "*.csv"),
    _one("parquet", _parquet, "*.parquet"),
    _one("people", _people, "*.csv"),
    _one("skipping", _csv, "*.csv", read=_skipping),
    Target("table_import", _csv, _imported, ("reader table",), "rest", ("*.csv",)),
    _one("labels", _labels, "*.tsv"),
    _one("label_each", _label_each, "labels/*"),
    Target("mapping", _csv, read_all, (), "rest", ("*.toml",), factors=()),
    Target("guess", _guessed, _guess, (), "rest", ("*.csv", "*.parquet", "*.gz", "*.tsv")),
)
