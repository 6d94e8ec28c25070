"""What known collections say about a clip by where it lies and what it is called, and what a user
says beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, fields, replace
from pathlib import Path

from otolith.core.foreign.plain import read_text
from otolith.core.foreign.texts import MAX_TOML_BYTES, parse_toml
from otolith.core.settings import Positive, configure, settings
from otolith.data.datasets import _utd_mhad as utd_mhad
from otolith.motion.formats import grab, how2sign

CMU_TERMS = (
    "free for research and commercial use, not to be resold as data; credit mocap.cs.cmu.edu, NSF "
    "EIA-0196217"
)
_CMU_LABELS = {"walk": "walking", "run/jog": "running", "run": "running", "jog": "running"}
_BANDAI = re.compile(r"(dataset-[12])_([^_]+)_([^_]+)_(\d+)")
_CMU = re.compile(r"(\d{2,3})_(\d{2})")
# Strömbäck et al., "MM-Fit: Multimodal Deep Learning for Automatic Exercise Logging" (2020),
# https://doi.org/10.1145/3432701.
_MM_FIT = re.compile(r"(w\d\d)_pose_3d")
_DANCES = {"martial": "martial arts", "indian": "Indian dance", "salsa": "salsa"}
FOLDER_SIDECAR = "motion.toml"
SIDECAR = ".motion.toml"


@settings
class About:
    """What is known about a clip beside its movement; None where nothing is said."""

    format: str | None = None
    """Which reader it needs."""
    frame_rate: Positive | None = None
    """Frames per second, in place of what the file says."""
    unit: str | None = None
    """Unit of length of the file."""
    up: str | None = None
    """Upward axis of the file."""
    label: str | None = None
    """What activity it is."""
    text: str | None = None
    """What happens, in words."""
    performer: str | None = None
    """Who moved."""
    clip: str | None = None
    """Name of the clip."""
    group: str | None = None
    """Clips of one group may be of one person."""
    source: str | None = None
    """Where it comes from."""
    terms: str | None = None
    """Under which terms it may be used."""
    split: str | None = None
    """Which part of its collection it belongs to by the authors' own split: train, val or test."""
    check_up: bool | None = None
    """Whether the body must stand upright for most of the clip."""
    body_model: str | Path | None = None
    """SMPL model file, beside the clip or anywhere; for poses with betas."""
    joints: Mapping[str, str] = field(default_factory=dict)
    """Names of the file's joints that are not recognised, theirs to ours."""

    def over(self, other: About) -> About:
        """This, and what the other knows where this says nothing."""
        said = {f.name: getattr(self, f.name) for f in fields(self)}
        known = {name: value for name, value in said.items() if value is not None}
        return replace(other, **known | {"joints": {**other.joints, **self.joints}})


def known_layout(path: Path) -> About:
    """What the collections that we know tell by file name and folder; nothing for any other file.

    >>> about = known_layout(Path("dataset-1_walk_active_001.bvh"))
    >>> about.label, about.group, about.terms
    ('walk', 'dataset-1_walk_active', 'CC BY-NC 4.0')
    """
    suffix, folder = path.suffix.lower(), path.parent.name
    if parts := _BANDAI.fullmatch(path.stem):
        collection, content, style, _ = parts.groups()
        return About(
            label=content,
            text=f"{content.replace('-', ' ')}, {style.replace('-', ' ')}",
            clip=path.stem,
            group=f"{collection}_{content}_{style}",
            source="Bandai-Namco-Research-Motiondataset",
            terms="CC BY-NC 4.0",
        )
    if folder in _DANCES and suffix == ".bvh":
        dance, clip = _DANCES[folder], f"{folder}-{path.stem}"
        return About(label=dance, text=dance, clip=clip, source="CMU (BVH)", terms=CMU_TERMS)
    if (parts := _CMU.fullmatch(path.stem)) and suffix in (".amc", ".bvh"):
        text = _cmu_text(path)
        return About(
            performer=f"cmu{parts[1]}",
            clip=path.stem,
            text=text,
            label=_CMU_LABELS.get((text or "").lower()),
            source="CMU Graphics Lab Motion Capture Database",
            terms=CMU_TERMS,
        )
    if facts := {**grab.known(path), **how2sign.known(path), **utd_mhad.known(path)}:
        return About(**facts)
    if parts := _MM_FIT.fullmatch(path.stem):
        # Millimetres, third axis up, 30 per second.
        terms = "see https://mmfit.github.io"
        return About(
            unit="mm", up="z", frame_rate=30.0, clip=parts[1], source="MM-Fit", terms=terms
        )
    return About()


def _cmu_text(path: Path) -> str | None:
    for folder in (path.parent, *list(path.parents)[1:3]):
        for index in sorted(folder.glob("index_text*.tsv")):
            for line in read_text(index).splitlines():
                trial, _, words = line.partition("\t")
                if trial == path.stem:
                    return words.strip()
    return None


def sidecar(path: Path) -> About:
    """What a user wrote beside a clip: walk.motion.toml for walk.bvh, and before that motion.toml
    for its folder.

    Keys are the fields of `About`. Raises ConfigError for a key or value that does not fit,
    ReadError for a file that is no TOML.
    """
    return _read(path.with_suffix(SIDECAR)).over(_read(path.parent / FOLDER_SIDECAR))


def _read(path: Path) -> About:
    if not path.is_file():
        return About()
    return configure(About, parse_toml(read_text(path, MAX_TOML_BYTES), path), str(path))
