"""Where the modules and names of version 0.1 are now, so that an old import says what to type."""

from __future__ import annotations

_KEPT_THEIR_NAME = {
    "core": """caches catalog checksums errors faults files foreign limits locks ownership recipes
               settings sheets terminal text thrift""",
    "data": """batch channels datasets duplicates parquet physics readers recording signals store
               study study_check study_files units windows""",
    "learn": "augmentations embeddings encoders heads metrics objectives training",
    "motion": "rotations simulation",
}

MOVED: dict[str, str] = {
    f"otolith.{name}": f"otolith.{room}.{name}"
    for room, names in _KEPT_THEIR_NAME.items()
    for name in names.split()
} | {
    "otolith.Evaluation": "otolith.Cut",
    "otolith.commands": "otolith.cli",
    "otolith.console": "otolith.cli.console",
    "otolith.deployment": "otolith.use",
    "otolith.deployment.words": "otolith.use.zero_shot",
    "otolith.evaluation": "otolith.measure",
    "otolith.evaluation.gates": "otolith.show.gates",
    "otolith.evaluation.splits": "otolith.learn.splits",
    "otolith.motion.JOINTS": "otolith.data.skeleton.JOINTS",
    "otolith.motion.Motion": "otolith.motion.motion.Motion",
    "otolith.motions": "otolith.motion.formats",
    "otolith.partners": "otolith.learn.modalities",
    "otolith.partners.files": "otolith.data.paired",
    "otolith.report": "otolith.measure.report",
    "otolith.scale": "otolith.core",
    "otolith.scale.executor": "otolith.core.parallel",
    "otolith.simulation.anny_body": "otolith.motion.bodies.anny_body",
    "otolith.simulation.people": "otolith.motion.bodies.people",
    "otolith.study_facts": "otolith.data.entries",
    "otolith.summary": "otolith.measure.statistics",
}
"""Every package and module at the top of version 0.1, and what its documentation named inside
them -> the name now."""


def explain(old: str) -> str | None:
    """Return where a module or name of version 0.1 is now; None where there was none.

    Python asks for a package before its modules, so the sentence names those that left it.

    >>> explain("otolith.scale")
    'otolith.scale is otolith.core now (its executor: otolith.core.parallel).'
    """
    if old not in MOVED:
        return None
    apart = [
        f"{before.removeprefix(f'{old}.')}: {now}"
        for before, now in MOVED.items()
        if before.startswith(f"{old}.")
    ]
    return f"{old} is {MOVED[old]} now" + (f" (its {', '.join(apart)})." if apart else ".")
