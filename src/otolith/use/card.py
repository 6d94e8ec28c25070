"""The page that a person reads before trusting a recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otolith.core.templates import render
from otolith.core.text import card_line
from otolith.data.recording import natural_key
from otolith.learn.heads.text import UNKNOWN


def card(config: Mapping[str, Any]) -> str:
    """Say in Markdown whom a recogniser is for, on whom it was trained, and where its limits are.

    config: what its config.json holds. Text from it is no tag, no new line and no control
    character (`card_line`).
    """
    before, after = config["record"]["pretraining"], config["record"]["adaptation"]
    studies = {**before.get("studies", {}), **after["studies"]}
    # Pretraining counts too: an encoder has seen its people without labels.
    people = sorted({*before.get("subjects", ()), *after["subjects"]}, key=natural_key)
    values = {
        **config,
        "after": after,
        "words": after.get("words", {}),
        "unknown": UNKNOWN,
        "how": _encoder_words(before, after),
        "before_people": _people(before),
        "after_people": _people(after),
        "people": ", ".join(people),
        "studies": ", ".join(f"{name} ({content})" for name, content in studies.items()),
        **{step["name"]: step for step in config["signal"]},
    }
    return render("otolith.use", "card.md", _shown, values, html=False)


def _shown(value: object) -> str:
    return card_line(str(value))


def _encoder_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    moved = after["encoder_moved"]
    objective = before.get("objective", "none")
    if objective != "none":
        return f"pretrained by {objective}, then {'fine-tuned' if moved else 'left as it was'}"
    if moved:
        return "started from random weights and trained on the labelled windows alone"
    return "never trained: a fixed recipe, or RANDOM weights"


def _people(part: Mapping[str, Any]) -> str:
    subjects = part.get("subjects", [])
    if not subjects:
        return "people who are not named (arrays)"
    return f"{len(subjects)} people ({', '.join(subjects)})"
