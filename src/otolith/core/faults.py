"""The last resort: an unexpected error becomes one paragraph, and a file that can be sent to us.

The file says where in the code it happened, and holds none of the user's data: no message of the
error (it may quote a person or a path), no value, no path, and of the command only the names of its
options.
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
    "numpy", "scipy", "scikit-learn", "torch", "pyarrow", "safetensors", "matplotlib", "typer",
    "rich",
)  # fmt: skip
"""Whose versions the file names."""
WHERE_TO = (
    "Security → Report a vulnerability of the repository if it may be a weakness, otherwise a new "
    "issue there"
)
_PACKAGE = Path(__file__).resolve().parents[1]
_REMOTE = re.compile(r'File "([^"\n]+)", line (\d+), in (\w+|<\w+>)')
_MOST_FRAMES = 60
"""Frames of one error that are listed, of a recursion's thousands."""


def report_of(error: BaseException, command: str, options: Iterable[str]) -> str:
    """Return the text of the file: where, of which type, with which versions.

    `command` is the name of the command, `options` the names of the options that were typed.

    >>> text = report_of(ValueError("Anna"), "info", ["--json"])
    >>> "ValueError" in text, "options: --json" in text, "Anna" in text
    (True, True, False)
    """
    system = f"{platform.platform(terse=True)}, {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        "An unexpected error in Otolith. This file holds no names, values, paths or messages.",
        "",
        f"otolith {__version__}, Python {platform.python_version()}, {system}",
        ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        f"command: otolith {command}".rstrip(),
        f"options: {', '.join(options) or 'none'}",
    ]
    for link in _chain(error):
        lines += ["", *_described(link)]
    return "\n".join(lines) + "\n"


def keep_report(text: str) -> Path | None:
    """Write the file into the current folder, or into a private one where that cannot be written.

    The file is new, belongs to the user alone, and no link is followed. Returns None where neither
    folder can be written.

    >>> keep_report("where it happened").name[:14]
    'otolith-fault-'
    """
    name = f"otolith-fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    new_for_user = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    for folder in (_here, lambda: Path(tempfile.mkdtemp(prefix="otolith-"))):
        try:
            path = folder() / name
            handle = os.open(path, new_for_user, 0o600)
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
    """Return the message to the user; `path` is the file that was written, if any.

    >>> print(paragraph(ValueError("Anna"), None))
    Otolith met an unexpected error (ValueError) and stopped. What is finished stays as it is. ...
    """
    memory = isinstance(error, MemoryError)
    hint = " Memory ran out: fewer windows at a time may help." if memory else ""
    kept = (
        f"Where it happened is written in {path}, without names, values or paths. Please look into "
        f"it and send it to us ({WHERE_TO})."
        if path
        else f"Where it happened could not be written anywhere. Please tell us ({WHERE_TO})."
    )
    return (
        f"Otolith met an unexpected error ({type(error).__name__}) and stopped.{hint} What is "
        f"finished stays as it is. {kept}"
    )


def used_options(arguments: Sequence[str], known: Iterable[str]) -> list[str]:
    """Return the names of the options that were typed; never what was typed behind them.

    >>> used_options(["Anna.csv", "--out=Anna", "--quiet"], ["--out", "--quiet", "--seed"])
    ['--out', '--quiet']
    """
    return sorted({argument.partition("=")[0] for argument in arguments} & set(known))


def _here() -> Path:
    return Path.cwd()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < _MOST_FRAMES:
        link = waiting.pop(0)
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, None if link.__suppress_context__ else link.__context__]
        if isinstance(link, BaseExceptionGroup):
            waiting += link.exceptions


def _described(error: BaseException) -> Iterator[str]:
    kind = type(error)
    name = f"{kind.__module__}.{kind.__qualname__}"
    number = error.errno if isinstance(error, OSError) else None
    errno = f", errno {number}" if isinstance(number, int) else ""
    yield f"{name if _is_public(kind.__module__) else 'an error class of the user'}{errno}"
    frames = [*_frames(error.__traceback__)]
    if len(frames) > _MOST_FRAMES:
        half = _MOST_FRAMES // 2
        frames = [*frames[:half], f"  ... {len(frames) - _MOST_FRAMES} more", *frames[-half:]]
    yield from frames
    # A worker process sends its traceback as a note, which is text: only places in our code are
    # copied from it.
    for note in getattr(error, "__notes__", ()):
        for file, line, function in _REMOTE.findall(note):
            if place := _place_in_package(file):
                yield f"  in another process: {place}:{line} in {function}"


def _frames(trace: TracebackType | None) -> Iterator[str]:
    while trace is not None:
        code, line = trace.tb_frame.f_code, trace.tb_lineno
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if place := _place_in_package(code.co_filename):
            source = linecache.getline(code.co_filename, line).strip()
            yield f"  {place}:{line} in {code.co_name}: {source}"
        elif _is_public(module):
            yield f"  {module}:{line} in {code.co_name}"
        else:
            yield "  code of the user"
        trace = trace.tb_next


def _place_in_package(file: str) -> str:
    """Return a file of the package as a path from the package on; empty for any other file."""
    try:
        path = Path(file).resolve()
        inside = path.relative_to(_PACKAGE)
    except (ValueError, OSError):
        return ""
    return f"{_PACKAGE.name}/{inside.as_posix()}" if path.is_file() else ""


def _is_public(module: str) -> bool:
    """Whether a module is Python's or a dependency: names in the user's modules are private."""
    root = module.partition(".")[0]
    return root in sys.stdlib_module_names or root in _PUBLIC


_PUBLIC = (
    "otolith", "numpy", "scipy", "sklearn", "torch", "pyarrow", "pydantic", "safetensors",
    "matplotlib", "typer", "click", "rich", "joblib", "numba", "jaxtyping", "anny", "dtaidistance",
    "rerun", "sentence_transformers", "transformers", "huggingface_hub", "PIL", "av",
    "threadpoolctl", "re2",
)  # fmt: skip
