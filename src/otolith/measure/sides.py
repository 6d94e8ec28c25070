"""Which windows are learnt from, and which are tested on: whole people, of one study or with others
beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from otolith.core.errors import ConfigError, SplitError, StudyError
from otolith.data.study import Study
from otolith.data.windows import Cut, Windows
from otolith.learn.splits import Parts
from otolith.measure.methods import BUILT_IN, Method


def labelled_windows(study: Study, cut: Cut, missing: str = "error") -> Windows:
    """Return the labelled windows that count."""
    return study.windows(**cut.to_json(), missing=missing).labelled


def plain_windows(study: Study, cut: Cut, missing: str = "error") -> Windows:
    """Return the windows for pretraining, their labels unseen.

    Every stretch is cut on a plain grid, the unlabelled ones included; where a study consists of
    trials with one window each, those are taken.
    """
    if cut.label_rule == "centred":
        return labelled_windows(study, cut, missing).hide_labels()
    return study.windows(
        **cut.to_json() | {"label_rule": "unlabelled", "labels": ()}, missing=missing
    )


def other_windows(study: Study, cut: Cut, missing: str = "error") -> Windows:
    """Return the windows of another study for pretraining, as long and as fast as those of the
    study it is for.

    They lie on a plain grid with the overlap that the other study's own evaluation has.
    """
    choices = cut.to_json() | {
        "label_rule": "unlabelled",
        "labels": (),
        "overlap": study.cut.overlap,
    }
    return study.windows(**choices, missing=missing)


def added_windows(study: Study, cut: Cut, missing: str = "error") -> Windows:
    """Return the labelled windows of another study, cut like those that it is learnt from beside."""
    choices = cut.to_json() | {"labels": (), "overlap": study.cut.overlap}
    return study.windows(**choices, missing=missing).labelled


def of_recordings(windows: Windows, ids: Sequence[str]) -> Windows:
    """Return the windows of some recordings, as a data set's authors list them."""
    return windows[np.isin(windows.recording.astype(str), list(ids))]


@dataclass(frozen=True)
class Sides:
    """The windows of one fold of one method."""

    train: Windows
    """Labelled windows that few are drawn from."""
    test: Windows
    """Labelled windows of the people held out."""
    plain: Windows
    """Windows of the training people for pretraining, their labels unseen."""
    others: list[Windows]
    """Windows of other studies for pretraining."""
    added: list[Windows]
    """Labelled windows of other studies, to be learnt from beside the few."""
    left_out: list[str]
    """Who is in another study too and was therefore left out of it, in words."""


def sides_of(
    study: Study,
    cut: Cut,
    missing: str,
    method: Method,
    people: Sequence[str],
    parts: Parts | None,
    away: Sequence[str] = (),
) -> Sides:
    """Return who is learnt from and who is tested where `people` are held out, or where `parts`
    decide.

    A tested person whom another study has by the same name, as sensors simulated of that person's
    skeleton have, or by the same recordings under any name, is left out of that study too. People
    who are `away` take no part on any side.

    Raises SplitError where another study is the tested one or was matched to the tested people,
    ConfigError where the method's sensors belong to no other study, StudyError where a side is
    empty.
    """
    labelled, plain = (
        labelled_windows(study, cut, missing),
        plain_windows(study, cut, missing),
    )
    absent = labelled.of(away)
    labelled, plain = labelled.without(away), plain.without(away)
    if parts:
        train, test = (of_recordings(labelled, ids) for ids in (parts.train, parts.test))
        # Their lists may have a person on both sides, who is then tested and not learnt from.
        train = train.without(test.subjects)
        plain = of_recordings(plain, parts.pretrain).without(test.subjects)
    else:
        train, test, plain = labelled.without(people), labelled.of(people), plain.without(people)
    if any(set(side.subjects) & set(test.subjects) for side in (train, plain)):
        raise SplitError(
            "A person stands on both sides of a split; this is a mistake of ours. Please report it."
        )
    if parts and not (len(train) and len(plain)):
        raise StudyError(
            "The authors' training list has no windows here of people who are not tested; use "
            "--split people."
        )
    if not len(test):
        raise StudyError(f"The held-out people {', '.join(people)} have no labelled window.")
    folders = method.pretrain_on if method.objective not in BUILT_IN else ()
    others = [Study.load(folder) for folder in folders if folder != "people"]
    adding = [Study.load(folder) for folder in method.add]
    if method.pretrain_placements and ("people" in folders or not others):
        raise ConfigError(
            f"Method '{method.name}': pretrain_placements are sensors of other studies; name these "
            f"in "
            "pretrain_on, without people."
        )
    for other in [*others, *adding]:
        if other.hash == study.hash:
            raise SplitError(
                f"Study '{other.name}' cannot be learnt from whole where its own people are "
                f"tested; write "
                "people for the training people alone."
            )
        if known := _people_matched_to(other, study.name) & set(people):
            raise SplitError(
                f"Study '{other.name}' was matched to {', '.join(sorted(known))}, who is tested "
                f"here. Pretrain on the study that it was made from."
            )
    seen = replace(cut, placements=method.pretrain_placements or cut.placements)
    left_out: list[str] = []

    def strangers(windows: Windows) -> Windows:
        named = sorted(set(windows.subjects) & {*test.subjects, *away})
        same = (test.contents_here | absent.contents_here) & windows.contents_here
        copied = sorted(
            p
            for p in windows.subjects
            if same and windows.of([p]).contents_here & same and p not in named
        )
        for also, how in (
            (named, "also stands in"),
            (copied, "by the same recordings also stands in"),
        ):
            if also:
                who = f"{', '.join(also)}, tested here, {how} '{windows.study}': left out there"
                left_out.append(f"{study.name}, {method.name}: {who}")
        return windows.without([*named, *copied]) if named or copied else windows

    return Sides(
        train,
        test,
        plain,
        [strangers(other_windows(other, seen, missing)) for other in others],
        [strangers(added_windows(other, cut, missing)) for other in adding],
        left_out,
    )


def _people_matched_to(simulated: Study, real: str) -> set[str]:
    """The people of a real study that `otolith match` of version 0.1 spread a study's values as."""
    facts = [entry.get("facts", {}) for entry in simulated.entries]
    seen = {str(one["matched_people"]) for one in facts if one.get("matched_study") == real}
    return {person for people in seen for person in people.split(", ")}
