"""Which joint of a foreign skeleton is which of ours, from its name and its place in the tree."""

from __future__ import annotations

import re
from collections.abc import Mapping

from otolith.core.errors import UnknownNameError, nearest
from otolith.data.skeleton import JOINTS, SKELETON
from otolith.motion.motion import Motion

# What sources call each joint of a limb, without its side; earlier names win. "foot", "shoulder"
# and "hand" mean one joint in some skeletons and its neighbour in others: see `_limb`.
_LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("hip", "upleg", "upperleg", "thigh", "femur"),
    "knee": ("knee", "leg", "lowerleg", "shin", "shank", "calf", "tibia"),
    "ankle": ("ankle", "foot"),
    "foot": ("foot", "toebase", "toe", "toes", "ball"),
    "collar": ("collar", "clavicle", "scapula", "shoulder"),
    "shoulder": ("upperarm", "arm", "shldr", "humerus", "shoulder"),
    "elbow": ("elbow", "forearm", "lowerarm", "radius"),
    "wrist": ("wrist", "hand"),
    "hand": ("hand", "fingerbase", "palm", "middle1", "mid1", "handmiddle1", "middleproximal"),
}
_MIDDLE: dict[str, tuple[str, ...]] = {
    "pelvis": ("pelvis", "hips", "hip", "hipcenter", "root"),
    "neck": ("neck", "neck1", "lowerneck", "shouldercenter", "thorax"),
    "head": ("head",),
}
LIMBS = {
    f"{side}_{limb}": tuple(f"{side}_{part}" for part in parts)
    for side in ("left", "right")
    for limb, parts in (("leg", ("hip", "knee", "ankle")), ("arm", ("shoulder", "elbow", "wrist")))
}
"""The joints that a limb must have; a skeleton may lack whole limbs, as some files hold the legs
alone."""


def joint_names(motion: Motion, joints: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return our joint's name -> the motion's, for every joint that is recognised.

    `joints` maps the motion's own names to ours where they are not recognised, or are recognised
    wrongly. Raises UnknownNameError, listing what is there, where the pelvis, a leg or part of a
    limb is not recognised.

    >>> from otolith.motion.procedural.procedural import make
    >>> joint_names(make("standing", seconds=3.0))["left_knee"]
    'left_knee'
    """
    stated: dict[str, str] = {}
    for theirs, ours in (joints or {}).items():
        motion.joint(theirs)
        if ours not in SKELETON:
            raise UnknownNameError(
                f"There is no joint '{ours}'.{nearest(ours, JOINTS)} Ours: {', '.join(JOINTS)}."
            )
        stated[ours] = theirs
    if set(JOINTS[:22]) <= set(motion.joints):
        names = {name: name for name in JOINTS if name in motion.joints}
    else:
        names = _by_name(motion.joints) | stated
        _spine(motion, names)
    names |= stated
    missing = [] if "pelvis" in names else ["pelvis"]
    for limb, parts in LIMBS.items():
        absent = [part for part in parts if part not in names]
        if limb.endswith("leg") or len(absent) < len(parts):
            missing += absent
    if missing:
        raise UnknownNameError(
            f"No joint of this skeleton is known as {', '.join(missing)}. "
            f"Its joints: {', '.join(motion.joints)}. "
            'Say which is which: joints={"their name": "left_knee", ...}.'
        )
    return names


def _by_name(names: tuple[str, ...]) -> dict[str, str]:
    """Our joint -> the file's, by what sources call it; the first of several counts."""
    parts: dict[str, dict[str, str]] = {"left": {}, "right": {}, "": {}}
    for name in names:
        side, part = split_side(name)
        parts[side].setdefault(part, name)
    out = {}
    for ours, words in _MIDDLE.items():
        out[ours] = next((parts[""][word] for word in words if word in parts[""]), "")
    for side in ("left", "right"):
        for ours in _LIMBS:
            out[f"{side}_{ours}"] = parts[side].get(_limb(ours, parts[side]), "")
    return {ours: name for ours, name in out.items() if name}


def _limb(ours: str, parts: Mapping[str, str]) -> str:
    words = _LIMBS[ours]
    if ours == "foot" and "ankle" not in parts:
        words = (*words[1:], "footend")
    if ours == "hand" and "wrist" not in parts:
        words = (*words[1:], "handend")
    if ours == "collar" and not {"upperarm", "arm", "shldr", "humerus"} & parts.keys():
        words = words[:-1]
    return next((word for word in words if word in parts), "")


def split_side(name: str) -> tuple[str, str]:
    """Return "left", "right" or "" and the rest of a joint's name in small letters, without prefix
    and signs.

    >>> split_side("mixamorig:LeftUpLeg"), split_side("UpperArm_R"), split_side("lfemur")
    (('left', 'upleg'), ('right', 'upperarm'), ('left', 'femur'))
    """
    plain = re.split(r"[:|]", name)[-1]
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", plain)]
    # Prefixes of 3ds Max and Maya; a joint that is called nothing else keeps them.
    words = [word for word in words if word not in ("bip", "j", "joint", "jnt")] or words
    marks = [("left", "left"), ("left", "l"), ("right", "right"), ("right", "r")]
    for side, mark in marks if len(words) > 1 else ():
        if words[0] == mark:
            return side, "".join(words[1:])
        if words[-1] == mark:
            return side, "".join(words[:-1])
    # "lfemur" has no boundary: a letter counts as a side only before a word that is a limb's.
    whole = "".join(words)
    known = {word for names in _LIMBS.values() for word in names}
    for side, mark in marks:
        part = whole.removeprefix(mark)
        if part != whole and {part, part.removesuffix("end")} & known:
            return side, part
    return "", whole


def _spine(motion: Motion, names: dict[str, str]) -> None:
    """Name the joints between pelvis and neck by their order: skeletons have one to five, and call
    them anything."""
    if "pelvis" not in names or "left_shoulder" not in names:
        return
    chains = _chains(motion, names)
    # A head of another tree than the pelvis is none of this body.
    for ours in ("head", "neck"):
        if ours in names and not chains[ours]:
            del names[ours]
    arm = chains.get("left_collar", chains["left_shoulder"])
    to_head = chains["head"] if "head" in names else arm
    shared = [name for name in arm if name in to_head]
    between = [name for name in to_head[:-1] if name not in shared]
    if "head" in names and between:
        names.setdefault("neck", between[0])
    _name_spine([name for name in shared if name not in names.values()], names)


def _name_spine(spine: list[str], names: dict[str, str]) -> None:
    """The upmost joint is the chest, the lowest the waist, and one between is spine2."""
    if spine:
        names.setdefault("spine3", spine[-1])
    if len(spine) > 1:
        names.setdefault("spine1", spine[0])
    if len(spine) > 2:
        names.setdefault("spine2", spine[len(spine) // 2])


def _chains(motion: Motion, names: Mapping[str, str]) -> dict[str, list[str]]:
    return {ours: _chain(motion, name, names["pelvis"]) for ours, name in names.items()}


def _chain(motion: Motion, joint: str, root: str) -> list[str]:
    """Joints from just after the root to this one, itself included; none where it does not hang on
    the root."""
    chain: list[str] = []
    while joint != root:
        chain.insert(0, joint)
        parent = motion.parents[motion.joints.index(joint)]
        if parent < 0:
            return []
        joint = motion.joints[parent]
    return chain
