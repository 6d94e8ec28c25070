"""The benchmarks: each says what it measures and runs; how fast anything is, no test asks."""

from __future__ import annotations

import ast
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
QUICK = [
    path
    for path in SCRIPTS
    if '"--quick"' in path.read_text(encoding="utf-8") and path.stem != "run"
]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    return load("run")


def call(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(path), *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "OTOLITH_DATA"}
    return subprocess.run(
        command, capture_output=True, text=True, env=environment | {"OMP_NUM_THREADS": "1"}
    )


def numbers(content: Any) -> Iterator[float]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from numbers(value)
    elif isinstance(content, (int, float)):
        yield content


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test__benchmark__says_what_it_measures_and_has_a_main(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert (ast.get_docstring(tree) or "").partition("\n\n")[0].endswith((".", ":"))
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test__benchmark__quick__gives_finite_figures(path: Path, runner: ModuleType) -> None:
    if path.stem == "symmetry":
        pytest.importorskip("dtaidistance", reason="measured against it: pip install -e '.[bench]'")
    threads = ("--threads", "1") if "--threads" in path.read_text(encoding="utf-8") else ()
    done = call(path, "--quick", *threads)
    assert done.returncode == 0, done.stderr
    record = runner.last_json(done.stdout)
    if record is None and "SKIPPED: OTOLITH_DATA is unset" in done.stdout:
        pytest.skip("it measures real recordings only")
    assert record["rows"]
    assert all(math.isfinite(number) for number in numbers(record))
    for row in record["rows"]:
        measured = [row[measure] for measure, _, _ in runner.MEASURES if measure in row]
        assert row["what"] and len(measured) == 1 and measured[0] > 0


def test__training__bare_loop__ends_with_the_weights_of_ours() -> None:
    code = """
import copy, json, sys, torch
sys.argv = ["training.py", "--threads", "1"]
import training
torch.set_num_threads(1)
runtime = training.Runtime("cpu", "fp32", 1)
run = training.start(training.made_windows(200, 3), 32, runtime)
first, second = run, copy.deepcopy(run)
modules = []
bare = training.bare
def watched(run, loss, parts, *rest, **more):
    modules.append(parts)
    return bare(run, loss, parts, *rest, **more)
training.bare = watched
rival = training.rivals(second)["the same modules"]
torch.manual_seed(7)
training.within(runtime, first.one_epoch)()
torch.manual_seed(7)
loss = rival()
pairs = zip([*first.model.encoder.parameters(), *first.goal.parameters()],
            [*modules[0][0].parameters(), *modules[0][1].parameters()], strict=True)
print(json.dumps([first.history[0]["validation"], loss, all(torch.equal(a, b) for a, b in pairs)]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ours, theirs, equal = json.loads(done.stdout)
    assert equal and ours == pytest.approx(theirs, rel=1e-5)


def test__run__list__names_every_benchmark() -> None:
    done = call(FOLDER / "run.py", "--list")
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines()}
    assert listed == {path.stem for path in SCRIPTS} - {"run"}


def test__run__unknown_name__is_told() -> None:
    done = call(FOLDER / "run.py", "smymetry")
    assert done.returncode == 1 and "There is no benchmark 'smymetry'; there are" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('| a |\n\n{"rows": [1]}\n', {"rows": [1]}),
        ('{"rows": 1}\n{\n "rows": [\n  {\n   "ratio": 2\n  }\n ]\n}\n', {"rows": [{"ratio": 2}]}),
        ("| a |\n", None),
        ("{broken\n", None),
        ("", None),
    ],
)
def test__run__last_json__reads_one_line_or_several(
    runner: ModuleType, text: str, expected: Any
) -> None:
    assert runner.last_json(text) == expected


def test__run__summary__says_what_was_reached_and_what_was_not_run(runner: ModuleType) -> None:
    lines = runner.summary(
        {
            "speed": {
                "rows": [{"what": "a", "ratio": 19.0, "at_least": 20}, {"what": "b", "ratio": 2.0}]
            },
            "start": {"rows": [{"what": "c", "seconds": 0.25, "at_most": 0.5}]},
            "data": {"skipped": "OTOLITH_DATA is unset"},
        }
    )[2:]
    assert lines == [
        "| speed | a | 19 × | at least 20 | no |",
        "| speed | b | 2 × |  |  |",
        "| start | c | 0.25 s | at most 0.5 | yes |",
        "| data | SKIPPED: OTOLITH_DATA is unset | | | |",
    ]


def test__run__script_that_needs_recordings__is_skipped_and_a_broken_one_fails(
    runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTOLITH_DATA", raising=False)
    (tmp_path / "needs.py").write_text("raise SystemExit('set OTOLITH_DATA to the folder')")
    (tmp_path / "broken.py").write_text("raise SystemExit('no such thing')")
    assert runner.call(tmp_path / "needs.py", 1, False) == {
        "skipped": "set OTOLITH_DATA to the folder"
    }
    assert runner.call(tmp_path / "broken.py", 1, False) == {"failed": "no such thing"}
    monkeypatch.setenv("OTOLITH_DATA", str(tmp_path))
    assert "failed" in runner.call(tmp_path / "needs.py", 1, False)


FAKES = {
    "good": {
        "rows": [
            {"what": "quick", "ratio": 3.0, "at_least": 2},
            {"what": "told only", "seconds": 9.0},
        ]
    },
    "slow": {
        "rows": [
            {"what": "start", "seconds": 0.75, "at_most": 0.5},
            {"what": "lost", "ratio": float("nan"), "at_least": 1},
        ]
    },
    "long": {"finished": {"hapt": True, "mex": False}},
}
"""What small benchmarks print: one that reaches everything, one that falls short twice, one that
did not finish."""


def fake_benchmarks(folder: Path) -> Path:
    """Lay the real runner beside small benchmarks, as in a checkout; return the runner."""
    place = folder / "benchmarks"
    place.mkdir(parents=True)
    shutil.copy(FOLDER / "run.py", place)
    for name, record in FAKES.items():
        (place / f"{name}.py").write_text(
            f'"""{name}."""\n# "--docs"\nimport json, sys\nprint(json.dumps({record!r}), '
            f"file=sys.stdout)\n".replace("nan", 'float("nan")')
        )
    (place / "results.json").write_text('{"older": {"rows": []}}')
    return place / "run.py"


def test__run__everything_reached__exits_0_and_writes_where_git_does_not_track(
    tmp_path: Path,
) -> None:
    done = call(fake_benchmarks(tmp_path), "good")
    assert done.returncode == 0, done.stderr
    kept = json.loads((tmp_path / "runs" / "bench" / "results.json").read_text())
    assert list(kept) == ["good"] and kept["good"]["rows"] == FAKES["good"]["rows"]
    assert (tmp_path / "benchmarks" / "results.json").read_text() == '{"older": {"rows": []}}'
    assert "/runs/" in (FOLDER.parent / ".gitignore").read_text().splitlines()


def test__run__fell_short__exits_1_and_names_each(tmp_path: Path) -> None:
    done = call(fake_benchmarks(tmp_path))
    assert done.returncode == 1
    assert "| slow | start | 0.75 s | at most 0.5 | no |" in done.stdout
    assert done.stderr.strip().splitlines() == [
        "Not reached:",
        "- long, mex: broken off where finished was wanted",
        "- slow, start: 0.75 s where at most 0.5 was wanted",
        "- slow, lost: nan × where at least 1 was wanted",
    ]
    quick = call(fake_benchmarks(tmp_path / "quick"), "slow", "--quick")
    assert quick.returncode == 0 and not (tmp_path / "quick" / "runs").exists()


def test__run__record__writes_the_tracked_file_beside_what_stands_there(tmp_path: Path) -> None:
    done = call(fake_benchmarks(tmp_path), "good", "--record")
    assert done.returncode == 0, done.stderr
    assert list(json.loads((tmp_path / "benchmarks" / "results.json").read_text())) == [
        "good",
        "older",
    ]
    assert not (tmp_path / "runs").exists()


def test__make_bench__without_record__does_not_ask_for_it() -> None:
    for given, recorded in (((), False), (("RECORD=1",), True)):
        done = subprocess.run(
            ["make", "-n", "bench", "BENCH=start", *given],
            cwd=FOLDER.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "run.py start" in done.stdout and ("--record" in done.stdout) is recorded
