"""Which windows train and which test: whole people, of one study or with others beside it."""

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
    """Return the labelled windows that count.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> windows = labelled_windows(study, Cut(seconds=2.0, quantities=["acc"]))
    >>> len(windows), windows.classes
    (7, ('rest',))
    """
    return study.windows(**cut.to_json(), missing=missing).labelled


def plain_windows(study: Study, cut: Cut, missing: str = "error") -> Windows:
    """Return the windows for pretraining, their labels unseen.

    Every stretch is cut on a plain grid, the unlabelled ones included; where a study consists of
    trials with one window each, those are taken.

    >>> from tempfile import mkdtemp
    >>> import numpy
    >>> from otolith.data.channels import triad
    >>> from otolith.data.recording import Recording, Segment, Stream
    >>> from otolith.data.study import write_study
    >>> time_s, still = numpy.arange(500) / 50, numpy.tile([0.0, 0.0, 9.81], (500, 1))
    >>> stream = Stream.from_rows("wrist", triad("left_wrist", "acc"), time_s, still, 50.0)
    >>> made = Recording("ann-1", "ann", (stream,), (Segment(0.0, 8.0, "rest"),))
    >>> study = write_study(mkdtemp(), [made], name="toy")
    >>> windows = plain_windows(study, Cut(seconds=2.0, quantities=["acc"]))
    >>> len(windows), windows.classes
    (9, ())
    """
    # A plain grid over trials of one window each would cut most of them in two.
    if cut.label_rule == "centred":
        return labelled_windows(study, cut, missing).hide_labels()
    unlabelled = {"label_rule": "unlabelled", "labels": ()}
    return study.windows(**cut.to_json() | unlabelled, missing=missing)


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
    """Return the labelled windows of another study, cut like those that they are added to."""
    choices = cut.to_json() | {"labels": (), "overlap": study.cut.overlap}
    return study.windows(**choices, missing=missing).labelled


def of_recordings(windows: Windows, ids: Sequence[str]) -> Windows:
    """Return the windows of some recordings, as a data set's authors list them.

    >>> windows = Windows.from_array(np.zeros((2, 1, 9)), rate_hz=50, channels=["head.acc.x"])
    >>> len(of_recordings(windows, windows.recording[:1])), len(of_recordings(windows, []))
    (1, 0)
    """
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
    """Return who is trained on and who is tested where `people` are held out, or `parts` decide.

    A tested person whom another study has by the same name, as sensors simulated of that person's
    skeleton have, or by the same recordings under any name, is left out of that study too. People
    who are `away` take no part on any side.

    Raises SplitError where another study is the tested one or was matched to the tested people,
    ConfigError where the method's sensors belong to no other study, StudyError where a side is
    empty.
    """
    labelled = labelled_windows(study, cut, missing)
    plain = plain_windows(study, cut, missing).without(away)
    # Kept for their content: whoever is away may stand in another study under another name.
    absent, labelled = labelled.of(away), labelled.without(away)
    if parts:
        train, test = (of_recordings(labelled, ids) for ids in (parts.train, parts.test))
        # Their lists may have a person on both sides, who is then tested and not trained on.
        train = train.without(test.subjects)
        plain = of_recordings(plain, parts.pretrain).without(test.subjects)
    else:
        train, test, plain = labelled.without(people), labelled.of(people), plain.without(people)
    # Held here as well as in the splitters: every score rests on it.
    _refuse_odd_sides(train, test, plain, parts is not None, people)

    others, adding = _other_studies(study, method, people)
    # A method may pretrain on more sensors than are tested, and keep the tested ones.
    before = replace(cut, placements=method.pretrain_placements or cut.placements)
    tested, hidden = {*test.subjects, *away}, test.contents_here | absent.contents_here
    left_out: list[str] = []

    def unseen(windows: Windows) -> Windows:
        """Leave the tested people out of another study, by name and by content."""
        named = [person for person in windows.subjects if person in tested]
        copied = []
        # Cheap for the usual case, in which no recording is shared.
        if hidden & windows.contents_here:
            rest = [person for person in windows.subjects if person not in tested]
            copied = [p for p in rest if hidden & windows.of([p]).contents_here]
        for known, how in ((named, "also"), (copied, "by the same recordings also")):
            if known:
                left_out.append(
                    f"{study.name}, {method.name}: {', '.join(sorted(known))}, tested here, {how} "
                    f"stands in '{windows.study}': left out there"
                )
        return windows.without([*named, *copied]) if named or copied else windows

    return Sides(
        train=train,
        test=test,
        plain=plain,
        others=[unseen(other_windows(other, before, missing)) for other in others],
        added=[unseen(added_windows(other, cut, missing)) for other in adding],
        left_out=left_out,
    )


def _refuse_odd_sides(
    train: Windows, test: Windows, plain: Windows, listed: bool, people: Sequence[str]
) -> None:
    """Raise SplitError where a person stands on both sides, StudyError where one is empty."""
    if {*train.subjects, *plain.subjects} & {*test.subjects}:
        raise SplitError(
            "A person stands on both sides of a split; this is a mistake of ours. Please report it."
        )
    if listed and not (len(train) and len(plain)):
        raise StudyError(
            "The authors' training list has no windows here of people who are not tested; use "
            "--split people."
        )
    if not len(test):
        raise StudyError(f"The held-out people {', '.join(people)} have no labelled window.")


def _other_studies(
    study: Study, method: Method, people: Sequence[str]
) -> tuple[list[Study], list[Study]]:
    """Load the studies that a method pretrains on, and those whose labels it adds."""
    folders = method.pretrain_on if method.objective not in BUILT_IN else ()
    others = [Study.load(folder) for folder in folders if folder != "people"]
    adding = [Study.load(folder) for folder in method.add]
    if method.pretrain_placements and ("people" in folders or not others):
        raise ConfigError(
            f"Method '{method.name}': pretrain_placements are sensors of other studies; name these "
            "in pretrain_on, without people."
        )
    for other in [*others, *adding]:
        if other.hash == study.hash:
            raise SplitError(
                f"Study '{other.name}' cannot be trained on whole where its own people are tested; "
                "write people for the training people alone."
            )
        if known := _people_matched_to(other, study.name) & set(people):
            raise SplitError(
                f"Study '{other.name}' was matched to {', '.join(sorted(known))}, who is tested "
                "here. Pretrain on the study that it was made from."
            )
    return others, adding


def _people_matched_to(simulated: Study, real: str) -> set[str]:
    """The people of a real study that `otolith match` of version 0.1 spread a study's values as."""
    facts = [entry.get("facts", {}) for entry in simulated.entries]
    seen = {str(one["matched_people"]) for one in facts if one.get("matched_study") == real}
    return {person for people in seen for person in people.split(", ")}
