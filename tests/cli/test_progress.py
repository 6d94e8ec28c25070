"""Progress: cells, epochs and recordings are counted, with the time left; a log gets plain lines
and nothing else."""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

import pytest
from toy import write_toy_study

from otolith.cli import progress
from otolith.cli.app import app
from otolith.cli.progress import Pace, bar, counter, spelled

QUICK = "--threads 1 --precision fp32"
TABLE = """
[study]
name = "tables"
[files]
pattern = "*.csv"
subject = {from = "path", pattern = '(?P<subject>p\\d+)'}
[time]
column = "time_s"
[[sensor]]
placement = "left_wrist"
acc = {columns = ["x", "y", "z"], unit = "m/s2"}
"""
SMALL = """
workers = 1
[method.quick]
objective = "pim"
pretrain = {epochs = 1}
adapt = {steps = 3, epochs = 1}
"""
COMMANDS = {
    "import": ("tables --mapping mapping.toml --out OUT", "recordings: 4 in"),
    "simulate": ("procedural:walking --bodies 2 --out OUT", "recordings: 2 of 2 in"),
    "fidelity": ("simulated simulated", "pairs: 1 of 1 in"),
    "pretrain": (f"study --epochs 2 --out OUT {QUICK}", "epochs: 2 of 2 in"),
    "adapt": (f"tpn study --shots 1 --recipe short.toml --out OUT {QUICK}", "steps: "),
    "recognise": (
        "recogniser study/recordings/p0-1.left_wrist.parquet --out OUT.csv",
        "recordings: 1 of 1 in",
    ),
    "benchmark": (
        "study --recipe small.toml --methods quick --shots 1 --folds 2 --draws 2 --out OUT "
        f"{QUICK}",
        "cells: 4 of 4 in",
    ),
}
"""What takes long, and how its log ends; the demo is a benchmark on people that it simulates."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("progress")
    (folder / "tables").mkdir()
    for number in range(4):
        rows = "".join(f"{row / 50:.2f},0.{number},0.2,9.8\n" for row in range(500))
        (folder / "tables" / f"p{number}.csv").write_text(f"time_s,x,y,z\n{rows}")
    (folder / "mapping.toml").write_text(TABLE)
    (folder / "small.toml").write_text(SMALL)
    (folder / "pairs.toml").write_text('augmentations = ["scaling"]\nshots = [1]\n')
    (folder / "short.toml").write_text("[adapt]\nsteps = 3\nepochs = 1\n")
    write_toy_study(folder / "study", people=6)
    before = Path.cwd()
    os.chdir(folder)
    try:
        for words in (
            "simulate procedural:walking --bodies 1 --out simulated",
            f"adapt features study --head logistic --shots 2 --out recogniser {QUICK}",
        ):
            app([*words.split(), "--quiet"], standalone_mode=False)
    finally:
        os.chdir(before)
    return folder


def run_in(
    place: Path, name: str, out: str, stderr: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "stderr", stderr)
    app([name, *COMMANDS[name][0].replace("OUT", out).split()], standalone_mode=False)


@pytest.mark.parametrize("name", COMMANDS)
def test__command__into_a_pipe__writes_plain_lines_and_where_it_ended(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    monkeypatch.setenv("FORCE_COLOR", "1")  # which is about colours: a pipe stays a pipe
    log = io.StringIO()
    run_in(place, name, f"pipe-{name}", log, monkeypatch)
    told = log.getvalue()
    assert all(line.isprintable() for line in told.splitlines())
    lines = [line for line in told.splitlines() if not line.startswith(("note:", "Wrote"))]
    assert lines[-1].startswith(COMMANDS[name][1])


@pytest.mark.parametrize("name", ["import", "simulate", "benchmark"])
def test__command__in_a_terminal__draws_a_bar_and_takes_it_away(
    name: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                seen.extend(os.read(ours, 4096))
            except OSError:  # how Linux tells that the other side was closed
                return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    with os.fdopen(theirs, "w") as terminal:
        run_in(place, name, f"terminal-{name}", terminal, monkeypatch)
    reader.join(10)
    os.close(ours)
    told = seen.decode()
    assert "\x1b[?25l" in told and "\x1b[2K" in told.rpartition("\x1b[?25h")[2]
    what, _, count = COMMANDS[name][1].partition(": ")
    assert what in told
    if " of " in count:
        total = count.split()[2]
        assert f"/{total}" in told and "0/?" not in told


def test__bar__time_left__is_that_of_what_was_made_not_of_what_was_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr("otolith.cli.progress.time.monotonic", lambda: now[0])
    pace = Pace("cells")
    now[0] = 100.0  # windows are cut
    pace.tell(0, 310, "")
    assert pace.left() == ""
    pace.tell(200, 310, "found")  # a run that was broken off had made them
    assert pace.left() == ""
    for done in range(201, 220):
        now[0] += 6.0
        pace.tell(done, 310, "epoch")
    assert pace.left() == ""  # too few to tell by
    for done in range(220, 231):
        now[0] += 6.0
        pace.tell(done, 310, "epoch")
    assert pace.left_s == pytest.approx(6.0 * 80)
    now[0] += 180.0  # nothing comes: the rest is farther away, and is told so
    pace.tell(230, 310, "epoch 2")
    assert pace.line() == "cells: 230 of 310 after 8 min, about 16 min left, epoch 2"
    pace.tell(310, 310, "")
    assert pace.line() == "cells: 310 of 310 after 8 min"


def test__bar__into_a_log__says_now_and_then_what_nothing_was_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.01)
    told = threading.Event()
    tell = progress.tell
    monkeypatch.setattr(progress, "tell", lambda text, err: (tell(text, err=err), told.set()))
    with bar(False, "clips", "clips are looked for"):
        assert told.wait(30)
    assert capsys.readouterr().err.splitlines()[0] == "clips: 0 after 0 s, clips are looked for"


def test__bar__broken_off__says_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), bar(False, "clips") as show:
        show(3, 10, "walk")
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "clips: 3 of 10 in 0 s\n"


def test__bar__name_with_control_characters__is_shown_without_them() -> None:
    pace = Pace("clips")
    pace.tell(1, 2, "walk\x1b[2Jing\nnext")
    assert pace.line().isprintable() and "walk" in pace.line()


def test__quiet__writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with bar(True, "clips") as show, counter(True, "files") as tick:
        show(1, 2, "")
        assert tick is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min"), (870, "14 min"), (7500, "2 h 05 min")],
)
def test__spelled__seconds__are_told_as_people_do(seconds: float, words: str) -> None:
    assert spelled(seconds) == words
