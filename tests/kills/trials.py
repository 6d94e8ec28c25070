"""Trials: a command is killed once or more, typed again, and held against the unbroken run;
resumable, one by one."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kills.killing import Ended, Moment, left_behind, result_of, run
from kills.places import COMMANDS, Place

_AGAIN = 0.25  # of the trials are killed a second time, in the run that goes on


@dataclass(frozen=True)
class Unbroken:
    """What a command makes when nobody disturbs it."""

    seconds: float
    events: int
    result: dict[str, str]


def prepare(folder: Path, targets: tuple[str, ...]) -> tuple[Place, dict[str, Unbroken]]:
    """Make the place in a new folder, and run each command once, unbroken."""

    shutil.rmtree(folder, ignore_errors=True)
    place = Place.make(folder / "place")
    unbroken: dict[str, Unbroken] = {}
    needed = {*targets, *(["pretrain"] if "adapt" in targets else [])}
    for target, command in COMMANDS.items():
        if target not in needed:
            continue
        trial = place.copy(folder / "unbroken")
        ended = run(trial, command)
        if ended.code or left_behind(trial):
            raise RuntimeError(
                f"The unbroken {target} ended with {ended.code}, left {left_behind(trial)}: "
                f"{ended.said}"
            )
        unbroken[target] = Unbroken(ended.seconds, ended.events, result_of(trial / "out"))
        if target == "pretrain":
            shutil.copytree(trial / "out", place.folder / "encoder")
        shutil.rmtree(trial)
    return place, unbroken


def trial(folder: Path, place: Place, target: str, unbroken: Unbroken, seed: str) -> dict[str, Any]:
    """Kill a command at moments that the seed draws, type it again, and say what is wrong then;
    nothing where all is as it should be."""
    rng = random.Random(seed)
    work = place.copy(folder / "trial")
    facts: dict[str, Any] = {"seed": seed, "target": target, "kills": 0, "moments": []}
    for _ in range(1 + (rng.random() < _AGAIN)):
        moment = Moment.draw(rng, unbroken.seconds, unbroken.events)
        ended = run(work, COMMANDS[target], moment)
        facts["kills"] += ended.code == -9
        facts["moments"].append([moment.seconds, moment.events])
    finished = result_of(work / "out") == unbroken.result if (work / "out").is_dir() else False
    last = run(work, COMMANDS[target])
    facts["wrong"] = _wrong(work, last, unbroken, finished)
    facts["finished_before"] = finished
    if not facts["wrong"]:
        shutil.rmtree(work)
    return facts


def _wrong(work: Path, last: Ended, unbroken: Unbroken, finished: bool) -> list[str]:
    wrong = []
    # Whoever types a command again whose result is whole may be told that it is there.
    if last.code and not (finished and last.code == 2 and "already exists" in last.said):
        wrong.append(f"ended with {last.code}: {last.said[-1500:]}")
    result = result_of(work / "out") if (work / "out").is_dir() else {}
    if different := sorted(
        name
        for name in {*result, *unbroken.result}
        if result.get(name) != unbroken.result.get(name)
    ):
        wrong.append(f"differs in {', '.join(different[:8])}")
    if leftovers := left_behind(work):
        wrong.append(f"left behind {', '.join(leftovers[:8])}")
    return wrong


def trials(
    folder: Path,
    kills: int,
    targets: tuple[str, ...] = tuple(COMMANDS),
    tell: Callable[[str], None] = print,
) -> Iterator[dict[str, Any]]:
    """Try until each command was killed its share of times; what was tried before in this folder
    counts.

    A trial that went wrong is tried again, and its folder is kept until then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "kills.jsonl"
    before = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    done = {one["seed"]: one for one in before if not one["wrong"]}
    counted = Counter(
        {
            target: sum(one["kills"] for one in done.values() if one["target"] == target)
            for target in targets
        }
    )
    yield from done.values()
    place, unbroken = prepare(folder / "work", targets)
    share = -(-kills // len(targets))
    number = 0
    while any(counted[target] < share for target in targets):
        for target in targets:
            seed = f"{target}-{number}"
            if counted[target] >= share or seed in done:
                continue
            one = trial(folder / "work", place, target, unbroken[target], seed)
            counted[target] += one["kills"]
            with log.open("a", encoding="utf-8") as opened:
                opened.write(json.dumps(one) + "\n")
            so_far = f"{sum(counted.values())} of {share * len(targets)} kills"
            tell(f"{so_far}: {seed}: {'; '.join(one['wrong']) or 'as it should be'}")
            if one["wrong"]:
                kept = folder / "wrong" / seed
                shutil.rmtree(kept, ignore_errors=True)
                kept.parent.mkdir(exist_ok=True)
                (folder / "work" / "trial").rename(kept)
            yield one
        number += 1


def summary(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Count trials, kills and what went wrong, by command."""
    targets = dict.fromkeys(one["target"] for one in trials)
    return {
        target: {
            "trials": sum(one["target"] == target for one in trials),
            "kills": sum(one["kills"] for one in trials if one["target"] == target),
            "finished_before_the_last_run": sum(
                one["finished_before"] for one in trials if one["target"] == target
            ),
            "wrong": [one for one in trials if one["target"] == target and one["wrong"]],
        }
        for target in targets
    }
