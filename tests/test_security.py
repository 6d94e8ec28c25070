"""SECURITY.md keeps its word: each promise names tests, and each test that it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "SECURITY.md"
SOURCE = ROOT / "src" / "otolith"
TEST = re.compile(r"`(test__\w+)`")

# Who reaches out, and what for. Whoever adds one comes past here, and past SECURITY.md.
REACHES_OUT = {
    (
        "learn/modalities/_models.py",
        "huggingface_hub",
    ): "a model that the caller names is fetched once",
    ("learn/training/processes.py", "socket"): "processes of one machine meet on loopback",
    ("motion/simulation/viewing.py", "socket"): "a free port of this machine, for Rerun's window",
}
NETWORK = frozenset(
    {"socket", "ssl", "urllib", "http", "ftplib", "smtplib", "telnetlib", "xmlrpc", "socketserver"}
    | {"asyncio", "requests", "httpx", "aiohttp", "urllib3", "boto3", "paramiko", "websockets"}
    | {"grpc", "huggingface_hub"}
)


def rows_under(heading: str) -> list[list[str]]:
    """The rows of the table under a heading, cell by cell."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names_of_tests() -> set[str]:
    trees = (
        ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("test_*.py")
    )
    return {
        node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize(("heading", "least"), [("What Otolith promises", 20), ("Attacks", 12)])
def test__security__every_line__names_tests_that_are_there(heading: str, least: int) -> None:
    rows, existing = rows_under(heading), names_of_tests()
    assert len(rows) >= least
    for row in rows:
        named = TEST.findall(row[-1])
        assert named, f"held by nothing: {row}"
        assert TEST.sub("", row[-1]).strip() == "", f"the last cell holds tests alone: {row}"
        assert not set(named) - existing, f"no such test: {sorted(set(named) - existing)}"
    assert not set(TEST.findall(PAGE.read_text(encoding="utf-8"))) - existing


def test__security__promises__are_whole_sentences_and_each_is_made_once() -> None:
    promises = [row[0] for row in rows_under("What Otolith promises")]
    assert all(promise[0].isupper() and promise.endswith(".") for promise in promises)
    assert len(set(promises)) == len(promises)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test__source__reaches_no_network_but_for_named_models() -> None:
    reaching = {
        (path.relative_to(SOURCE).as_posix(), module)
        for path in SOURCE.rglob("*.py")
        for module in imports(path)
        if module in NETWORK
    }
    assert not reaching - REACHES_OUT.keys(), (
        "who reaches out is listed in REACHES_OUT and in SECURITY.md"
    )
    assert ("learn/modalities/_models.py", "huggingface_hub") in reaching, "the search itself works"


@pytest.mark.parametrize("place", ["trust_remote_code", "weights_only", "use_safetensors"])
def test__source__what_loads_models__says_that_it_runs_no_code(place: str) -> None:
    safe = {"trust_remote_code": False, "weights_only": True, "use_safetensors": True}[place]
    seen = 0
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            pairs = [(k.arg, k.value) for k in node.keywords] if isinstance(node, ast.Call) else []
            if isinstance(node, ast.Dict):
                pairs = [
                    (getattr(k, "value", None), v)
                    for k, v in zip(node.keys, node.values, strict=True)
                ]
            for name, value in pairs:
                if name == place:
                    seen += 1
                    assert isinstance(value, ast.Constant) and value.value is safe, (
                        f"{path}: {ast.unparse(node)}"
                    )
    assert seen
