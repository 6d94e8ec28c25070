"""A benchmark's folder, or a checkpoint's, read and held against what was recorded of it."""

from __future__ import annotations

from pathlib import Path

from otolith.core.errors import DataError, OtolithError
from otolith.core.files import inside, read_json, seal_holds
from otolith.data.study_check import Verified
from otolith.data.study_files import file_facts
from otolith.learn.training import checkpoint
from otolith.measure.report import FILES, Report


def verify_results(folder: Path) -> Verified:
    """Read what a benchmark wrote: results.json, what that vouches for, the finished cells and the
    kept encoders.

    A cell or encoder that is damaged is a note: the same command makes it again.
    """
    found = Verified(folder, "results")
    try:
        Report.load(folder)
        told = read_json(folder / "results.json").get(FILES)
    except OtolithError as error:
        found.faults.append(str(error))
        return found
    _count(found, folder / "results.json")
    if not isinstance(told, dict):
        found.notes.append(
            f"{folder}/results.json has no checksums of the tables and the page beside it"
        )
    for name, facts in told.items() if isinstance(told, dict) else ():
        try:
            path = inside(folder, name)
            same = file_facts(path) == facts
        except (DataError, OSError):
            found.faults.append(f"{folder / name} is missing or cannot be read")
            continue
        _count(found, path)
        if not same:
            found.faults.append(
                f"{path} is not as the benchmark wrote it: results.json says another sha256"
            )
    for path in sorted((folder / "cells").glob("*.json")):
        _count(found, path)
        if not _whole(path):
            found.notes.append(f"{path} is damaged; the benchmark's command makes it again")
    for config in sorted((folder / "encoders").glob(f"*/{checkpoint.CONFIG}")):
        encoder = verify_checkpoint(config.parent)
        found.files, found.bytes = found.files + encoder.files, found.bytes + encoder.bytes
        found.notes += [
            f"{fault} Or type the benchmark's command again." for fault in encoder.faults
        ]
    return found


def verify_checkpoint(folder: Path) -> Verified:
    """Read an encoder or recogniser: its hashes and tensors; nothing that it names is built."""
    kind = checkpoint.kind_of(folder) or "encoder"
    found = Verified(folder, kind)
    try:
        config, _ = checkpoint.load(folder, kind)
    except OtolithError as error:
        found.faults.append(str(error))
        return found
    held = {checkpoint.CONFIG, checkpoint.WEIGHTS, *config.get("files", {})}
    for name in sorted(held):
        _count(found, folder / name)
    beside = sorted(path.name for path in folder.iterdir() if path.name not in held)
    if beside:
        found.notes.append(
            f"{folder}: nothing vouches for "
            f"{', '.join(beside[:6])}{', …' if len(beside) > 6 else ''}"
        )
    return found


def _count(found: Verified, path: Path) -> None:
    found.files, found.bytes = found.files + 1, found.bytes + path.stat().st_size


def _whole(path: Path) -> bool:
    try:
        content = read_json(path)
    except OtolithError:
        return False
    return isinstance(content, dict) and seal_holds(content) is not False
