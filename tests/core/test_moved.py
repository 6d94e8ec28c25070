"""Names of version 0.1: an old import says what to type."""

from __future__ import annotations

import importlib
import re

import pytest

import otolith
from otolith.core.moved import MOVED, explain

MODULES = {old: new for old, new in MOVED.items() if new.rpartition(".")[2].islower()}


@pytest.mark.parametrize(("old", "new"), sorted(MODULES.items()))
def test__moved__old_module__names_one_that_exists(old: str, new: str) -> None:
    assert importlib.import_module(new)
    with pytest.raises(ImportError, match=re.escape(new)):
        importlib.import_module(old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("from otolith import Evaluation", "otolith.Cut"),
        ("from otolith import partners", "otolith.learn.modalities"),
        ("from otolith.partners.files import Text, write_texts", "otolith.data.paired"),
        ("from otolith.simulation.people import virtual_study", "otolith.motion.bodies.people"),
        ("from otolith.evaluation.gates import gate_use", "otolith.show.gates"),
        ("from otolith.deployment.words import from_words", "otolith.use.zero_shot"),
        ("from otolith.training.published import load_published", "otolith.learn.training"),
        ("from otolith.physics.symmetry import best_lag", "otolith.data.physics"),
        ("from otolith.motion import JOINTS", "otolith.data.skeleton.JOINTS"),
        ("import otolith.errors", "otolith.core.errors"),
    ],
)
def test__import__as_the_documentation_of_0_1_had_it__names_the_new_one(old: str, new: str) -> None:
    with pytest.raises(ImportError, match=rf"(is|:) {re.escape(new)}\b"):
        exec(old)


def test__name__that_has_another_one_now__says_so() -> None:
    with pytest.raises(AttributeError, match=r"otolith\.Evaluation is otolith\.Cut now"):
        _ = otolith.Evaluation  # type: ignore[attr-defined]
    assert not hasattr(otolith, "Evaluation")


def test__name__misspelt__names_the_nearest() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'Recogniser'"):
        _ = otolith.Recognizer  # type: ignore[attr-defined]


def test__name__that_never_was__is_left_to_python() -> None:
    assert explain("otolith.nothing") is None
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'otolith\.nothing'"):
        importlib.import_module("otolith.nothing")
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        exec("from otolith import nothing")
