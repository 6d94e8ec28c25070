"""A sample of what `make fuzz` runs, and that nothing which reads files is without a target."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuzz.damage import ANY, TEXT, formats
from fuzz.damage_trees import JSON, TOML
from fuzz.harness import Harness
from fuzz.target import seeded
from fuzz.targets import TARGETS

READ_NO_FILE = {"motion format procedural"}
CASES = 5
FIRST = 100_000
"""Cases beyond those of `make fuzz`, so that the sample looks at others."""


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    with Harness(quick=True) as running:
        yield running


@pytest.mark.parametrize("target", TARGETS)
def test__damaged_files__a_few_of_each_reader__are_refused_or_told(
    target: str, harness: Harness
) -> None:
    for number in range(FIRST, FIRST + CASES):
        answer = harness.run(target, number)
        assert answer["outcome"] != "fault", (
            f"{target} {number}, {answer['damage']}:\n" + "\n".join(answer["faults"])
        )


def test__harness__reader_that_breaks_every_promise__is_seen(harness: Harness) -> None:
    """The harness is held to what it must see: each of these readers does one thing that none may
    do."""
    expected = {
        "broken_traceback": "KeyError",
        "broken_files": "files outside of the named folder: home",
        "broken_unseen": "a change that nobody saw",
        "broken_memory": "MiB above the idle process",
        "broken_death": "the process died of signal 11",
        "broken_rows": "rows read",
        "broken_values": "values that were in no file",
        "broken_warning": "a warning that is not ours",
        "broken_message": "control characters",
    }
    for name, words in expected.items():
        answers = (harness.run(name, number) for number in range(5))
        found = next((answer for answer in answers if answer["outcome"] == "fault"), None)
        assert found is not None and words in "\n".join(found["faults"]), f"{name}: {found}"


def test__harness__reader_that_hangs__is_killed_and_told(harness: Harness) -> None:
    answer = harness.run("broken_hang", 1, limit_s=0.5)
    assert answer["outcome"] == "fault" and answer["faults"] == ["it took more than 0.5 s"]
    assert harness.run("table_csv", FIRST)["outcome"] != "fault"


def test__damage__same_case__is_the_same_bytes() -> None:
    content = json.dumps({"a": {"b": [1, 2, {"c": None}]}, "d": "x"}).encode()
    for kind in (*ANY, *TEXT, *JSON):
        first, second = (kind.make(content, seeded("t", 3)).content for _ in range(2))
        assert first == second, kind.name
    toml = b'a = 1\n[b]\nc = "x"\nd = [1, 2]\n'
    assert all(kind.make(toml, seeded("t", 3)) == kind.make(toml, seeded("t", 3)) for kind in TOML)


@pytest.mark.parametrize(
    "family",
    [
        "data.readers",
        "data.datasets",
        "motion.formats",
        "learn.modalities",
        "learn.encoders",
        "learn.heads",
    ],
)
def test__targets__each_member_of_a_family__has_one(family: str) -> None:
    from importlib import import_module

    table = import_module(f"otolith.{family}").FAMILY
    covered = {name for target in TARGETS.values() for name in target.covers} | READ_NO_FILE
    absent = {f"{table.kind} {name}" for name in table} - covered
    assert not absent, f"no target in tests/fuzz reads {sorted(absent)}"


def test__formats__are_known_by_content(tmp_path: Path) -> None:
    assert formats("a.json", b"{}") and formats("a.csv", b"1,2\n") and formats("a", b"PK\x03\x04")
    assert not formats("a.bin", b"\xff\x00\xfe")
