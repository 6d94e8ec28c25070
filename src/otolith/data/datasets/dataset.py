"""The promise of a data set: its facts, where its files are, and how they become recordings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from otolith.core.catalog import Family
from otolith.core.errors import ConfigError, ReadError, UnknownNameError, nearest
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.recording import Recording
from otolith.data.study import Cut, Study, write_study
from otolith.data.study_files import owned_study, refuse_taken

FAMILY = Family(
    "data set",
    {
        "hapt": "otolith.data.datasets.hapt:Hapt",
        "utd_mhad": "otolith.data.datasets.utd_mhad:UtdMhad",
        "mex": "otolith.data.datasets.mex:Mex",
        "ipol_gait": "otolith.data.datasets.ipol_gait:IpolGait",
        "openpack": "otolith.data.datasets.openpack:OpenPack",
        "realworld2016": "otolith.data.datasets.realworld2016:RealWorld2016",
        "mm_fit": "otolith.data.datasets.mm_fit:MmFit",
        "als_har": "otolith.data.datasets.als_har:AlsHar",
        "ego_exo4d": "otolith.data.datasets.ego_exo4d:EgoExo4D",
        "ego4d": "otolith.data.datasets.ego4d:Ego4D",
    },
)


class DataSet(ABC):
    """A published data set, read from the folders that its authors made.

    Beside each class stands `write_sample(folder)`, which writes a tiny fake in that layout.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    url: ClassVar[str]
    terms: ClassVar[str]
    citation: ClassVar[str]
    subjects: ClassVar[int]
    """People in the whole set."""
    rate_hz: ClassVar[float]
    """Nominal rate of its motion sensors."""
    placements: ClassVar[tuple[str, ...]]
    units: ClassVar[dict[str, str]]
    """quantity -> the unit in the authors' files; recordings are in SI."""
    cut: ClassVar[Cut]
    """How figures on it are made comparable."""
    layout: ClassVar[str]
    """A glob that every whole copy answers to, from the folder that `verify` returns."""

    @abstractmethod
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read the recordings one at a time, always in the same order.

        Raises ReadError, naming the file, where one is damaged or missing.
        """

    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write what else the authors recorded beside these recordings (texts, poses) into a study;
        nothing here.

        The recordings come without their streams. It runs after the last recording and before the
        study is whole. Raises ReadError as `read` does.
        """
        return

    def verify(self, folder: Path) -> Path:
        """Return the folder that holds the authors' layout: the given one, one below it, or the one
        above.

        Raises ReadError saying what is there, what is missing and what to do.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ReadError(
                f"{folder} is no folder. Get {self.title} from {self.url} and unpack it there."
            )
        for candidate in (folder, *_below(folder), folder.parent):
            if next(candidate.glob(self.layout), None) is not None:
                return candidate
        there = sorted(path.name for path in folder.iterdir())[:8]
        raise ReadError(
            f"{folder} does not hold {self.title}: no file there (or up to three folders below) is "
            f"called "
            f"{self.layout}; found {', '.join(there) or 'nothing'}. Get it from {self.url}, unpack "
            f"it, and name the "
            "folder that it was unpacked into."
        )


def import_dataset(
    source: str | Path,
    name: str,
    out: str | Path,
    overwrite: bool = False,
    progress: Callable[[Recording], None] | None = None,
    **options: Any,
) -> Study:
    """Read a published data set into a study folder; what `otolith import --dataset` does.

    `options` go to the data set's constructor. Raises UnknownNameError for an unknown name,
    ReadError where files are missing or damaged, DataError where `out` is taken.
    """
    out = Path(out)
    refuse_taken(out, overwrite)
    cls = FAMILY.resolve(name)
    if not (issubclass(cls, DataSet) if isinstance(cls, type) else isinstance(cls, DataSet)):
        raise UnknownNameError(f"'{name}' is no data set; known are {', '.join(FAMILY)}.")
    dataset: DataSet = cls(**_options(cls, options)) if isinstance(cls, type) else cls
    with owned_study(out):
        study = write_study(
            out,
            _with_modalities(dataset, Path(source), out),
            name=dataset.name,
            source=dataset.url,
            terms=dataset.terms,
            citation=dataset.citation,
            cut=dataset.cut,
            progress=progress,
        )
    warn_of_duplicates(study.name, study.entries)
    return study


def _options(cls: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Hold options against a data set's own; several values may also stand in one text, with commas
    between."""
    known = {f.name: f.default for f in fields(cls)} if is_dataclass(cls) else options
    out = {}
    for key, value in options.items():
        if key not in known:
            listed = (
                f"it takes {', '.join(known)}.{nearest(key, known)}" if known else "it takes none."
            )
            raise ConfigError(f"Data set '{cls.name}' takes no such option as '{key}'; {listed}")
        if isinstance(known[key], tuple) and not isinstance(value, tuple):
            several = (
                value.split(",")
                if isinstance(value, str)
                else value
                if isinstance(value, list)
                else [value]
            )
            value = tuple(part.strip() if isinstance(part, str) else part for part in several)
        out[key] = value
    return out


def _with_modalities(dataset: DataSet, source: Path, out: Path) -> Iterator[Recording]:
    read = []
    for recording in dataset.read(source):
        read.append(replace(recording, streams=()))  # what is large is not kept
        yield recording
    dataset.write_modalities(source, out, read)


def need(paths: Iterable[Path], of: str) -> None:
    """Raise ReadError naming the files that a part of a data set lacks."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise ReadError(
            f"{of} is incomplete: {missing[0]} is missing"
            + (f", and {len(missing) - 1} more" if len(missing) > 1 else "")
            + ". Unpack the archive again."
        )


def _below(folder: Path, depth: int = 3, most: int = 2000) -> Iterator[Path]:
    # Nearest first, and bounded, so that a wrong folder is told rather than searched for minutes.
    level = [folder]
    for _ in range(depth):
        level = sorted(
            p
            for parent in level
            for p in parent.iterdir()
            if p.is_dir() and not p.name.startswith(".")
        )
        yield from level[:most]
        most -= len(level)
        if most <= 0:
            return
