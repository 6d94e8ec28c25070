"""What a checkpoint says of how it came about, held against what is asked of it later."""

from __future__ import annotations

from typing import Any

from otolith.core.errors import CheckpointError

_TEXTS = ("subjects", "people", "recordings", "validation_subjects")
_TABLES = ("studies", "labels", "added", "words", "fitted", "runtime", "versions", "settings")


def sound_record(record: Any, where: str = "record") -> dict[str, Any]:
    """Return a record that a file holds.

    Raises CheckpointError, naming the entry, where it holds another kind of thing than its readers
    take.
    """
    if not isinstance(record, dict):
        raise _edited(where, "a table")
    for name in _TEXTS:
        texts = record.get(name, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise _edited(f"{where}.{name}", "a list of texts")
    for name in _TABLES:
        if not isinstance(record.get(name, {}), dict):
            raise _edited(f"{where}.{name}", "a table")
    windows = record.get("windows", {})
    if isinstance(windows, dict):
        if not isinstance(windows.get("recipe", {}), dict):
            raise _edited(f"{where}.windows.recipe", "a table")
    elif type(windows) is not int or not where.endswith(".adaptation"):  # there it is a number
        raise _edited(f"{where}.windows", "a table")
    for part in ("pretraining", "adaptation"):
        if part in record:
            sound_record(record[part], f"{where}.{part}")
    return record


def _edited(where: str, expected: str) -> CheckpointError:
    return CheckpointError(
        f"{where} in config.json is not {expected}: it was edited. Copy the whole folder again "
        "from where it was made."
    )
