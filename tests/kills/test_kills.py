"""A sample of `make kills`; pretraining that is killed has tests of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("target", ["import"])
def test__kills__a_few_of_a_command__all_end_as_if_never_stopped(
    tmp_path: Path, target: str
) -> None:
    # In a process of its own: one with threads, as pytest may have, does not fork safely.
    words = [
        sys.executable,
        "-m",
        "kills",
        "--kills",
        "2",
        "--target",
        target,
        "--folder",
        str(tmp_path),
    ]
    tests = str(Path(__file__).parents[1])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])
    }
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout
