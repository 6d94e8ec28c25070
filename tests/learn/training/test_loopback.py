"""Nothing that is started here listens to anybody but this machine."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from listening import is_loopback, listening, tree

from otolith import Study

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="needs /proc of Linux to see who listens"
)
@pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch knows no other processes"
)
def test__pretrain_in_two_processes__all_that_listens__listens_on_loopback(
    toy_study: Study, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-m",
        "otolith",
        "pretrain",
        str(toy_study.folder),
        "--out",
        str(tmp_path / "encoder"),
    ]
    command += ["--epochs", "2", "--processes", "2", "--device", "cpu", "--threads", "1", "--quiet"]
    heard: set[str] = set()
    folders: set[int] = set()
    place = tmp_path / "temporary"
    place.mkdir()
    environment = os.environ | {"TMPDIR": str(place)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            heard |= listening(tree(running.pid))
            for met in place.glob("otolith-meeting-*"):
                folders.add(met.stat().st_mode & 0o777)
            time.sleep(0.02)
        assert running.stderr is not None
        assert running.returncode == 0, running.stderr.read()
    assert heard, "the processes speak through sockets, which must have been seen"
    assert all(map(is_loopback, heard)), heard
    assert folders == {0o700} and not list(place.glob("otolith-*")), "private, and gone afterwards"


def test__is_loopback__addresses_of_proc__are_told_apart() -> None:
    assert is_loopback("0100007F") and is_loopback("00000000000000000000000001000000")
    assert is_loopback("0000000000000000FFFF00000100007F")
    assert not is_loopback("00000000") and not is_loopback("0" * 32) and not is_loopback("0202A8C0")


def test__the_package__whatever_can_listen__is_known_and_held_to_loopback() -> None:
    # Who adds a server, a store or a manager of processes comes past here, and past SECURITY.md.
    known = {"learn/training/processes.py"}
    risky = {
        "TCPStore",
        "HTTPServer",
        "ThreadingHTTPServer",
        "create_server",
        "start_server",
        "serve_web",
        "serve_grpc",
        "BaseManager",
        "SyncManager",
        "Listener",
        "listen",
        "serve",
        "TCPServer",
        "UDPServer",
        "init_process_group",
        "serve_web_viewer",
        "connect_grpc",
    }
    found = set()
    for path in (ROOT / "src" / "otolith").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = (
                node.attr
                if isinstance(node, ast.Attribute)
                else node.id
                if isinstance(node, ast.Name)
                else ""
            )
            if name in risky:
                found.add(path.relative_to(ROOT / "src" / "otolith").as_posix())
    assert found == known
