"""The last resort: what nobody foresaw becomes one paragraph, and a file that can be sent to us.

The file tells where in the code it happened, and nothing of anybody's data: no message of the error
(it may quote a person or a path), no value, no path, of the command only the names of its options.
"""

from __future__ import annotations

import importlib.metadata
import linecache
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from otolith import __version__

LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "pyarrow",
    "safetensors",
    "matplotlib",
    "typer",
    "rich",
)
"""Whose versions the file names."""
WHERE_TO = "Security → Report a vulnerability of the repository if it may be a weakness, otherwise a new issue there"
_PACKAGE = Path(__file__).resolve().parents[1]
_REMOTE = re.compile(r'File "([^"\n]+)", line (\d+), in (\w+|<\w+>)')
_LONGEST = 60
"""Frames of one error that are told, of a recursion's thousands."""


def report_of(error: BaseException, command: str, options: Iterable[str]) -> str:
    """Return the text of the file: where, of which type, with which versions, and no word of
    anybody's data."""
    lines = [
        "Otolith came upon something that nobody foresaw. This file holds no names, values, paths "
        "or messages.",
        "",
        f"otolith {__version__}, Python {platform.python_version()}, "
        f"{platform.platform(terse=True)}, "
        f"{platform.machine()}, {os.cpu_count()} cores",
        ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        f"command: otolith {command}".rstrip(),
        f"options: {', '.join(options) or 'none'}",
    ]
    for link in _chain(error):
        lines += ["", *_told(link)]
    return "\n".join(lines) + "\n"


def keep_report(text: str) -> Path | None:
    """Write the file into this folder, or into a private one where this one cannot be written; None
    where neither can.

    It is new, belongs to the user alone, and follows no link.
    """
    name = f"otolith-fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    for place in (_here, lambda: Path(tempfile.mkdtemp(prefix="otolith-"))):
        try:
            path = place() / name
            handle = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600
            )
        except OSError:
            continue
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as out:
                out.write(text)
        except OSError:  # a full disk
            path.unlink(missing_ok=True)
            continue
        return path
    return None


def paragraph(error: BaseException, path: Path | None) -> str:
    """Return what is said to the user."""
    room = (
        " The memory ran out: fewer windows at a time may help."
        if isinstance(error, MemoryError)
        else ""
    )
    kept = (
        f"Where it happened is written in {path}, without names, values or paths: look into it, "
        f"and send it to us "
        f"({WHERE_TO})."
        if path
        else f"Where it happened could not be written anywhere. Please tell us ({WHERE_TO})."
    )
    return (
        f"Otolith came upon something that nobody foresaw ({type(error).__name__}), and "
        f"stopped.{room} What is "
        f"finished stays as it is. {kept}"
    )


def used_options(arguments: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return which of a command's options were typed, by name; never what was typed behind them."""
    there = set(known)
    typed = (argument.partition("=")[0] for argument in arguments)
    return sorted({name for name in typed if name in there})


def _here() -> Path:
    return Path.cwd()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _LONGEST:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, None if link.__suppress_context__ else link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions


def _told(error: BaseException) -> Iterator[str]:
    kind = type(error)
    own = _is_public(kind.__module__)
    number = (
        f", errno {error.errno}"
        if isinstance(error, OSError) and isinstance(error.errno, int)
        else ""
    )
    yield f"{f'{kind.__module__}.{kind.__qualname__}' if own else 'an error of somebody else'}{number}"
    frames = list(_frames(error.__traceback__))
    if len(frames) > _LONGEST:
        half = _LONGEST // 2
        frames = [*frames[:half], f"  ... {len(frames) - _LONGEST} more", *frames[-half:]]
    yield from frames
    # What happened in another process arrives as text, of which only places in our own code are
    # taken over.
    if kind.__name__ == "_RemoteTraceback":
        for file, line, function in _REMOTE.findall(str(error)):
            if (place := _ours(file)) is not None:
                yield f"  in another process: {place}:{line} in {function}"


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        place = _ours(code.co_filename)
        if place is not None:
            yield f"  {place}:{line} in {code.co_name}: {linecache.getline(code.co_filename, line).strip()}"
        else:
            module = str(trace.tb_frame.f_globals.get("__name__", ""))
            yield (
                f"  {module}:{line} in {code.co_name}"
                if _is_public(module)
                else "  code of somebody else"
            )
        trace = trace.tb_next


def _ours(file: str) -> str | None:
    """A file of the package, from the package on; None for any other, however it is called."""
    try:
        inside = Path(file).resolve().relative_to(_PACKAGE)
    except (ValueError, OSError):
        return None
    return f"{_PACKAGE.name}/{inside.as_posix()}" if (_PACKAGE / inside).is_file() else None


def _is_public(module: str) -> bool:
    """Whether a module is Python's or one that we depend on: the names of a user's own are nobody's
    business."""
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in _PUBLIC


_PUBLIC = (
    "otolith", "numpy", "scipy", "sklearn", "torch", "pyarrow", "safetensors", "matplotlib", "typer", "click", "rich",
    "joblib", "numba", "jaxtyping", "anny", "dtaidistance", "rerun", "sentence_transformers", "transformers",
    "huggingface_hub", "PIL", "av", "threadpoolctl", "re2",
)  # fmt: skip
