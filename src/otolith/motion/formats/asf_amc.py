"""ASF and AMC, the Acclaim formats: one file for the skeleton, one per trial for its angles.

Format: J. Lander, "Working with Motion Capture File Formats" (Game Developer, 1998). A bone turns
at its near end by ``C M C⁻¹``: M from its free angles (`dof`), C from its own `axis`, each applied
about fixed axes in the order in which they are listed. Directions are those of the standing body
with arms spread, so that all joints' axes are the file's there. CMU writes lengths in inches of
1/0.45: metres = value / 0.45 * 0.0254 (http://mocap.cs.cmu.edu/faqs.php).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import plain_size, read_text
from otolith.core.limits import refuse_large
from otolith.motion import rotations
from otolith.motion.formats.bvh import END
from otolith.motion.formats.turning import turned
from otolith.motion.formats.world import to_world
from otolith.motion.motion import Motion

CMU_HZ = 120.0
"""CMU's usual frame rate; the files state none."""
INCH_M = 0.0254
_FREE = frozenset(("rx", "ry", "rz", "tx", "ty", "tz", "l"))
_LARGEST = 1e9  # degrees and lengths alike: beyond it a number is damage
_BYTES_OF_A_JOINT = 56  # in each frame: a quaternion and a place


@dataclass
class Bone:
    """One bone of an ASF file; its joint is at its near end."""

    name: str = ""
    direction: tuple[float, ...] = (0.0, 0.0, 0.0)
    length: float = 0.0
    axis: tuple[float, ...] = (0.0, 0.0, 0.0)
    order: str = "xyz"
    dof: list[str] = field(default_factory=list)


@dataclass
class Skeleton:
    """What an ASF file says."""

    root: Bone
    position: tuple[float, ...]
    bones: dict[str, Bone]
    parent: dict[str, str]
    """Each bone's parent, in the order of the hierarchy; parents first."""
    length: float
    """The unit of length that `:units` states."""
    degrees: bool


def read_amc(
    path: Path | str,
    asf: Path | str | None = None,
    scale: float | None = None,
    up: str = "y",
    frame_rate: float | None = None,
) -> Motion:
    """Read one trial with its skeleton, joints named after the bones that they turn, turned so that
    z is up.

    `asf` is found beside the trial (16.asf for 16_15.amc, or the only one there) unless given.
    `scale` overrides the metres per unit that follow from the file's `:units`; `frame_rate` is 120
    Hz, CMU's, unless given.

    Raises ReadError where a file is cut short, no skeleton is found, or trial and skeleton do not
    fit.
    """
    path = Path(path)
    skeleton = read_asf(find_asf(path) if asf is None else Path(asf))
    numbers, degrees, notes = _frames(path, skeleton)
    size = INCH_M / skeleton.length if scale is None else scale
    names = ["root", *skeleton.parent]
    frames = len(next(iter(numbers.values())))
    refuse_large(path, plain_size(path), 2 * frames * len(names) * _BYTES_OF_A_JOINT)
    q = np.tile(rotations.IDENTITY, (frames, len(names), 1))
    offsets = np.zeros((len(names), 3))
    root = np.tile(np.array(skeleton.position), (frames, 1))
    for index, name in enumerate(names):
        bone = skeleton.bones.get(name, skeleton.root)
        parent = skeleton.parent.get(name)
        if parent in skeleton.bones:
            above = skeleton.bones[parent]
            offsets[index] = np.array(above.direction) * above.length
        turns = [k for k, dof in enumerate(bone.dof) if dof.startswith("r")]
        if turns:
            order = "".join(bone.dof[k][1] for k in turns)
            angles = numbers[name][:, turns]
            own = turned(order, np.deg2rad(angles) if degrees else angles)
            axis = np.array(bone.axis)
            axes = turned(bone.order, np.deg2rad(axis) if skeleton.degrees else axis)
            q[:, index] = rotations.multiply(
                rotations.multiply(axes, own), rotations.conjugate(axes)
            )
        if name == "root":
            for k, dof in enumerate(bone.dof):
                if dof.startswith("t"):
                    root[:, "xyz".index(dof[1])] += numbers[name][:, k]
    parents = [-1, *(names.index(parent) for parent in skeleton.parent.values())]
    for index in range(1, len(names)):
        bone = skeleton.bones[names[index]]
        if index not in parents and bone.length:
            names.append(names[index] + END)
            parents.append(index)
            offsets = np.concatenate([offsets, [np.array(bone.direction) * bone.length]])
    tips = np.tile(rotations.IDENTITY, (frames, len(names) - q.shape[1], 1))
    q = np.concatenate([q, tips], axis=1)
    q[~np.isfinite(root).all(axis=1)] = np.nan
    rate_hz = CMU_HZ if frame_rate is None else frame_rate
    motion = Motion(
        rotations.unroll(q), root * size, rate_hz, tuple(names), tuple(parents), offsets * size
    )
    if lost := int(motion.lost.sum()):
        notes.append(f"{lost} frames with numbers that are not finite are gaps")
    return to_world(replace(motion, notes=tuple(notes)), up)


def find_asf(path: Path) -> Path:
    """The skeleton that belongs to a trial: named as the trial up to its underscore, or the only
    one in the folder."""
    here = {file.stem: file for file in sorted(path.parent.glob("*.[aA][sS][fF]"))}
    for stem in (path.stem, path.stem.rpartition("_")[0]):
        if stem in here:
            return here[stem]
    if len(here) == 1:
        return next(iter(here.values()))
    raise ReadError(
        f"{path} needs the skeleton it was recorded with: "
        f"{path.stem.rpartition('_')[0] or path.stem}.asf was looked "
        f"for in its folder, which holds {', '.join(f.name for f in here.values()) or 'no .asf'}. "
        f"Say asf=..."
    )


def read_asf(path: Path) -> Skeleton:
    """Read a skeleton; raises ReadError that names the line where it is damaged."""
    sections = _sections(path)
    units = dict(line[:2] for line in sections.get("units", []) if len(line) >= 2)
    about = {line[0].lower(): line[1:] for line in sections.get("root", [])}
    try:
        root = Bone(
            "root",
            dof=[word.lower() for word in about["order"]],
            order="".join(about["axis"]).lower(),
        )
        root.axis = tuple(float(word) for word in about.get("orientation", ["0", "0", "0"]))
        position = tuple(float(word) for word in about.get("position", ["0", "0", "0"]))
        bones = _bones(sections["bonedata"])
        parent = _hierarchy(sections["hierarchy"], bones)
        length = float(units.get("length", "1.0"))
        _refuse_odd(root, position, bones, length)
    except KeyError as error:
        raise ReadError(f"{path} lacks {error}: it is no whole ASF file. Get it again.") from error
    except (ValueError, IndexError) as error:
        raise ReadError(f"{path} is damaged: {error}.") from error
    return Skeleton(
        root, position, bones, parent, length, units.get("angle", "deg").lower().startswith("deg")
    )


def _refuse_odd(
    root: Bone, position: tuple[float, ...], bones: dict[str, Bone], length: float
) -> None:
    if not 0.0 < length < np.inf or len(position) != 3:
        raise ValueError(f"a unit of length of {length}, or a position of {len(position)} numbers")
    if not root.dof:
        raise ValueError("its root does not move")
    for bone in (root, *bones.values()):
        numbers = (*bone.direction, *bone.axis, bone.length)
        if (
            len(bone.direction) != 3
            or len(bone.axis) != 3
            or not np.less(np.abs(numbers), _LARGEST).all()
        ):
            raise ValueError(
                f"bone '{bone.name}' needs a direction and an axis of three numbers each, and a "
                f"length"
            )
        if sorted(bone.order) != ["x", "y", "z"]:
            raise ValueError(
                f"the axes of bone '{bone.name}' are x, y and z in some order; found "
                f"'{bone.order[:20]}'"
            )
        if not set(bone.dof) <= _FREE or len(set(bone.dof)) != len(bone.dof):
            raise ValueError(
                f"bone '{bone.name}' moves by each of {', '.join(sorted(_FREE))} once; found "
                f"{bone.dof[:9]}"
            )


def _sections(path: Path) -> dict[str, list[list[str]]]:
    out: dict[str, list[list[str]]] = {}
    section: list[list[str]] = []
    for line in _lines(path):
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0].startswith(":"):
            section = out.setdefault(words[0][1:].lower(), [])
        else:
            section.append(words)
    return out


def _lines(path: Path) -> list[str]:
    return read_text(path).splitlines()


def _bones(lines: list[list[str]]) -> dict[str, Bone]:
    bones: dict[str, Bone] = {}
    bone: Bone | None = None
    for words in lines:
        key = words[0].lower()
        if key == "begin":
            bone = Bone()
        elif key == "end":
            if bone is None or not bone.name:
                raise ValueError("a bone ends that has no name")
            bones[bone.name] = bone
            bone = None
        elif bone is None:
            raise ValueError(f"'{' '.join(words)}' stands outside of a bone")
        elif key == "name":
            bone.name = words[1]
        elif key == "direction":
            bone.direction = tuple(float(word) for word in words[1:4])
        elif key == "length":
            bone.length = float(words[1])
        elif key == "axis":
            bone.axis, bone.order = tuple(float(word) for word in words[1:4]), words[4].lower()
        elif key == "dof":
            bone.dof = [word.lower() for word in words[1:]]
    if bone is not None:
        raise ValueError("its last bone does not end")
    return bones


def _hierarchy(lines: list[list[str]], bones: dict[str, Bone]) -> dict[str, str]:
    parent: dict[str, str] = {}
    for words in lines:
        if words[0].lower() in ("begin", "end"):
            continue
        if words[0] != "root" and words[0] not in parent:
            raise ValueError(f"bone '{words[0]}' has children before it has a parent")
        for child in words[1:]:
            if child not in bones:
                raise ValueError(f"the hierarchy names a bone '{child}' that has no data")
            parent[child] = words[0]
    return parent


def _frames(
    path: Path, skeleton: Skeleton
) -> tuple[dict[str, Float[np.ndarray, "F K"]], bool, list[str]]:
    """Return the numbers of each bone, whether angles are in degrees, and what was repaired."""
    lines = [line for line in _lines(path) if line.strip() and not line.lstrip().startswith("#")]
    head = [line.strip().lower() for line in lines if line.lstrip().startswith(":")]
    lines = lines[len(head) :]
    starts = [k for k, line in enumerate(lines) if line.strip().isdigit()]
    if not starts or starts[0] != 0:
        raise ReadError(f"{path} does not begin with frame 1: it is no AMC file, or cut short.")
    period = (starts[1] if len(starts) > 1 else len(lines)) - starts[0]
    words = [line.split(None, 1) for line in lines]
    names = [word[0] for word in words[1:period]]
    if starts != list(range(0, len(lines), period)) or len(lines) % period:
        wrong = next((n for n, k in enumerate(starts) if k != n * period), len(starts) - 1)
        raise ReadError(
            f"{path}: frame {wrong + 1} has more or fewer lines than the first; the file is cut "
            f"short."
        )
    for offset, name in enumerate(names, start=1):
        if any(word[0] != name for word in words[offset::period]):
            raise ReadError(
                f"{path}: bones do not stand in one order in all frames (see '{name}')."
            )
    needed = {
        name: len(bone.dof)
        for name, bone in {"root": skeleton.root, **skeleton.bones}.items()
        if bone.dof
    }
    if unknown := [name for name in names if name not in needed]:
        raise ReadError(
            f"{path} moves bones that its skeleton has not: {', '.join(unknown)}. Say asf=..."
        )
    if missing := [name for name in needed if name not in names]:
        raise ReadError(
            f"{path} lacks the bones {', '.join(missing)} that its skeleton moves. Say asf=..."
        )
    rows = [
        " ".join(word[1] if len(word) > 1 else "" for word in words[k + 1 : k + period])
        for k in starts
    ]
    try:
        table = np.loadtxt(rows, dtype=np.float64, ndmin=2, comments=None)
    except ValueError as error:
        raise ReadError(f"{path}: a frame is cut short or holds no number ({error}).") from error
    if table.shape[1] != sum(needed.values()):
        raise ReadError(
            f"{path}: a frame holds {table.shape[1]} numbers, its skeleton needs "
            f"{sum(needed.values())}."
        )
    edges = np.cumsum([0, *(needed[name] for name in names)])
    with np.errstate(invalid="ignore"):
        table[~(np.abs(table) < _LARGEST).all(axis=1)] = np.nan
    lost = np.isnan(table[:, 0])
    if lost.all():
        raise ReadError(
            f"{path}: none of its {len(table)} frames is finite; there is nothing to read."
        )
    numbers = {
        name: np.where(lost[:, None], 0.0, table[:, a:b])
        for name, a, b in zip(names, edges, edges[1:], strict=False)
    }
    numbers["root"][lost] = np.nan
    return numbers, ":radians" not in head, []
