"""Which augmentations to contrast with: pairs are chosen on some people, scored on others.

    python benchmarks/augmentation_search.py STUDY... --out DIR [--augmentations scaling,rotation]

Pretrains with every pair and measures a frozen encoder's head, as PRIMUS chose its pair
(https://arxiv.org/abs/2411.15127, section 2). In each fold of people the choice is made on inner
folds of the others, and scored on those who had no part in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Any

from otolith.core.errors import ConfigError
from otolith.data.study import Study
from otolith.learn import augmentations, objectives
from otolith.learn.splits import people_folds
from otolith.learn.training.runtime import Runtime
from otolith.measure.benchmark import benchmark, owned_results
from otolith.measure.methods import Method
from otolith.measure.report import Report
from otolith.measure.sides import labelled_windows
from otolith.measure.tables import percent
from otolith.show.report_page import save_with_page

UNTRAINED = "untrained"
"""The encoder at random weights, which every pair has to beat."""
CHOSEN = "chosen"
"""In each fold, the pair that was best on the others."""


def pairs_of(names: Sequence[str] = (), ordered: bool = False) -> list[tuple[str, ...]]:
    """Return every single augmentation and every pair of two, once, or once in each order.

    Without names, of all augmentations there are. Raises ConfigError for a name that stands twice,
    UnknownNameError for one that nobody knows.
    """
    chosen = list(names) or list(augmentations.FAMILY)
    for name in chosen:
        augmentations.FAMILY.resolve(name)
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"An augmentation is named twice: {', '.join(chosen)}.")
    both = product(chosen, chosen) if ordered else combinations_with_replacement(chosen, 2)
    return [(first,) if first == second else (first, second) for first, second in both]


def search_augmentations(
    studies: Sequence[Study],
    names: Sequence[str] = (),
    shots: Sequence[int | str] = (8,),
    *,
    out: str | Path,
    ordered: bool = False,
    objective: str = "simclr",
    encoder: str = "tpn",
    head: str = "linear",
    epochs: int = 30,
    folds: int = 5,
    inner_folds: int = 3,
    seed: int = 0,
    objective_settings: dict[str, Any] | None = None,
    encoder_settings: dict[str, Any] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    save: Callable[[Report, Path, dict[str, str]], object] = save_with_page,
    **choices: Any,
) -> Report:
    """Choose a pair of augmentations by people of the training side, and score the choice on people
    held out.

    Pretrains with every pair and measures a frozen encoder's head, as PRIMUS chose its pair
    (https://arxiv.org/abs/2411.15127, section 2). In each fold of people the choice is made on
    inner folds of the others, and the pair that was best there is then pretrained on all of them
    and tested on the fold: the reported score, method `chosen`, comes from people who had no part
    in the choice. Beside it stands the untrained encoder.

    `objective` is one with a setting `augmentations`; of SimCLR only one view is changed unless its
    settings say otherwise, as in PRIMUS, so that augmentations without any chance in them count
    too. `choices` are those of `benchmark`, which does the work and goes on where it was stopped.
    Writes pairs.md beside its results, through `save` (see `benchmark`).

    Raises ConfigError for an objective without augmentations, and whatever `benchmark` raises.
    """
    kind = objectives.FAMILY.resolve(objective)
    if "augmentations" not in getattr(kind.Config, "__dataclass_fields__", {}):
        raise ConfigError(
            f"Objective '{objective}' has no augmentations to choose; take simclr or primus."
        )
    fixed = ({"both": False} if objective == "simclr" else {}) | dict(objective_settings or {})
    pairs = pairs_of(names, ordered)
    common: dict[str, Any] = {
        "encoder": encoder,
        "head": head,
        "mode": "frozen",
        "encoder_settings": encoder_settings or {},
    }
    untrained = Method(UNTRAINED, **common)
    paired = {
        "+".join(pair): Method(
            "+".join(pair),
            objective,
            objective_settings=fixed | {"augmentations": list(pair)},
            pretrain={"epochs": epochs},
            **common,
        )
        for pair in pairs
    }
    out = Path(out)
    shared = choices | {"seed": seed}
    with owned_results(out) as mine:
        inner, chosen = _chosen(
            studies, [untrained, *paired.values()], shots, folds, inner_folds, out, progress, shared
        )
        needed = [paired[name] for name in dict.fromkeys(chosen.values())]
        measured = benchmark(
            studies,
            methods=[untrained, *needed],
            shots=shots,
            folds=folds,
            out=out,
            progress=progress,
            **shared,
        )
        result = _of_the_choice(measured, chosen)
        mine.claim(["pairs.md"])
        words = _choice_words(result, chosen) + "\n" + pair_tables(_pooled(inner), pairs)
        save(result, out, {"pairs.md": words})
    return result


def _chosen(
    studies: Sequence[Study],
    methods: Sequence[Method],
    shots: Sequence[int | str],
    folds: int,
    inner_folds: int,
    out: Path,
    progress: Callable[[int, int, str], None] | None,
    shared: dict[str, Any],
) -> tuple[list[Report], dict[tuple[str, int], str]]:
    """Measure every method on the people left in each fold, and choose one there."""
    inner: list[Report] = []
    chosen: dict[tuple[str, int], str] = {}
    for study in studies:
        cut = study.cut.changed(shared.get("windows") or {})
        people = labelled_windows(study, cut, shared.get("missing", "error")).subjects
        for number, tested in enumerate(people_folds(people, folds, shared["seed"])):
            place = out / "inner" / f"{study.name}-{number + 1}"
            report = benchmark(
                [study],
                methods=methods,
                shots=shots,
                folds=inner_folds,
                out=place,
                leave_out=tested,
                progress=progress,
                **shared,
            )
            inner.append(report)
            chosen[study.name, number] = best_pair(report)
    return inner, chosen


def best_pair(report: Report) -> str:
    """Return the pair with the highest score, averaged over the numbers of labels."""
    scores: dict[str, list[float]] = {}
    for line in report.summary:
        if line["method"] != UNTRAINED and line["macro_f1_mean"] is not None:
            scores.setdefault(line["method"], []).append(line["macro_f1_mean"])
    return max(scores, key=lambda name: sum(scores[name]) / len(scores[name]))


def _of_the_choice(report: Report, chosen: dict[tuple[str, int], str]) -> Report:
    """Keep of each fold the rows of what was chosen without it, under one name, and those of the
    untrained encoder."""

    def kept(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        out = []
        for row in rows:
            own = chosen[row["study"], row["fold"]]
            if row["method"] == own:
                out.append(
                    row
                    | {"method": CHOSEN}
                    | ({"notes": [f"chosen: {own}"]} if "notes" in row else {})
                )
            elif row["method"] == UNTRAINED:
                out.append(row)
        return out

    notes = [
        f"{study}, fold {fold + 1}: {pair} was chosen on the other people"
        for (study, fold), pair in chosen.items()
    ]
    return replace(
        report,
        rows=kept(report.rows),
        losses=kept(report.losses),
        embedding=kept(report.embedding),
        planned=report.planned | {"methods": [UNTRAINED, CHOSEN]},
        notes=[*report.notes, *notes],
    )


def _pooled(reports: Sequence[Report]) -> Report:
    """Put the rows of the inner folds together; a person stands there once for each outer fold they
    were trained in."""
    rows = [
        row | {"fold": (number, row["fold"])}
        for number, report in enumerate(reports)
        for row in report.rows
    ]
    return Report(rows=rows)


def _choice_words(report: Report, chosen: dict[tuple[str, int], str]) -> str:
    lines = ["# The choice", ""]
    for study in dict.fromkeys(study for study, _ in chosen):
        pairs = [pair for (name, _), pair in chosen.items() if name == study]
        counted = ", ".join(
            f"{pair} in {pairs.count(pair)} of {len(pairs)} folds" for pair in dict.fromkeys(pairs)
        )
        lines += [f"{study}: {counted}. Scores on the people who had no part in the choice:", ""]
        for line in report.summary:
            if line["study"] == study:
                at = (
                    "all labels"
                    if line["shots"] == "all"
                    else f"{line['shots']} labelled windows per class"
                )
                lines.append(f"- {line['method']}, {at}: {_cell(line)}")
        lines.append("")
    lines += [
        "# What it was made by",
        "",
        "Scores on inner folds of the other people. The best of many is too good: quote those "
        "above.",
        "",
    ]
    return "\n".join(lines)


def pair_tables(report: Report, pairs: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown per study and shots: macro-F1 in percent ± standard error over
    people.

    A row is the augmentation that comes first, a column the second; the diagonal is one alone.
    Cells that were not measured stay empty.
    """
    names = list(dict.fromkeys(pair[0] for pair in pairs))
    lines: list[str] = []
    for study, shots in dict.fromkeys((line["study"], line["shots"]) for line in report.summary):
        found = {
            line["method"]: line
            for line in report.summary
            if (line["study"], line["shots"]) == (study, shots)
        }
        best = max(
            (name for name in found if name != UNTRAINED),
            key=lambda n: found[n]["macro_f1_mean"],
            default="",
        )
        labelled = "all labels" if shots == "all" else f"{shots} labelled windows per class"
        lines += [
            f"## {study}, {labelled}",
            "",
            f"Untrained: {_cell(found.get(UNTRAINED))}. Best: {best}.",
            "",
        ]
        lines += [f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        for first in names:
            keys = [first if first == second else f"{first}+{second}" for second in names]
            cells = [
                f"**{_cell(found[key])}**" if key == best else _cell(found.get(key)) for key in keys
            ]
            lines.append(f"| {first} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(line: dict[str, Any] | None) -> str:
    if line is None:
        return ""
    return percent(line["macro_f1_mean"], line["macro_f1_se"])


def words(text: str) -> list[str]:
    """Return what stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def main() -> None:
    """Search, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--augmentations", type=words, default=[], help="all if not given")
    parser.add_argument("--ordered", action="store_true", help="try each pair in both orders")
    parser.add_argument("--objective", default="simclr", help="one that has augmentations")
    parser.add_argument("--encoder", default="tpn")
    parser.add_argument("--head", default="linear", help="on the frozen encoder")
    parser.add_argument("--shots", type=words, default=["8"])
    for name, default in (("epochs", 30), ("folds", 5), ("inner-folds", 3), ("draws", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in (("seed", 0), ("workers", 1), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = vars(parser.parse_args())
    out = chosen["out"]
    shots = [text if text == "all" else int(text) for text in chosen.pop("shots")]
    studies = [Study.load(folder) for folder in chosen.pop("studies")]
    runtime = Runtime.choose(threads=chosen.pop("threads"))
    names = chosen.pop("augmentations")
    search_augmentations(studies, names, shots, runtime=runtime, **chosen)
    print((out / "pairs.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
