"""What a checkpoint says of how it came about, checked when it is read."""

from __future__ import annotations

from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from otolith.core.errors import CheckpointError
from otolith.core.text import printable
from otolith.learn.objectives.objective import Fitted

Content = TypeVar("Content")


class Training(TypedDict, total=False):
    """What the records of a pretraining and of an adaptation both say; older ones say less."""

    subjects: list[str]
    people: list[str]
    """Everybody, as study/person."""
    recordings: list[str]
    """Content hashes."""
    validation_subjects: list[str]
    """The people held back to choose the best epoch."""
    studies: dict[str, str]
    """Name of a study -> its hash."""
    settings: dict[str, object]
    """Of PretrainConfig or AdaptConfig."""
    labels: dict[str, int]
    """Class -> number of windows."""
    added: dict[str, int]
    """Name of another study -> number of its windows."""
    words: dict[str, list[str]]
    """Class -> what is said of it."""
    versions: dict[str, str]
    commit: str | None
    origin: str
    encoder_moved: bool


class Adaptation(Training, total=False):
    """The record of an adaptation."""

    windows: int


class TrainingWindows(TypedDict, total=False):
    """The windows of a pretraining."""

    count: int
    dropped: object
    recipe: dict[str, object]
    """Fields of `Cut`."""


class Record(Training, total=False):
    """The record of an encoder, or of a recogniser with that of its encoder inside."""

    objective: str
    objective_settings: dict[str, object]
    fitted: Fitted
    windows: TrainingWindows
    seed: int
    epochs: int
    best_epoch: int
    published: str
    """Where weights come from that were trained elsewhere."""
    sha256: str
    runtime: dict[str, object]
    """Device, precision, threads and processor."""
    pretraining: Record
    adaptation: Adaptation


def read_as(kind: type[Content], content: object, where: str = "") -> Content:
    """Return what config.json holds, as it is, if it is what a TypedDict describes.

    Entries that it does not name stay, as nothing reads them. Raises CheckpointError, naming the
    entry, where one is missing or of another type.

    >>> read_as(Record, {"subjects": ["ann"], "seed": 0}, "record")
    {'subjects': ['ann'], 'seed': 0}
    >>> read_as(Record, {"subjects": "ann"}, "record")
    Traceback (most recent call last):
    otolith.core.errors.CheckpointError: config.json is incomplete or was edited (record.subjects: \
input should be a valid list). Copy the whole folder again from where it was made.
    """
    try:
        TypeAdapter(kind).validate_python(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        entry = ".".join(str(part) for part in (where, *first["loc"]) if part != "")
        problem = first["msg"][:1].lower() + first["msg"][1:]
        raise CheckpointError(
            f"config.json is incomplete or was edited ({printable(entry, 80)}: {problem}). Copy "
            "the whole folder again from where it was made."
        ) from error
    return cast(Content, content)  # pydantic's copy would have its keys in another order
