"""A member has no public name that its family's promise does not know.

Whoever misspells a method of the promise, as `notes` for `complaints`, would else never be called.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from otolith.core import catalog
from otolith.learn import encoders

PROMISES = {
    "encoders": "otolith.learn.encoders.encoder:Encoder",
    "heads": "otolith.learn.heads.head:Head",
    "objectives": "otolith.learn.objectives.objective:Objective",
    "augmentations": "otolith.learn.augmentations.augmentation:Augmentation",
    "modalities": "otolith.learn.modalities.modality:Modality",
    "datasets": "otolith.data.datasets.dataset:DataSet",
}
MEMBERS = [
    (family, target) for family in PROMISES for target in catalog.family(family).values()
] + [("modality encoders", target) for target in encoders.MODALITY_ENCODERS.values()]


def loaded(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def unknown_names(member: type, promise: type) -> set[str]:
    """The public names of a class that neither its promise nor an abstract class between has."""
    own, known = set(), set()
    for part in member.__mro__:
        names = {name for name in vars(part) if not name.startswith("_")}
        of_promise = part.__module__ == promise.__module__ or inspect.isabstract(part)
        if issubclass(part, promise) and not of_promise:
            own |= names
        else:
            known |= names | set(vars(part).get("__annotations__", {}))
    return own - known


@pytest.mark.parametrize(("family", "target"), MEMBERS, ids=lambda part: part.rpartition(":")[2])
def test__member__has_no_public_name_that_its_promise_does_not_know(
    family: str, target: str
) -> None:
    promise = PROMISES.get(family, "otolith.learn.encoders.modality_encoder:ModalityEncoder")
    if inspect.isclass(member := loaded(target)):
        unknown = unknown_names(member, loaded(promise))
        if family == "datasets":  # further facts of a data set are constants of its own
            unknown = {name for name in unknown if callable(getattr(member, name))}
        assert unknown == set()


def test__unknown_names__see_a_method_that_nobody_calls() -> None:
    class Misnamed(loaded(PROMISES["objectives"])):  # type: ignore[misc]
        def notes(self) -> list[str]:
            return []

        def report(self) -> dict[str, Any]:
            return {}

    Misnamed.__abstractmethods__ = frozenset()
    assert unknown_names(Misnamed, loaded(PROMISES["objectives"])) == {"notes"}
