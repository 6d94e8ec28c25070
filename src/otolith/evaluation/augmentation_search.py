"""Which augmentations to contrast with: every pair of them, measured on people never seen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Any

from otolith import augmentations, objectives
from otolith.errors import ConfigError
from otolith.evaluation.benchmark import benchmark, owned_results
from otolith.evaluation.methods import Method
from otolith.files import write_text
from otolith.report import Report
from otolith.study import Study

UNTRAINED = "untrained"
"""The encoder at random weights, which every pair has to beat."""


def pairs_of(names: Sequence[str] = (), ordered: bool = False) -> list[tuple[str, ...]]:
    """Return every single augmentation and every pair of two, once, or once in each order.

    Without names, of all augmentations there are. Raises ConfigError for a name that stands twice, UnknownNameError
    for one that nobody knows.
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
    objective_settings: dict[str, Any] | None = None,
    encoder_settings: dict[str, Any] | None = None,
    **choices: Any,
) -> Report:
    """Pretrain with every pair of augmentations and measure a frozen encoder's head on people held out.

    As PRIMUS chose its pair (https://arxiv.org/abs/2411.15127, section 2). `objective` is one with a setting
    `augmentations`; of SimCLR only one view is changed unless its settings say otherwise, as in PRIMUS, so that
    augmentations without any chance in them count too. Beside the pairs stands the same encoder untrained. `choices`
    are those of `benchmark`, which does the work and goes on where it was stopped. Writes pairs.md beside its results.

    Raises ConfigError for an objective without augmentations, and whatever `benchmark` raises.
    """
    kind = objectives.FAMILY.resolve(objective)
    if "augmentations" not in getattr(kind.Config, "__dataclass_fields__", {}):
        raise ConfigError(f"Objective '{objective}' has no augmentations to choose; take simclr or primus.")
    fixed = ({"both": False} if objective == "simclr" else {}) | dict(objective_settings or {})
    pairs = pairs_of(names, ordered)
    common: dict[str, Any] = {
        "encoder": encoder,
        "head": head,
        "mode": "frozen",
        "encoder_settings": encoder_settings or {},
    }
    methods = [Method(UNTRAINED, **common)]
    methods += [
        Method(
            "+".join(pair),
            objective,
            objective_settings=fixed | {"augmentations": list(pair)},
            pretrain={"epochs": epochs},
            **common,
        )
        for pair in pairs
    ]
    with owned_results(out) as mine:
        report = benchmark(studies, methods, shots, out=out, **choices)
        mine.claim(["pairs.md"])
        write_text(Path(out) / "pairs.md", pair_tables(report, pairs))
    return report


def pair_tables(report: Report, pairs: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown per study and shots: macro-F1 in percent ± standard error over people.

    A row is the augmentation that comes first, a column the second; the diagonal is one alone. Cells that were not
    measured stay empty.
    """
    names = list(dict.fromkeys(pair[0] for pair in pairs))
    lines: list[str] = []
    for study, shots in dict.fromkeys((line["study"], line["shots"]) for line in report.summary):
        found = {line["method"]: line for line in report.summary if (line["study"], line["shots"]) == (study, shots)}
        best = max((name for name in found if name != UNTRAINED), key=lambda n: found[n]["macro_f1_mean"], default="")
        labelled = "all labels" if shots == "all" else f"{shots} labelled windows per class"
        lines += [f"## {study}, {labelled}", "", f"Untrained: {_cell(found.get(UNTRAINED))}. Best: {best}.", ""]
        lines += [f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        for first in names:
            keys = [first if first == second else f"{first}+{second}" for second in names]
            cells = [f"**{_cell(found[key])}**" if key == best else _cell(found.get(key)) for key in keys]
            lines.append(f"| {first} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _cell(line: dict[str, Any] | None) -> str:
    if line is None:
        return ""
    return f"{100 * line['macro_f1_mean']:.1f} ± {100 * line['macro_f1_se']:.1f}"
