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
    limb is not found.
    """
    stated = dict(joints or {})
    for theirs, ours in stated.items():
        motion.joint(theirs)
        if ours not in SKELETON:
            raise UnknownNameError(
                f"There is no joint '{ours}'.{nearest(ours, JOINTS)} Ours: {', '.join(JOINTS)}."
            )
    if set(JOINTS[:22]) <= set(motion.joints):
        found = {name: name for name in JOINTS if name in motion.joints}
    else:
        found = _by_name(motion.joints)
        found |= {ours: theirs for theirs, ours in stated.items()}
        _spine(motion, found)
    found |= {ours: theirs for theirs, ours in stated.items()}
    absent = {limb: [part for part in parts if part not in found] for limb, parts in LIMBS.items()}
    missing = [
        part
        for limb, parts in absent.items()
        if limb.endswith("leg") or len(parts) < 3
        for part in parts
    ]
    if missing or "pelvis" not in found:
        raise UnknownNameError(
            f"No joint of this skeleton is known as {', '.join(missing or ['pelvis'])}. "
            f"Its joints: {', '.join(motion.joints)}. "
            'Say which is which: joints={"their name": "left_knee", ...}.'
        )
    return found


def _by_name(names: tuple[str, ...]) -> dict[str, str]:
    middle: dict[str, str] = {}
    sided: dict[str, dict[str, str]] = {"left": {}, "right": {}}
    for name in names:
        side, part = split_side(name)
        if side:
            sided[side].setdefault(part, name)
        else:
            middle.setdefault(part, name)
    found: dict[str, str] = {}
    for ours, words in _MIDDLE.items():
        if (word := next((word for word in words if word in middle), None)) is not None:
            found[ours] = middle[word]
    for side, parts in sided.items():
        for ours in _LIMBS:
            if (word := _limb(ours, parts)) is not None:
                found[f"{side}_{ours}"] = parts[word]
    return found


def _limb(ours: str, parts: Mapping[str, str]) -> str | None:
    words = _LIMBS[ours]
    if ours == "foot" and "ankle" not in parts:
        words = (*words[1:], "footend")
    if ours == "collar" and not any(
        word in parts for word in ("upperarm", "arm", "shldr", "humerus")
    ):
        words = words[:-1]
    if ours == "hand" and "wrist" not in parts:
        words = (*words[1:], "handend")
    return next((word for word in words if word in parts), None)


def split_side(name: str) -> tuple[str, str]:
    """Return "left", "right" or "" and the rest of a joint's name in small letters, without prefix
    and signs.

    >>> split_side("mixamorig:LeftUpLeg"), split_side("UpperArm_R"), split_side("lfemur")
    (('left', 'upleg'), ('right', 'upperarm'), ('left', 'femur'))
    """
    plain = re.split(r"[:|]", name)[-1]
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", plain)]
    words = [word for word in words if word not in ("bip", "j", "joint", "jnt")] or words
    for side in ("left", "right"):
        for mark in (side, side[0]):
            for end in (0, -1):
                if len(words) > 1 and words[end] == mark:
                    rest = words[1:] if end == 0 else words[:-1]
                    return side, "".join(rest)
    whole = "".join(words)
    known = {word for words_of in _LIMBS.values() for word in words_of}
    for side in ("left", "right"):
        for mark in (side, side[0]):
            part = whole.removeprefix(mark)
            if part != whole and (part in known or part.removesuffix("end") in known):
                return side, part
    return "", whole


def _spine(motion: Motion, found: dict[str, str]) -> None:
    """Name the joints between pelvis and neck by their order: skeletons have one to five, and call
    them anything."""
    if "pelvis" not in found or "left_shoulder" not in found:
        return
    pelvis = motion.joint(found["pelvis"])
    for head in ("head", "neck"):
        if head in found and not _chain(motion, motion.joint(found[head]), pelvis):
            del found[head]
    arm = _chain(motion, motion.joint(found.get("left_collar", found["left_shoulder"])), pelvis)
    top = motion.joint(found["head"]) if "head" in found else None
    neck = _chain(motion, top, pelvis) if top is not None else arm
    shared = [index for index in arm if index in set(neck)]
    if top is not None and "neck" not in found:
        between = [index for index in neck if index not in shared and index != top]
        if between:
            found["neck"] = motion.joints[between[0]]
    taken = {motion.joints.index(name) for name in found.values()}
    spine = [index for index in shared if index not in taken]
    if not spine:
        return
    middle = {"spine3": spine[-1]}
    if len(spine) > 1:
        middle["spine1"] = spine[0]
    if len(spine) > 2:
        middle["spine2"] = spine[len(spine) // 2]
    for ours, index in middle.items():
        found.setdefault(ours, motion.joints[index])


def _chain(motion: Motion, index: int, root: int) -> list[int]:
    """Joints from just after the root to this one, itself included; none where it does not hang on
    the root."""
    chain: list[int] = []
    while index >= 0 and index != root:
        chain.insert(0, index)
        index = motion.parents[index]
    return chain if index == root else []
