"""Actions known by words alone: top-1 on actions never seen in pretraining, beside chance and the
nearest text.

    OTOLITH_DATA=… python benchmarks/words.py --work FOLDER

On UTD-MHAD in two settings. `unseen`: pretrained on the training people's poses and on the names of
two thirds of the actions, tested on the people and on the actions held out. `motion`: the encoders
that benchmarks/primus.py pretrained on simulated motion with its texts, tested on all wrist actions
of everybody. The control asks no encoder: it takes the text of the nearest window of pretraining,
in hand-made features, and says the class whose name is most like it. Writes
FOLDER/results/primus/words.json; some minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from transfer import CLASSES

METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "imu2clip": ("imu2clip", {"pose": "pose_vector"}),
    "mm": ("primus", {"ss": 0.0, "nn": 0.0}),
    "mm+nn": ("primus", {"ss": 0.0}),
    "all": ("primus", {}),
}
SEED, FOLDS, GROUPS = 0, 4, 3


def said(encoder: Any, windows: Any, classes: Sequence[str], runtime: Any) -> np.ndarray:
    """Return which class's words each window lies nearest to."""
    from otolith.learn.heads.text import prompts_of, words_of

    words = words_of(encoder.require_alignment(), prompts_of(classes))
    found: np.ndarray = (encoder.embed(windows, runtime, space="shared") @ words.T).argmax(axis=1)
    return found


def by_nearest_text(training: Any, tested: Any, classes: Sequence[str], runtime: Any) -> np.ndarray:
    """Return the class whose name is most like the text of the nearest window in hand-made
    features."""
    from otolith.learn.heads.text import prompts_of
    from otolith.learn.modalities.minilm import MiniLM
    from otolith.learn.modalities.texts import texts_of
    from otolith.learn.training.pretrained import PretrainedEncoder

    features = PretrainedEncoder.fresh(training, "features", 0)
    known, asked = features.embed(training, runtime), features.embed(tested, runtime)
    texts = texts_of(training)
    there = np.array([bool(text) for text in texts])
    mean, std = known.mean(axis=0), known.std(axis=0) + 1e-8
    known, asked = ((known - mean) / std)[there], (asked - mean) / std
    apart = (known**2).sum(1)[None] - 2 * asked @ known.T
    model = MiniLM()
    own = model.encode([text for text in texts if text])[apart.argmin(axis=1)]
    prompts = prompts_of(classes)
    names = np.stack([model.encode(texts).mean(axis=0) for texts in prompts.values()])
    names /= np.linalg.norm(names, axis=1, keepdims=True)
    found: np.ndarray = (own @ names.T).argmax(axis=1)
    return found


class Scores:
    """Share of right answers of each person, by method."""

    def __init__(self) -> None:
        self.right: dict[str, dict[str, list[bool]]] = {}

    def add(self, method: str, windows: Any, classes: Sequence[str], answer: np.ndarray) -> None:
        """Take in the answers to some windows."""
        hits = np.array(classes, dtype=object)[answer] == windows.labels
        for person, hit in zip(windows.subject, hits, strict=True):
            self.right.setdefault(method, {}).setdefault(person, []).append(bool(hit))

    def table(self) -> dict[str, dict[str, float]]:
        """Return mean and standard error over people."""
        shares = {
            name: np.array([np.mean(own) for own in people.values()])
            for name, people in self.right.items()
        }
        return {
            name: {"top1": float(s.mean()), "se": float(s.std(ddof=1) / np.sqrt(len(s)))}
            for name, s in shares.items()
        }


def unseen(study: Any, pretrained: Callable[[Any, str], Any], runtime: Any) -> dict[str, Any]:
    """Hold out people and actions at once."""
    from otolith.learn.splits import people_folds
    from otolith.measure.sides import labelled_windows

    windows = labelled_windows(study, study.cut)
    groups = np.array_split(np.random.default_rng(SEED).permutation(len(windows.classes)), GROUPS)
    scores = Scores()
    for number, people in enumerate(people_folds(windows.subjects, FOLDS, SEED)):
        for group in groups:
            classes = [windows.classes[code] for code in sorted(group)]
            of_group = np.isin(windows.code, group)
            training, tested = windows[~of_group].without(people), windows[of_group].of(people)
            for name in METHODS:
                encoder = pretrained(training.hide_labels(), name)
                scores.add(name, tested, classes, said(encoder, tested, classes, runtime))
            answer = by_nearest_text(training, tested, classes, runtime)
            scores.add("nearest text", tested, classes, answer)
        print(f"unseen: fold {number + 1} of {FOLDS}", flush=True)
    return {
        "classes": len(windows.classes) // GROUPS,
        "chance": GROUPS / len(windows.classes),
        "rows": scores.table(),
    }


def from_motion(study: Any, others: Sequence[Any], encoders: Path, runtime: Any) -> dict[str, Any]:
    """Ask encoders that saw simulated motion alone."""
    import dataclasses

    from otolith.data.windows import Windows
    from otolith.learn.training.pretrained import PretrainedEncoder
    from otolith.measure.sides import labelled_windows, other_windows

    cut = dataclasses.replace(
        study.cut, seconds=4.0, slot="", placements=("right_wrist",), labels=tuple(CLASSES)
    )
    tested = labelled_windows(study, cut, "drop")
    training = Windows.concatenate([other_windows(other, cut, "drop") for other in others])
    scores = Scores()
    finished = [
        path.parent for path in encoders.glob("*/config.json") if path.parent.suffix != ".partial"
    ]
    for folder in sorted(finished):
        encoder = PretrainedEncoder.load(folder)
        kind, settings = encoder.record["objective"], encoder.record["objective_settings"]
        for name, (objective, wanted) in METHODS.items():
            weights = (
                {key: wanted.get(key, 1.0) for key in ("ss", "mm", "nn")}
                if objective == "primus"
                else {}
            )
            if kind == objective and all(settings[key] == value for key, value in weights.items()):
                scores.add(
                    name, tested, tested.classes, said(encoder, tested, tested.classes, runtime)
                )
    scores.add(
        "nearest text",
        tested,
        tested.classes,
        by_nearest_text(training, tested, tested.classes, runtime),
    )
    return {
        "classes": len(tested.classes),
        "chance": 1 / len(tested.classes),
        "rows": scores.table(),
    }


def main() -> None:
    """Measure both settings."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(".data"),
        help="where benchmarks/primus.py kept its studies",
    )
    parser.add_argument("--epochs", type=int, default=15, help="passes over the windows")
    parser.add_argument(
        "--only", nargs="*", choices=("motion", "unseen"), help="one of the two settings"
    )
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    from otolith.data.study import Study
    from otolith.learn.training.pretrain import pretrain
    from otolith.learn.training.runtime import Runtime

    if not (chosen.work / "studies" / "utd_mhad" / "study.json").exists():
        sys.exit("SKIPPED: run benchmarks/primus.py first, in the same folder.")
    runtime = Runtime.choose(threads=chosen.threads)
    study = Study.load(chosen.work / "studies" / "utd_mhad")
    schedule = {"epochs": chosen.epochs, "batch_size": 64, "patience": 0, "seed": SEED}

    def pretrained(windows: Any, name: str) -> Any:
        objective, settings = METHODS[name]
        return pretrain(
            windows, objective, runtime=runtime, objective_settings=settings, **schedule
        )

    out = chosen.work / "results" / "primus"
    others = [Study.load(chosen.work / "transfer" / name) for name in ("bandai-1", "cmu-1")]
    kept = out / "words.json"
    found = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    for name in chosen.only or ("motion", "unseen"):
        if name == "motion":
            found[name] = from_motion(study, others, out / "motion" / "encoders", runtime)
        else:
            found[name] = unseen(study, pretrained, runtime)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"benchmark": "words"} | found))


if __name__ == "__main__":
    main()
