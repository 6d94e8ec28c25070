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
        if not isinstance(record.get(name, []), list) or not all(
            isinstance(one, str) for one in record.get(name, [])
        ):
            raise _edited(f"{where}.{name}", "a list of texts")
    for name in _TABLES:
        if not isinstance(record.get(name, {}), dict):
            raise _edited(f"{where}.{name}", "a table")
    windows = record.get("windows", {})
    if isinstance(windows, dict) and not isinstance(windows.get("recipe", {}), dict):
        raise _edited(f"{where}.windows.recipe", "a table")
    # Of an adaptation it is their number.
    if not isinstance(windows, dict) and not (
        type(windows) is int and where.endswith(".adaptation")
    ):
        raise _edited(f"{where}.windows", "a table")
    for part in ("pretraining", "adaptation"):
        if part in record:
            sound_record(record[part], f"{where}.{part}")
    return record


def _edited(where: str, wanted: str) -> CheckpointError:
    return CheckpointError(
        f"{where} in config.json is not {wanted}: it was edited. Copy the whole folder again from "
        f"where it was made."
    )
