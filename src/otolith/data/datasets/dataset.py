"""The promise of a data set: its facts, where its files are, and how they become recordings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from otolith.core.catalog import Family
from otolith.core.errors import ReadError, UnknownNameError
from otolith.core.settings import configure
from otolith.data.channels import Channel, quantity_channels
from otolith.data.duplicates import warn_of_duplicates
from otolith.data.paired import LABEL, Text
from otolith.data.quantities import factor
from otolith.data.recording import Recording, RowReport, Stream
from otolith.data.study import Study, write_study
from otolith.data.study_files import owned_study, refuse_taken
from otolith.data.windows import Cut

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

Facts = dict[str, str | int | float]
"""What else the authors say of a recording, such as age or their own split."""


class DataSet(ABC):
    """A published data set, read from the folders that its authors made.

    A member is a settings class: its facts are class attributes, its options are fields. Beside
    each class stands `write_sample(folder)`, which writes a tiny fake in the authors' layout; the
    family's contract runs over it.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from otolith.data.datasets import hapt
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     hapt.write_sample(Path(folder))
    ...     recordings = list(hapt.Hapt().read(Path(folder)))
    >>> [(recording.id, recording.subject) for recording in recordings][:2]
    [('exp01_user01', 'user01'), ('exp02_user01', 'user01')]
    """

    name: ClassVar[str]
    """What the data set is called in commands; the name of its file."""
    title: ClassVar[str]
    """What its authors call it."""
    url: ClassVar[str]
    """Where it can be downloaded, or asked for."""
    terms: ClassVar[str]
    """Its licence, in the authors' words where they give none."""
    citation: ClassVar[str]
    """The paper to cite."""
    subjects: ClassVar[int]
    """People in the whole set."""
    rate_hz: ClassVar[float]
    """Nominal rate of its motion sensors."""
    placements: ClassVar[tuple[str, ...]]
    """Where its sensors were worn."""
    units: ClassVar[dict[str, str]]
    """quantity -> the unit in the authors' files; recordings are in SI."""
    cut: ClassVar[Cut]
    """How its recordings become windows where figures on it are to be comparable."""
    layout: ClassVar[str]
    """A glob that every whole copy answers to, from the folder that `verify` returns."""

    @abstractmethod
    def read(self, folder: Path) -> Iterator[Recording]:
        """Read the recordings one at a time, always in the same order.

        Raises ReadError, naming the file, where one is damaged or missing.
        """

    def write_modalities(self, folder: Path, out: Path, recordings: Sequence[Recording]) -> None:
        """Write the modalities of these recordings (texts, poses) into a study; none by default.

        The recordings come without their streams. It runs after the last recording and before the
        study is whole. Raises ReadError as `read` does.
        """
        return

    def verify(self, folder: Path) -> Path:
        """Return the folder with the authors' layout: this one, one below it, or the one above.

        Raises ReadError saying what the folder holds, what is missing and what to do.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise ReadError(
                f"{folder} is no folder. Get {self.title} from {self.url} and unpack it there."
            )
        for candidate in (folder, *_below(folder), folder.parent):
            if next(candidate.glob(self.layout), None) is not None:
                return candidate
        content = sorted(path.name for path in folder.iterdir())[:8]
        raise ReadError(
            f"{folder} does not hold {self.title}: no file in it (or up to three folders below) is "
            f"called {self.layout}; found {', '.join(content) or 'nothing'}. Get it from "
            f"{self.url}, unpack it, and name the folder that it was unpacked into."
        )

    def stream(
        self,
        name: str,
        channels: Sequence[Channel],
        time_s: Float[np.ndarray, " T"],
        values: Float[np.ndarray, "T C"],
        rate_hz: float | None,
        reports: Sequence[RowReport] = (),
    ) -> Stream:
        """Make a stream of numbers in the authors' units (`units`); as `Stream.from_rows`."""
        scale = [factor(channel.quantity, self.units[channel.quantity]) for channel in channels]
        return Stream.from_rows(name, channels, time_s, values * scale, rate_hz, reports)


def channels_of(
    placement: str, quantities: Iterable[str] = ("acc", "gyro"), device: str = ""
) -> tuple[Channel, ...]:
    """Return the channels of one sensor, quantity by quantity.

    >>> [channel.name for channel in channels_of("head", ["acc"])]
    ['head.acc.x', 'head.acc.y', 'head.acc.z']
    """
    return tuple(channel for q in quantities for channel in quantity_channels(placement, q, device))


def label_texts(recordings: Iterable[Recording], words: Callable[[str], str]) -> list[Text]:
    """Return each segment's label in words, marked as saying no more than the label does."""
    return [
        Text(recording.id, segment.start_s, segment.end_s, words(segment.label), LABEL)
        for recording in recordings
        for segment in recording.segments
    ]


def joint_columns(
    time_s: Float[np.ndarray, " F"], joints: Mapping[str, Float[np.ndarray, "F D"]]
) -> dict[str, np.ndarray]:
    """Return a pose column by column as a study keeps it: `time_s`, then `head.x`, `head.y` …"""
    columns = {"time_s": time_s}
    for name, places in joints.items():
        columns |= {f"{name}.{axis}": place for axis, place in zip("xyz", places.T, strict=False)}
    return columns


def need(paths: Iterable[Path], of: str) -> None:
    """Raise ReadError naming the files that a part of a data set lacks."""
    missing = [path for path in paths if not path.is_file()]
    if missing:
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ReadError(
            f"{of} is incomplete: {missing[0]} is missing{more}. Unpack the archive again."
        )


def import_dataset(
    source: str | Path,
    name: str,
    out: str | Path,
    overwrite: bool = False,
    progress: Callable[[Recording], None] | None = None,
    **options: object,
) -> Study:
    """Read a published data set into a study folder; what `otolith import --dataset` does.

    `options` are the data set's fields. Raises UnknownNameError for an unknown name, ConfigError
    for an option that it lacks, ReadError where files are missing or damaged, DataError where
    `out` is taken.
    """
    out = Path(out)
    refuse_taken(out, overwrite)
    kind = FAMILY.resolve(name)
    if isinstance(kind, type) and issubclass(kind, DataSet):
        dataset = configure(kind, _options(kind, options), f"Data set '{kind.name}'")
    elif isinstance(kind, DataSet) and not options:
        dataset = kind
    else:
        raise UnknownNameError(f"'{name}' is no data set; known are {', '.join(FAMILY)}.")
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


def _options(kind: type[DataSet], options: Mapping[str, object]) -> dict[str, object]:
    """Let several values of an option stand in one text too, as in positions=head,chest."""
    several = {f.name for f in fields(kind) if isinstance(f.default, tuple)}  # type: ignore[arg-type]
    return {key: _tuple(value) if key in several else value for key, value in options.items()}


def _tuple(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        parts = [part.strip() for part in value.split(",")]
        return tuple(int(part) if part.isdecimal() else part for part in parts)
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _with_modalities(dataset: DataSet, source: Path, out: Path) -> Iterator[Recording]:
    read = []
    for recording in dataset.read(source):
        read.append(replace(recording, streams=()))  # their arrays fill the memory
        yield recording
    dataset.write_modalities(source, out, read)


def _below(folder: Path, depth: int = 3, most: int = 2000) -> Iterator[Path]:
    """The folders below, nearest first; bounded, so that a wrong folder takes no minutes."""
    level = [folder]
    for _ in range(depth):
        inside = (path for parent in level for path in parent.iterdir())
        level = sorted(path for path in inside if path.is_dir() and path.name[0] != ".")
        yield from level[:most]
        most -= len(level)
        if most <= 0:
            return
