"""The record of a recogniser: on whom and how it was trained, kept with it in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from otolith.data.windows import Windows
from otolith.learn.training.adapt import Adapted
from otolith.learn.training.records import Adaptation, Record
from otolith.learn.training.runtime import Runtime, commit, versions
from otolith.learn.training.seen import training_facts


def record_of(pretraining: Record, adaptation: Adaptation, runtime: Runtime) -> Record:
    """Put together the record of an encoder, what `adapted_on` says, and this machine."""
    return {
        "pretraining": pretraining,
        "adaptation": adaptation,
        "runtime": runtime.record(),
        "versions": versions(),
        "commit": commit(),
    }


def adapted_on(
    model: Adapted, windows: Windows, learnt: Windows, added: Sequence[Windows], named: bool
) -> Adaptation:
    """Say whom a head learnt from, and what moved.

    windows: the labelled windows. learnt: those with the `added` ones of other studies. named:
    whether their people are known; those of an array are not.
    """
    labels = np.bincount(windows.code, minlength=len(windows.classes)).tolist()
    parts = np.bincount(learnt.part)[1:].tolist()
    # Names and content hashes: what `check_unseen` needs later.
    facts = training_facts(learnt if named else windows)
    return {
        "subjects": windows.subjects if named else [],
        # With added studies, people already carry their study's name.
        "people": learnt.subjects if added else facts["people"],
        "recordings": facts["recordings"],
        "studies": {windows.study: windows.study_hash} if windows.study else {},
        "origin": windows.origin,
        "windows": len(windows),
        "labels": dict(zip(windows.classes, labels, strict=True)),
        "added": {other.study: n for other, n in zip(added, parts, strict=True)},
        "encoder_moved": not model.head.closed and model.config.mode != "frozen",
        "settings": asdict(model.config),
    }


def nameless(record: Record) -> Record:
    """Return the record of an encoder that was made for an array, whose people nobody knows.

    >>> nameless({"objective": "none", "subjects": ["1"], "seed": 0})
    {'objective': 'none', 'subjects': [], 'seed': 0, 'studies': {}, 'people': []}
    """
    if record.get("objective", "none") != "none":
        return record
    return {**record, "subjects": [], "studies": {}, "people": []}
