"""A benchmark's folder, or a checkpoint's, held against what was recorded of it."""

from __future__ import annotations

from pathlib import Path

from otolith.core.errors import DataError, OtolithError
from otolith.core.files import inside, read_json, seal_holds
from otolith.data.study_check import Verified
from otolith.data.study_files import file_facts
from otolith.learn.training import checkpoint
from otolith.measure.report import FILES, Report


def verify_results(folder: Path) -> Verified:
    """Check what a benchmark wrote: results.json, the files that it names, cells and encoders.

    A cell or encoder that is damaged is a note: the same command makes it again.

    >>> from tempfile import mkdtemp
    >>> verify_results(Report().save(mkdtemp())).whole
    True
    """
    results = Verified(folder, "results")
    try:
        Report.load(folder)
        recorded = read_json(folder / "results.json").get(FILES)
    except OtolithError as error:
        results.faults.append(str(error))
        return results
    _count(results, folder / "results.json")
    if isinstance(recorded, dict):
        for name, facts in recorded.items():
            _check_file(results, name, facts)
    else:
        results.notes.append(
            f"{folder}/results.json has no checksums of the tables and the page beside it"
        )
    # Cells are not in the list of files: they come and go while a run is unfinished.
    for path in sorted((folder / "cells").glob("*.json")):
        _count(results, path)
        if not _is_whole(path):
            results.notes.append(f"{path} is damaged; the benchmark's command makes it again")
    for config in sorted((folder / "encoders").glob(f"*/{checkpoint.CONFIG}")):
        encoder = verify_checkpoint(config.parent)
        results.files, results.bytes = results.files + encoder.files, results.bytes + encoder.bytes
        again = "Or type the benchmark's command again."
        results.notes += [f"{fault} {again}" for fault in encoder.faults]
    return results


def verify_checkpoint(folder: Path) -> Verified:
    """Check an encoder or recogniser: its hashes and tensors; nothing that it names is built.

    >>> from tempfile import mkdtemp
    >>> verify_checkpoint(Path(mkdtemp())).whole
    False
    """
    kind = checkpoint.kind_of(folder) or "encoder"
    result = Verified(folder, kind)
    try:
        # Reads and hashes every tensor; no class of the checkpoint is imported.
        config, _ = checkpoint.load(folder, kind)
    except OtolithError as error:
        result.faults.append(str(error))
        return result
    recorded = {checkpoint.CONFIG, checkpoint.WEIGHTS, *checkpoint.files_of(config)}
    for name in sorted(recorded):
        _count(result, folder / name)
    # A gates.svg or a note of the user is no fault, but nobody can say that it is unchanged.
    others = sorted(path.name for path in folder.iterdir() if path.name not in recorded)
    if others:
        some = ", ".join(others[:6]) + (", …" if len(others) > 6 else "")
        result.notes.append(f"{folder}: no checksum is recorded for {some}")
    return result


def _check_file(results: Verified, name: str, facts: object) -> None:
    try:
        path = inside(results.path, name)
        unchanged = file_facts(path) == facts
    except (DataError, OSError):
        results.faults.append(f"{results.path / name} is missing or cannot be read")
        return
    _count(results, path)
    if not unchanged:
        results.faults.append(
            f"{path} is not as the benchmark wrote it: results.json has another sha256"
        )


def _count(result: Verified, path: Path) -> None:
    result.files, result.bytes = result.files + 1, result.bytes + path.stat().st_size


def _is_whole(path: Path) -> bool:
    try:
        content = read_json(path)
    except OtolithError:
        return False
    return isinstance(content, dict) and seal_holds(content) is not False
