"""Equal cuts of recordings that still know who wore the sensors, when they start and what was done.

Windows never hold copies of the signal: the resampled recordings lie once, memory-mapped, in a
store, and a window is a place in it. A study of thousands of hours is so read window by window
without filling the memory.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Interval
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view
from typing_extensions import override

from otolith.core.errors import ChannelError, ConfigError, DataError
from otolith.core.files import digest
from otolith.core.frames import frame, html_table
from otolith.core.settings import configure, settings
from otolith.data.channels import Channel, channel_names, explain_mismatch
from otolith.data.recording import natural_key
from otolith.data.store import Rows, Store

if TYPE_CHECKING:
    import pandas as pd

Chosen = slice | Sequence[int] | np.ndarray
"""What chooses among windows: a slice, indices, or a mask."""
LabelRule = Literal["inside", "majority", "centred", "unlabelled"]
UNLABELLED = -1
_COLUMNS = ("first_row", "piece", "subject", "recording", "start_s", "code")
"""What `Windows` hold for each window."""
_RELEASE_BYTES = 256 * 2**20
"""Pages of the store that are kept in memory before they are handed back to the system."""


@settings
class Cut:
    """How a study is cut into windows by default, so that figures can be compared.

    >>> Cut(seconds=2.5, rate_hz=20).length
    50
    """

    seconds: Annotated[float, Interval(gt=0, le=86_400)] = 5.0
    """Length of a window."""
    rate_hz: Annotated[float, Interval(gt=0, le=10_000)] = 50.0
    """Rate that every stream is resampled to."""
    overlap: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    """Share of a window that the next one repeats."""
    label_rule: LabelRule = "inside"
    """`inside` one segment; `majority` of a regular grid; `centred` on each segment; `unlabelled`:
    a plain grid."""
    labels: tuple[str, ...] = ()
    """The classes that count; empty for all."""
    quantities: tuple[str, ...] = ("acc", "gyro")
    """Which quantities the model sees."""
    placements: tuple[str, ...] = ()
    """Which places on the body the model sees; empty for all."""
    slot: str = ""
    """If set, whatever single sensor a recording has (of `placements`, where some are named) is
    shown under this name, so that its place stays hidden."""
    centre_short: bool = False
    """With `inside`: a segment shorter than a window gets one window centred on it, instead of
    none."""
    pad: bool = False
    """A window that reaches past its recording is filled with the edge value, and the mask says so;
    half of it at least is recorded."""

    @property
    def length(self) -> int:
        """Samples in a window."""
        return round(self.seconds * self.rate_hz)

    @property
    def hop(self) -> int:
        """Samples from the start of a window to that of the next."""
        return max(1, round(self.length * (1 - self.overlap)))

    @override
    def __repr__(self) -> str:
        """Name the settings that differ from their defaults, in 300 characters."""
        default = vars(Cut())
        changed = [
            f"{name}={value!r}" for name, value in vars(self).items() if value != default[name]
        ]
        text = f"Cut({', '.join(changed)})"
        return text if len(text) <= 300 else f"{text[:299]}…"

    def to_json(self) -> dict[str, Any]:
        """Return this as what JSON writes."""
        return dataclasses.asdict(self)

    def changed(self, choices: Mapping[str, object]) -> Cut:
        """Return this with some settings replaced.

        Named placements are shown under their own names: they clear `slot`. Raises ConfigError for
        an unknown setting or a value that does not fit.
        """
        shown = {"slot": ""} if choices.get("placements") else {}
        return configure(Cut, self.to_json() | shown | dict(choices), "The cut into windows")


@dataclass(frozen=True, repr=False)
class Windows:
    """N windows, each a place in a store, with subject, recording, start time and label.

    Splitting goes by people alone: `of(subjects)` and `without(subjects)`; there is no split by
    windows. In scikit-learn's splitters, `groups` is `windows.subject`:

        cross_val_score(Recogniser(), windows, groups=windows.subject, cv=GroupKFold(5))

    `numpy.asarray(windows)` is a float32 array (N, C, T) in SI units.
    """

    store: Store
    channels: tuple[Channel, ...]
    rate_hz: float
    length: int
    """Samples in a window (T)."""
    first_row: Int[np.ndarray, " N"]
    piece: Int[np.ndarray, " N"]
    """Which stretch of the store each window lies in."""
    subject: np.ndarray
    """(N,) text: the person (for simulated recordings the performer) that splits keep whole."""
    recording: np.ndarray
    """(N,) text."""
    start_s: Float[np.ndarray, " N"]
    code: Int[np.ndarray, " N"]
    """Index into `classes`, or -1 for unlabelled."""
    classes: tuple[str, ...]
    study: str = ""
    study_hash: str = ""
    gravity: str = "included"
    origin: str = "measured"
    dropped: dict[str, int] = field(default_factory=dict)
    """Windows that were not made, by reason."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """How these windows were cut."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Name of each study -> its folder, where modalities of windows lie; nothing for windows of
    arrays."""
    contents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Recording -> short content hashes of its streams, by which it is known whatever it is called.
    """

    def __len__(self) -> int:
        return len(self.first_row)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(N, C, T), as `numpy.asarray(windows)` has it; scikit-learn looks here."""
        return len(self), len(self.channels), self.length

    def __array__(
        self, dtype: np.dtype | None = None, copy: bool | None = None
    ) -> Float[np.ndarray, "N C T"]:
        """Return all signals as `values` does, float32 unless another type is asked for."""
        if copy is False:
            raise ValueError("Windows lie in a store; an array of them is always a copy.")
        return self.values().astype(dtype or np.float32, copy=False)

    @override
    def __repr__(self) -> str:
        of = f" of '{self.study:.60}'" if self.study else ""
        size = " × ".join(map(str, self.shape))
        return (
            f"Windows({size} samples at {self.rate_hz:g} Hz{of}, {len(self.subjects)} subjects, "
            f"{len(self.classes)} classes, {int(self.is_labelled.sum())} labelled)"
        )

    def _repr_html_(self) -> str:
        count = Counter(self.labels.tolist())
        named = {name or "(unlabelled)": n for name, n in sorted(count.items())}
        facts = {
            "shape (N, C, T)": self.shape,
            "channels": ", ".join(channel_names(self.channels)),
            "rate": f"{self.rate_hz:g} Hz, {self.seconds:g} s",
            "subjects": len(self.subjects),
            "windows of each label": ", ".join(f"{name}: {n}" for name, n in named.items()),
            "left out": ", ".join(f"{n} × {reason}" for reason, n in self.dropped.items())
            or "none",
        }
        return html_table(f"Windows of '{self.study}'" if self.study else "Windows", facts)

    def to_frame(self) -> pd.DataFrame:
        """Return a pandas DataFrame with a row for each window: who, where, when and which label.

        Raises ConfigError where pandas is not installed.
        """
        return frame(
            {
                "subject": self.subject,
                "recording": self.recording,
                "start_s": self.start_s,
                "end_s": self.start_s + self.seconds,
                "label": self.labels,
            }
        )

    @property
    def contents_here(self) -> set[str]:
        """Content hashes of the recordings that these windows are of."""
        names = set(self.recording.tolist())
        return {content for name in names for content in self.contents.get(name, ())}

    @property
    def seconds(self) -> float:
        """Length of a window in seconds."""
        return self.length / self.rate_hz

    @property
    def subjects(self) -> list[str]:
        """The people of these windows, each once, p2 before p10."""
        return sorted(set(self.subject.tolist()), key=natural_key)

    @property
    def part(self) -> Int[np.ndarray, " N"]:
        """Which of several concatenated studies each window is of, by number; 0 for a single one."""
        rows = self.store.values
        if not isinstance(rows, Rows):
            return np.zeros(len(self), dtype=np.int64)
        return rows.part_of(self.store.pieces[self.piece, 0])

    @property
    def labels(self) -> np.ndarray:
        """(N,) text: the label of each window, empty where it has none."""
        return np.asarray(np.array([*self.classes, ""], dtype=object)[self.code])

    @property
    def is_labelled(self) -> Bool[np.ndarray, " N"]:
        """Which windows have a label."""
        return np.asarray(self.code != UNLABELLED)

    @cached_property
    def hash(self) -> str:
        """A content hash: the same windows of the same recordings, the same hash."""
        rows = [
            len(self),
            int(self.first_row.sum()),
            digest(self.first_row.tolist()),
            digest(self.code.tolist()),
        ]
        return digest([self.study_hash, self.store.key, self.recipe, rows, self.classes])

    def __getitem__(self, chosen: int | Chosen | tuple[Chosen, object]) -> Windows:
        """Return some of the windows: by a mask, indices or a slice."""
        if isinstance(chosen, tuple):  # scikit-learn indexes arrays by (rows, ...)
            if len(chosen) != 2 or chosen[1] is not Ellipsis:
                raise TypeError("Windows have one index: which windows. For signals: values().")
            chosen = chosen[0]
        if isinstance(chosen, int | np.integer):
            chosen = [int(chosen)]
        return replace(self, **{name: getattr(self, name)[chosen] for name in _COLUMNS})

    def of(self, subjects: Sequence[str]) -> Windows:
        """Return the windows of these people."""
        return self[np.isin(self.subject, list(subjects))]

    def without(self, subjects: Sequence[str]) -> Windows:
        """Return the windows of everybody else."""
        return self[~np.isin(self.subject, list(subjects))]

    @property
    def labelled(self) -> Windows:
        """The windows that have a label."""
        return self[self.is_labelled]

    def hide_labels(self) -> Windows:
        """Return the same windows without their labels, as pretraining sees them."""
        return replace(self, code=np.full(len(self), UNLABELLED), classes=())

    def few(self, shots: int | str, seed: int = 0) -> Windows:
        """Return `shots` labelled windows of each class, or all labelled ones for "all".

        The draws of one seed are nested: the 2 per class are among the 4, which are among the 8. A
        class with fewer windows gives all that it has; `short_classes` tells which. Raises
        ConfigError for less than 1.
        """
        if shots == "all":
            return self.labelled
        if not str(shots).isdecimal() or int(shots) < 1:
            raise ConfigError(f"Shots are whole numbers from 1 up, or 'all'; not {shots!r}.")
        drawn = [self._order(code, seed)[: int(shots)] for code in range(len(self.classes))]
        return self[np.sort(np.concatenate(drawn))] if drawn else self[:0]

    def short_classes(self, shots: int | str) -> dict[str, int]:
        """Return the classes that hold fewer than `shots` windows, with how many they hold."""
        if shots == "all":
            return {}
        count = np.bincount(self.code[self.is_labelled], minlength=len(self.classes))
        return {name: int(n) for name, n in zip(self.classes, count, strict=True) if n < int(shots)}

    def _order(self, code: int, seed: int) -> np.ndarray:
        """Return the windows of a class in the order in which they are drawn."""
        # A generator per class, so that a class with few windows does not shift the other draws.
        of_class = int(digest(self.classes[code]), 16) % 2**32
        members = np.flatnonzero(self.code == code)
        return np.random.default_rng([seed, of_class]).permutation(members)

    @property
    def present(self) -> Bool[np.ndarray, "N C"]:
        """Which channels each window has; a recording may lack a sensor."""
        if not len(self):
            return np.empty((0, len(self.channels)), dtype=bool)
        first, back = np.unique(self.store.pieces[self.piece, 0], return_inverse=True)
        return np.asarray(~np.isnan(self.store.values[first])[back])

    def values(self, chosen: Chosen = slice(None)) -> Float[np.ndarray, "N C T"]:
        """Return the signals of some windows, float32 in SI units; NaN where a channel is missing.

        Past the end of a recording (`Cut.pad`) stands its edge value.
        """
        return self._gather(self.store.values, chosen).transpose(0, 2, 1)

    def received(self, chosen: Chosen = slice(None)) -> Bool[np.ndarray, "N T"]:
        """Return which samples of some windows were received, not interpolated or padded."""
        out: np.ndarray = self._gather(self.store.lost, chosen) == 0
        first, edges = self._place(chosen)
        past = _reaches_past(first, edges, self.length)
        if past.any():
            row = first[past, None] + np.arange(self.length)
            out[past] &= (row >= edges[past, :1]) & (row < edges[past, 1:])
        return out

    def _place(self, chosen: Chosen) -> tuple[Int[np.ndarray, " N"], Int[np.ndarray, "N 2"]]:
        """First row of each chosen window, and the first and end row of its stretch.

        Only the chosen ones are looked up: of five million windows that takes 0.1 ms for a batch
        where looking up all of them took 230 ms.
        """
        return self.first_row[chosen], self.store.pieces[self.piece[chosen]]

    def _gather(self, rows: np.ndarray | Rows, chosen: Chosen) -> np.ndarray:
        first, edges = self._place(chosen)
        if not isinstance(rows, Rows):
            # Slices of a memmap cost eight times those of an array over the same memory.
            return _cut_out(np.asarray(rows), first, edges, self.length)
        out = np.empty((len(first), self.length, *rows.shape[1:]), dtype=rows.dtype)
        part = rows.part_of(edges[:, 0])
        for i in np.unique(part):
            here, start = part == i, rows.bounds[i]
            out[here] = _cut_out(
                np.asarray(rows.parts[i]), first[here] - start, edges[here] - start, self.length
            )
        return out

    def batches(self, size: int = 256) -> Iterator[tuple[np.ndarray, Float[np.ndarray, "B C T"]]]:
        """Yield indices and signals of all windows in order, in bounded memory."""
        held = 0
        for start in range(0, len(self), size):
            index = np.arange(start, min(start + size, len(self)))
            values = self.values(index)
            yield index, values
            held += values.nbytes
            if held > _RELEASE_BYTES:
                self.store.release()
                held = 0

    def require(
        self, channels: Sequence[Channel], rate_hz: float, length: int | None, who: str
    ) -> None:
        """Raise ChannelError where these windows do not fit what `who` was made for."""
        if tuple(channels) != self.channels:
            raise ChannelError(
                f"These windows hold {', '.join(channel_names(self.channels))}; {who} was made for "
                f"{', '.join(channel_names(channels))} "
                f"({explain_mismatch(channels, self.channels)}). "
                "Cut windows with the same placements and quantities, or pretrain on this study."
            )
        if rate_hz != self.rate_hz or length not in (None, self.length):
            length = length or self.length
            raise ChannelError(
                f"These windows are {self.length} samples at {self.rate_hz:g} Hz; {who} was made "
                f"for {length} samples at {rate_hz:g} Hz. "
                f"Call study.windows(seconds={length / rate_hz:g}, rate_hz={rate_hz:g})."
            )

    @classmethod
    def concatenate(cls, several: Sequence[Windows]) -> Windows:
        """Put the windows of several studies together for pretraining.

        Subjects and recordings then carry their study's name. Raises ChannelError where channels,
        rate, length or gravity differ, ConfigError where two folders share a study's name.
        """
        first = several[0]
        if len(several) == 1:
            return first
        for other in several[1:]:
            first._refuse_beside(other)
        classes = tuple(sorted({name for part in several for name in part.classes}))
        parts, row, piece = [], 0, 0
        for part in several:
            parts.append(part._moved(row, piece, classes))
            row += len(part.store.lost)
            piece += len(part.store.pieces)
        return replace(
            first,
            **_joined(parts),
            store=Store.chain([part.store for part in several]),
            classes=classes,
            study=" + ".join(part.study for part in several),
            study_hash=digest([part.study_hash for part in several]),
            origin="simulated" if "simulated" in {p.origin for p in several} else "measured",
            dropped=dict(sum((Counter(part.dropped) for part in several), Counter())),
            recipe={part.study: part.recipe for part in several},
            folders=_folders(several),
            contents=dict(pair for part in parts for pair in part.contents.items()),
        )

    def _moved(self, row: int, piece: int, classes: tuple[str, ...]) -> Windows:
        """Return these windows as they are in a chained store, whose classes are `classes`."""
        # The last entry is the one that -1 points to: unlabelled stays unlabelled.
        code = np.array([*(classes.index(name) for name in self.classes), UNLABELLED])
        return replace(
            self,
            first_row=self.first_row + row,
            piece=self.piece + piece,
            subject=self._with_study(self.subject),
            recording=self._with_study(self.recording),
            code=code[self.code],
            contents={f"{self.study}/{name}": held for name, held in self.contents.items()},
        )

    def _with_study(self, names: np.ndarray) -> np.ndarray:
        return np.array([f"{self.study}/{name}" for name in names], dtype=object)

    def _refuse_beside(self, other: Windows) -> None:
        other.require(self.channels, self.rate_hz, self.length, f"study '{self.study}'")
        if other.gravity != self.gravity:
            raise ChannelError(
                f"Gravity is {self.gravity} in study '{self.study}' and {other.gravity} in "
                f"'{other.study}'; one model cannot learn from both."
            )

    @classmethod
    def from_array(
        cls,
        values: Float[np.ndarray, "N C T"],
        labels: Sequence[object] | None = None,
        *,
        rate_hz: float,
        channels: Sequence[Channel | str],
        subject: Sequence[str] | None = None,
    ) -> Windows:
        """Make windows from an array (N, C, T) in SI units, each a recording of its own.

        Without `subject` all windows count as one person's, and no split of them is possible.
        Raises DataError where the lengths do not fit together.
        """
        values = np.asarray(values, dtype=np.float32)
        named = tuple(Channel.parse(c) if isinstance(c, str) else c for c in channels)
        _refuse_lengths(values, len(named), labels=labels, subject=subject)
        count, _, length = values.shape
        rows = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(count * length, len(named))
        lost = (~np.isfinite(rows).any(axis=1)).astype(np.uint16)
        first = np.arange(count, dtype=np.int64) * length
        # What is hashed is the array itself: windows of other numbers are other windows.
        key = digest([values.shape, hashlib.sha256(rows.tobytes()).hexdigest(), rate_hz])
        names = [""] * count if labels is None else [str(label) for label in labels]
        classes = () if labels is None else tuple(sorted(set(names)))
        place = {name: i for i, name in enumerate(classes)}
        return cls(
            store=Store(rows, lost, np.stack([first, first + length], axis=1), key),
            channels=named,
            rate_hz=float(rate_hz),
            length=length,
            first_row=first,
            piece=np.arange(count),
            subject=np.array(["1"] * count if subject is None else list(map(str, subject)), object),
            recording=np.array([f"window-{i}" for i in range(count)], dtype=object),
            start_s=np.zeros(count),
            code=np.array([place.get(name, UNLABELLED) for name in names], dtype=np.int64),
            classes=classes,
            recipe={"from": "array"},
        )


def _refuse_lengths(values: np.ndarray, channels: int, **columns: Sequence[object] | None) -> None:
    """Raise DataError unless values are (N, C, T) with N entries in every column."""
    if values.ndim != 3 or values.shape[1] != channels:
        raise DataError(
            f"Windows from an array need shape (windows, {channels} channels, samples), found "
            f"{values.shape}."
        )
    for name, column in columns.items():
        if column is not None and len(column) != len(values):
            raise DataError(
                f"There are {len(values)} windows but {len(column)} {name}; give one for each "
                "window."
            )


def _joined(parts: Sequence[Windows]) -> Mapping[str, Any]:
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS}


def _folders(several: Sequence[Windows]) -> dict[str, Path]:
    """The folder of each study; ConfigError where two folders share a study's name."""
    folders: dict[str, Path] = {}
    for name, folder in (pair for part in several for pair in part.folders.items()):
        if folders.setdefault(name, folder) != folder:
            raise ConfigError(
                f"Two studies are called '{name}': {folders[name]} and {folder}. Rename one."
            )
    return folders


def _reaches_past(first: np.ndarray, edges: np.ndarray, length: int) -> np.ndarray:
    """Which windows are not wholly inside their stretch."""
    return np.asarray((first < edges[:, 0]) | (first + length > edges[:, 1]))


def _cut_out(rows: np.ndarray, first: np.ndarray, edges: np.ndarray, length: int) -> np.ndarray:
    """Copy windows out of rows; one that reaches past its stretch is filled with the edge value."""
    shape = (length, *rows.shape[1:])
    if len(rows) < length:
        out = np.empty((len(first), *shape), dtype=rows.dtype)
    else:
        # One copy of all: a mask on the left-hand side made it twenty times as slow.
        view = sliding_window_view(rows, shape)
        out = view[np.clip(first, 0, len(rows) - length)].reshape(-1, *shape)
    past = _reaches_past(first, edges, length)
    if past.any():
        row = first[past, None] + np.arange(length)
        out[past] = rows[np.clip(row, edges[past, :1], edges[past, 1:] - 1)]
    return out
