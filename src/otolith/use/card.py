"""The page that a person reads before trusting a recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otolith.core.text import card_line
from otolith.data.recording import natural_key
from otolith.learn.heads.text import UNKNOWN


def card(config: Mapping[str, Any]) -> str:
    """Say in Markdown for whom a recogniser is, on whom it was trained, what it knows, and where
    its limits are."""
    schema, record = config["schema"], config["record"]
    before, after = record["pretraining"], record["adaptation"]
    window = next(step for step in config["signal"] if step["name"] == "window")
    people = sorted({*before.get("subjects", ()), *after["subjects"]}, key=natural_key)
    seconds = schema["length"] / schema["rate_hz"]
    gravity = "with gravity" if schema["gravity"] == "included" else "gravity removed"
    studies = {**before.get("studies", {}), **after["studies"]}
    labels = after["labels"]
    lines = [
        f"# Recogniser of {len(config['classes'])} activities",
        "",
        f"For recordings of {', '.join(schema['channels'])} (SI units, {gravity}), of people it "
        f"has never seen.",
        "Use: `otolith recognise RECOGNISER FILE`, or `Recogniser.load(folder)` in Python.",
        "",
        "## What it takes",
        f"- windows of {seconds:g} s, {schema['length']} samples at {schema['rate_hz']:g} Hz "
        f"(others are resampled)",
        f"- placements: {', '.join(window['placements']) or 'as the channels say'}"
        + (f"; one sensor anywhere, shown as '{window['slot']}'" if window["slot"] else ""),
        f"- lost samples are bridged up to {config['signal'][0]['bridge_s']:g} s; a window with "
        f"more than "
        f"{window['most_bridged']:.0%} of them gets no label",
        "",
        "## What it knows",
        "| activity | labelled windows |",
        "|---|---|",
        *(f"| {_cell(name)} | {labels[name]} |" for name in labels),
        "",
        *_words(after),
        "## What was trained",
        f"- encoder '{config['encoder']['name']}': {_encoder_words(before, after)}",
        f"- head '{config['head']['name']}': "
        + ("the words above" if after.get("words") else "trained on the labelled windows above"),
        f"- normalisation: mean and deviation per channel over {_people(before)}",
        f"- encoder learnt from: {_people(before)}",
        f"- labels came from: {_people(after)}",
        f"- studies (content hash): "
        f"{', '.join(f'{k} ({v})' for k, v in studies.items()) or 'none: arrays'}",
        f"- {'SIMULATED' if after['origin'] == 'simulated' else 'measured'} recordings",
        f"- seed {after['settings']['seed']}, precision {record['runtime']['precision']}",
        f"- versions {record['versions']}, commit {record['commit']}",
        "",
        "## Limits",
        "- Any figure obtained on the people above says nothing of new people: "
        + (
            f"do not test on {', '.join(people)}." if people else "who they were is not known here."
        ),
        "- It always chooses among the activities above; anything else will be called one of them."
        if UNKNOWN not in config["classes"] or not after.get("words")
        else "- What lies near none of the descriptions is called 'unknown'; how near that is was "
        "set by hand.",
        "- Other placements, other devices and other ways to do these activities were not tested.",
        "- It is not a medical device.",
    ]
    return "".join(f"{card_line(line)}\n" for line in lines)


def _words(after: Mapping[str, Any]) -> list[str]:
    """What was said of each activity, where they were given in words."""
    prompts = after.get("words", {})
    if not prompts:
        return []
    said = [f"- {_cell(name)}: {'; '.join(map(_cell, texts))}" for name, texts in prompts.items()]
    return ["## What was said of them", *said, ""]


def _encoder_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    objective = before.get("objective", "none")
    if objective != "none":
        return f"pretrained by {objective}, then " + (
            "fine-tuned" if after["encoder_moved"] else "left as it was"
        )
    if after["encoder_moved"]:
        return "started from random weights and trained on the labelled windows alone"
    return "never trained: a fixed recipe, or RANDOM weights"


def _people(part: Mapping[str, Any]) -> str:
    subjects = part.get("subjects", [])
    return (
        f"{len(subjects)} people ({', '.join(subjects)})"
        if subjects
        else "people who are not named (arrays)"
    )


def _cell(name: str) -> str:
    return str(name).replace("|", "\\|")
