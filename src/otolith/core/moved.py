"""Where modules of version 0.1 went, so that an old import says what to type instead."""

from __future__ import annotations

MOVED: dict[str, str] = {
    "otolith.augmentations": "otolith.learn.augmentations",
    "otolith.batch": "otolith.data.batch",
    "otolith.caches": "otolith.core.caches",
    "otolith.catalog": "otolith.core.catalog",
    "otolith.channels": "otolith.data.channels",
    "otolith.checksums": "otolith.core.checksums",
    "otolith.commands": "otolith.cli",
    "otolith.console": "otolith.cli.console",
    "otolith.datasets": "otolith.data.datasets",
    "otolith.deployment": "otolith.use",
    "otolith.deployment.keeping": "otolith.use.saving",
    "otolith.deployment.words": "otolith.use.zero_shot",
    "otolith.duplicates": "otolith.data.duplicates",
    "otolith.embeddings": "otolith.learn.embeddings",
    "otolith.encoders": "otolith.learn.encoders",
    "otolith.errors": "otolith.core.errors",
    "otolith.evaluation": "otolith.measure",
    "otolith.evaluation.ablation": "otolith.show.ablation",
    "otolith.evaluation.drawing": "otolith.show.drawing",
    "otolith.evaluation.fidelity_page": "otolith.show.fidelity_page",
    "otolith.evaluation.figures": "otolith.show.figures",
    "otolith.evaluation.gates": "otolith.show.gates",
    "otolith.evaluation.markup": "otolith.show.pages",
    "otolith.evaluation.page": "otolith.show.report_page",
    "otolith.evaluation.provenance": "otolith.measure.report",
    "otolith.evaluation.recording_figure": "otolith.show.recording_figure",
    "otolith.evaluation.splits": "otolith.learn.splits",
    "otolith.evaluation.study_figures": "otolith.show.study_figures",
    "otolith.evaluation.study_page": "otolith.show.study_page",
    "otolith.evaluation.study_summary": "otolith.show.study_summary",
    "otolith.evaluation.timeline_figure": "otolith.show.timeline_figure",
    "otolith.faults": "otolith.core.faults",
    "otolith.files": "otolith.core.files",
    "otolith.foreign": "otolith.core.foreign",
    "otolith.heads": "otolith.learn.heads",
    "otolith.limits": "otolith.core.limits",
    "otolith.locks": "otolith.core.locks",
    "otolith.metrics": "otolith.learn.metrics",
    "otolith.motions": "otolith.motion.formats",
    "otolith.motions.curves": "otolith.motion.procedural.curves",
    "otolith.motions.exercise": "otolith.motion.procedural.exercise",
    "otolith.motions.gait": "otolith.motion.procedural.gait",
    "otolith.motions.pose": "otolith.motion.procedural.pose",
    "otolith.motions.procedural": "otolith.motion.procedural.procedural",
    "otolith.motions.sequence": "otolith.motion.procedural.sequence",
    "otolith.motions.stillness": "otolith.motion.procedural.stillness",
    "otolith.motions.style": "otolith.motion.procedural.style",
    "otolith.motions.utd_mhad": "otolith.data.datasets._utd_mhad",
    "otolith.objectives": "otolith.learn.objectives",
    "otolith.ownership": "otolith.core.ownership",
    "otolith.parquet": "otolith.data.parquet",
    "otolith.partners": "otolith.learn.modalities",
    "otolith.partners.files": "otolith.data.paired",
    "otolith.physics": "otolith.data.physics",
    "otolith.readers": "otolith.data.readers",
    "otolith.recipes": "otolith.core.recipes",
    "otolith.recording": "otolith.data.recording",
    "otolith.report": "otolith.measure.report",
    "otolith.rotations": "otolith.motion.rotations",
    "otolith.scale": "otolith.core",
    "otolith.scale.executor": "otolith.core.parallel",
    "otolith.settings": "otolith.core.settings",
    "otolith.sheets": "otolith.core.sheets",
    "otolith.signals": "otolith.data.signals",
    "otolith.signals.contradiction": "otolith.data.contradiction",
    "otolith.signals.segment": "otolith.data.cut",
    "otolith.signals.store": "otolith.data.grid",
    "otolith.simulation": "otolith.motion.simulation",
    "otolith.simulation.alignment": "otolith.motion.fidelity.alignment",
    "otolith.simulation.anny_body": "otolith.motion.bodies.anny_body",
    "otolith.simulation.body": "otolith.motion.bodies.body",
    "otolith.simulation.fidelity": "otolith.motion.fidelity.fidelity",
    "otolith.simulation.people": "otolith.motion.bodies.people",
    "otolith.simulation.smpl_shape": "otolith.motion.bodies.smpl_shape",
    "otolith.simulation.study_fidelity": "otolith.motion.fidelity.study_fidelity",
    "otolith.simulation.surface": "otolith.motion.bodies.surface",
    "otolith.simulation.variation": "otolith.motion.bodies.variation",
    "otolith.store": "otolith.data.store",
    "otolith.study": "otolith.data.study",
    "otolith.study_check": "otolith.data.study_check",
    "otolith.study_facts": "otolith.data.study_facts",
    "otolith.study_files": "otolith.data.study_files",
    "otolith.summary": "otolith.measure.statistics",
    "otolith.terminal": "otolith.core.terminal",
    "otolith.text": "otolith.core.text",
    "otolith.thrift": "otolith.core.thrift",
    "otolith.training": "otolith.learn.training",
    "otolith.units": "otolith.data.units",
    "otolith.windows": "otolith.data.windows",
}
"""Module before -> module now; the longest that fits counts."""
GONE: dict[str, str] = {
    "otolith.simulation.matching": "dropped with `otolith match`",
    "otolith.simulation.paired": "benchmarks/readers/paired.py in the repository",
}
"""Module before -> what became of it, where no module took its place."""


def explain(module: str) -> str | None:
    """Return where a module or package of version 0.1 is now, in a sentence; None where there was
    none.

    Python asks for a package before its modules, so that a package is told with those that left it.

    >>> explain("otolith.scale")
    'There is no otolith.scale any more: it is otolith.core now, but executor is
    otolith.core.parallel.'
    """
    if module not in MOVED:
        return None
    apart = {
        before.removeprefix(f"{module}."): now
        for before, now in sorted((MOVED | GONE).items())
        if before.startswith(f"{module}.")
    }
    words = [f"{name} is {now}" for name, now in apart.items()]
    rest = f", but {', '.join(words)}" if words else ""
    return f"There is no {module} any more: it is {MOVED[module]} now{rest}."
