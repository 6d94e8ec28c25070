"""Rerun's window talks to nobody but this machine, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from listening import is_loopback, listening, tree

from otolith.core.errors import ConfigError
from otolith.motion.simulation.viewing import show_window

# Stands where Rerun's program stands, and tells what it was given.
TELLS = """
import json, os, sys
from pathlib import Path
file = Path(sys.argv[-1])
told = {"words": sys.argv[2:-1], "content": file.read_text(),
        "mode": file.parent.stat().st_mode & 0o777, "environment": dict(os.environ)}
Path(sys.argv[1]).write_text(json.dumps(told))
"""


def test__window__whatever_program__is_bound_to_loopback_alone_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.setenv("https_proxy", "http://somewhere.example:80")
    show_window(b"signals", (sys.executable, "-c", TELLS, str(tmp_path / "told.json")))
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["words"][:3] == ["--bind", "127.0.0.1", "--port"] and int(told["words"][3]) != 9876
    assert told["content"] == "signals" and told["mode"] == 0o700
    # Rerun reports its use unless it runs where CI is set, and asks for newer versions through the
    # proxy that is set.
    assert told["environment"]["CI"] == "true"
    proxies = {
        value for name, value in told["environment"].items() if name.lower().endswith("s_proxy")
    }
    assert proxies == {"http://127.0.0.1:9"}
    assert not list(place.iterdir())


def test__window__that_does_not_open__says_what_to_do_instead(tmp_path: Path) -> None:
    fails = "import sys; print('Error: no screen', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ConfigError, match=r"exit status 3 \(Error: no screen\).*--rrd"):
        show_window(b"", (sys.executable, "-c", fails))


@pytest.mark.skipif(
    find_spec("rerun") is None, reason="rerun-sdk is not installed: pip install 'otolith[view]'"
)
@pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="needs /proc of Linux to see who listens"
)
def test__window__of_rerun_itself__listens_on_loopback_alone(tmp_path: Path) -> None:
    # The server of the window, without a screen.
    show = "from otolith.motion.simulation.viewing import show_window; import sys; "
    show += "show_window(b'', (sys.executable, '-m', 'rerun', '--serve-grpc'))"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", show], env=environment, start_new_session=True
    ) as running:
        try:
            heard: set[str] = set()
            for _ in range(600):
                if heard or running.poll() is not None:
                    break
                heard = listening(tree(running.pid))
                time.sleep(0.1)
        finally:
            os.killpg(running.pid, signal.SIGINT)
    assert heard and all(map(is_loopback, heard)), heard
    assert not list(tmp_path.iterdir())
