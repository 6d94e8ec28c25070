"""What unexpected error becomes one paragraph and a file without anybody's data; what others wrote
steers no terminal."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import otolith
from otolith import Study
from otolith.cli import showing
from otolith.cli.app import app
from otolith.core import faults

SECRET = "Anna-Schmidt-1954"
HOSTILE = "\x1b]0;title\x07\x1b[31m\u202ered\x9b2J[bold red]markup[/]"


def run(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "otolith", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, check=False
    )


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Study, "load", fail)
    monkeypatch.setattr(sys, "argv", ["otolith", "info", SECRET, f"--html={SECRET}.html"])


class _TheirsError(Exception):
    """An error of a user's own module."""


_TheirsError.__module__ = "clinic_of_schmidt"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"could not convert {SECRET}"),
        KeyError(SECRET),
        MemoryError(SECRET),
        RecursionError(SECRET),
        OSError(SECRET),
        ConnectionResetError(errno.ECONNRESET, SECRET, SECRET),
        UnicodeEncodeError("ascii", SECRET, 0, 1, SECRET),
        AssertionError(SECRET),
        ExceptionGroup(SECRET, [ValueError(SECRET), _TheirsError(SECRET)]),
        _TheirsError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test__anything_unforeseen__one_paragraph_and_a_file_without_data(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SECRET).mkdir()
    monkeypatch.chdir(tmp_path / SECRET)
    error.add_note(SECRET)
    error.__cause__ = ValueError(SECRET)
    fail_with(monkeypatch, error)
    done = CliRunner().invoke(app, ["info", SECRET, f"--html={SECRET}.html"])
    assert done.exit_code == 70, done.output
    assert (
        done.output.count("\n") == 1
        and "Traceback" not in done.output
        and "unexpected error" in done.output
    )
    (kept,) = Path.cwd().glob("otolith-fault-*.txt")
    text = kept.read_text()
    assert (
        SECRET not in text
        and "Schmidt" not in text
        and "schmidt" not in text
        and str(Path.cwd()) not in text
    )
    assert os.path.expanduser("~") not in text
    assert "command: otolith info" in text and "options: --html" in text
    assert (
        "otolith/cli/showing.py:" in text
        and "Study.load(self.study)" in text
        and otolith.__version__ in text
    )
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test__unforeseen__folder_that_cannot_be_written__a_private_folder_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> Path:
        raise FileNotFoundError("the current folder was deleted")

    monkeypatch.setattr(faults, "_here", gone)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = faults.keep_report("text")
    assert kept is not None and kept.read_text() == "text" and kept.is_relative_to(tmp_path)
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    assert faults.keep_report("text") is None
    assert "could not be written" in faults.paragraph(ValueError(), None)


def test__unforeseen__link_in_the_way__is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda _: "now")
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / f"otolith-fault-now-{os.getpid()}.txt").symlink_to(victim)
    kept = faults.keep_report("text")
    assert victim.read_text() == "mine" and kept is not None and kept.parent != tmp_path
    kept.unlink()
    kept.parent.rmdir()


def test__fault_in_another_process__our_places_are_told_and_nothing_else() -> None:
    ours = Path(otolith.__file__)
    error = ValueError(SECRET)
    error.add_note(
        f'File "/home/{SECRET}/otolith/{SECRET}.py", line 3, in work\nFile "{ours}", line 7, in '
        f"begin\nx: {SECRET}"
    )
    text = faults.report_of(error, "info", [])
    assert SECRET not in text and "in another process: otolith/__init__.py:7 in begin" in text


def test__fault__deep_recursion__is_told_in_short() -> None:
    def deeper() -> None:
        deeper()

    with pytest.raises(RecursionError) as caught:
        deeper()
    text = faults.report_of(caught.value, "", [])
    assert text.count("\n") < 100 and "more" in text


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EIO]
)
def test__disk_that_gives_no_room__is_one_paragraph_with_the_path(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fail_with(monkeypatch, OSError(number, os.strerror(number), "results/weights"))
    done = CliRunner().invoke(app, ["info", "study"])
    assert done.exit_code == 2 and done.output.startswith(
        f"error: results/weights: {os.strerror(number)}"
    )
    assert done.output.count("\n") == 1 and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", HOSTILE),
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("info", f"--{HOSTILE}", "x"),
        ("list", HOSTILE),
        ("benchmark", "x", "--out", "o", "--split", HOSTILE),
        ("adapt", HOSTILE, "x", "--out", "o"),
        ("pretrain", HOSTILE, "--out", "o", "--set", HOSTILE),
        ("recognise", "x", "y", "--recipe", HOSTILE),
    ],
)
def test__what_was_typed__steers_no_terminal(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path, FORCE_COLOR="", NO_COLOR="1", TERM="dumb", COLUMNS="200")
    assert done.returncode == 2, done.stderr
    said = done.stdout + done.stderr
    for bad in ("\x1b", "\x07", "\x9b", "\u202e"):
        assert bad not in said
    if "red" in said:
        assert "[bold red]" in said, "brackets are shown, not taken for markup"


def test__names_in_a_study__steer_no_terminal_and_keep_their_brackets(tmp_path: Path) -> None:
    from toy import toy_recording

    from otolith import Cut, write_study

    recording = toy_recording("p0", gyro=False)
    first, *rest = recording.segments
    recording = replace(
        recording, segments=(replace(first, label="[red]sit[/red]\x1b[2J\u202e"), *rest)
    )
    write_study(tmp_path / "s", [recording], name=HOSTILE, cut=Cut(seconds=2.0, rate_hz=50.0))
    for more in ((), ("--json",)):
        done = run("info", str(tmp_path / "s"), *more, COLUMNS="200")
        assert done.returncode == 0, done.stderr
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(done.stdout + done.stderr)
        assert "[red]sit[/red]" in done.stdout
        if more:
            assert json.loads(done.stdout)["name"] == HOSTILE


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
@pytest.mark.parametrize(
    "arguments", [("--help",), ("benchmark", "--help"), ("list", "placements"), ("info", "ü±→")]
)
def test__plain_terminal__every_text_can_be_said(
    environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    command = [sys.executable, "-m", "otolith", *arguments]
    done = subprocess.run(command, capture_output=True, env=os.environ | environment, check=False)
    assert done.returncode == (2 if arguments[0] == "info" else 0), done.stderr
    assert b"Traceback" not in done.stderr and b"unexpected error" not in done.stderr


@pytest.mark.parametrize(
    "arguments", ["list placements", "info {study}", "--help", "list methods --json"]
)
def test__reader_that_has_seen_enough__nothing_is_said(
    arguments: str, toy_study: Study, tmp_path: Path
) -> None:
    command = f"{sys.executable} -m otolith {arguments.format(study=toy_study.folder)}"
    for pipe in (f"{command} | true", f"{command} >&-"):
        done = subprocess.run(
            ["bash", "-c", pipe], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.stderr == "" and not list(tmp_path.iterdir()), pipe


def test__file_name_that_is_no_text__is_said_by_number(tmp_path: Path) -> None:
    name = os.fsencode(str(tmp_path)) + b"/caf\xe9"
    command = [sys.executable.encode(), b"-m", b"otolith", b"info", name]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 2 and b"caf\\udce9" in done.stderr and b"Traceback" not in done.stderr


def test__commands__say_nothing_past_the_terminal() -> None:
    for path in Path(showing.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        if path.name == "app.py":  # its help and version are words of ours alone
            text = text.replace("typer.echo(context.get_help())", "")
            text = text.replace('typer.echo(f"otolith {__version__}")', "")
        assert "typer.echo" not in text and " print(" not in text, path.name
        assert "Console(" not in text or path.name == "progress.py", path.name
