"""ASF and AMC, the Acclaim formats: one file for the skeleton, one per trial for its angles.

Format: J. Lander, "Working with Motion Capture File Formats" (Game Developer, 1998). A bone turns
at its near end by ``C M C⁻¹``: M from its free angles (`dof`), C from its own `axis`, each applied
about fixed axes in the order in which they are listed. Directions are those of the standing body
with arms spread, so that all joints' axes are the file's there. CMU writes lengths in inches of
1/0.45: metres = value / 0.45 * 0.0254 (http://mocap.cs.cmu.edu/faqs.php).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from otolith.core.errors import ReadError
from otolith.core.foreign.plain import read_text
from otolith.motion import rotations
from otolith.motion.formats.frames import END, LARGEST, lost_note, refuse_many_joints, table
from otolith.motion.formats.turning import turned
from otolith.motion.formats.world import to_world
from otolith.motion.motion import Motion
from otolith.motion.shapes import Point

CMU_HZ = 120.0
"""CMU's usual frame rate; the files state none."""
INCH_M = 0.0254
_FREE = frozenset(("rx", "ry", "rz", "tx", "ty", "tz", "l"))


@dataclass(frozen=True)
class Bone:
    """One bone of an ASF file; its joint is at its near end."""

    name: str
    direction: tuple[float, ...] = (0.0, 0.0, 0.0)
    length: float = 0.0
    axis: tuple[float, ...] = (0.0, 0.0, 0.0)
    order: str = "xyz"
    """In which its three axes are applied."""
    dof: tuple[str, ...] = ()
    """What moves: rx, ry, rz, tx, ty, tz and l."""

    def free(self, kind: str) -> dict[str, int]:
        """Axis -> which of its numbers turns ("r") or shifts ("t") about it, in their order."""
        return {dof[1]: k for k, dof in enumerate(self.dof) if dof[0] == kind}

    @property
    def end(self) -> Point:
        """Its far end as seen from its joint, in the file's unit."""
        return np.array(self.direction) * self.length


@dataclass(frozen=True)
class Skeleton:
    """What an ASF file says."""

    bones: dict[str, Bone]
    """By name; the root is one of them."""
    parent: dict[str, str]
    """Each bone's parent, in the order of the hierarchy; parents first."""
    position: tuple[float, ...]
    length: float
    """The unit of length that `:units` states."""
    degrees: bool

    def joints(self) -> tuple[list[str], list[int], Float[np.ndarray, "J 3"]]:
        """Names, parents and offsets of all joints: where each bone begins, then the tips of those
        that carry none."""
        names = ["root", *self.parent]
        parents = [-1, *(names.index(parent) for parent in self.parent.values())]
        last = sorted(set(range(1, len(names))) - set(parents))
        ends = [k for k in last if self.bones[names[k]].length]
        carriers = [*self.parent.values(), *(names[k] for k in ends)]
        offsets = np.array([np.zeros(3), *(self.bones[name].end for name in carriers)])
        return [*names, *(names[k] + END for k in ends)], [*parents, *ends], offsets


def read_amc(
    path: Path | str,
    asf: Path | str | None = None,
    scale: float | None = None,
    up: str = "y",
    frame_rate: float | None = None,
) -> Motion:
    """Read one trial with its skeleton, joints named after the bones that they turn, turned so that
    z is up.

    `asf` is found beside the trial (16.asf for 16_15.amc, or the only one in the folder) unless
    given. `scale` overrides the metres per unit that follow from the file's `:units`; `frame_rate`
    is 120 Hz, CMU's, unless given.

    Raises ReadError where a file is cut short, no skeleton is found, or trial and skeleton do not
    fit.
    """
    path = Path(path)
    skeleton = read_asf(find_asf(path) if asf is None else Path(asf))
    numbers, degrees = _frames(path, skeleton)
    names, parents, offsets = skeleton.joints()
    frames = len(numbers["root"])
    refuse_many_joints(path, 2 * frames, len(names))
    q = np.tile(rotations.IDENTITY, (frames, len(names), 1))
    for index, name in enumerate(["root", *skeleton.parent]):
        bone = skeleton.bones[name]
        # C M C^-1: the file's angles are about the bone's own axes C, ours about the parent's.
        if turns := bone.free("r"):
            angles = numbers[name][:, [*turns.values()]]
            turn = turned("".join(turns), np.deg2rad(angles) if degrees else angles)
            axis = np.array(bone.axis)
            axes = turned(bone.order, np.deg2rad(axis) if skeleton.degrees else axis)
            turn = rotations.multiply(rotations.multiply(axes, turn), rotations.conjugate(axes))
            q[:, index] = turn
    root = np.tile(np.array(skeleton.position), (frames, 1))
    for letter, column in skeleton.bones["root"].free("t").items():
        root[:, "xyz".index(letter)] += numbers["root"][:, column]
    size = INCH_M / skeleton.length if scale is None else scale
    rate_hz = CMU_HZ if frame_rate is None else frame_rate
    body = tuple(names), tuple(parents), offsets * size
    motion = Motion(rotations.unroll(q), root * size, rate_hz, *body)
    return to_world(replace(motion, notes=tuple(lost_note(path, motion.lost))), up)


def find_asf(path: Path) -> Path:
    """The skeleton that belongs to a trial: named as the trial up to its underscore, or the only
    one in the folder."""
    nearby = {file.stem: file for file in sorted(path.parent.glob("*.[aA][sS][fF]"))}
    named = path.stem.rpartition("_")[0] or path.stem
    # Only one skeleton in the folder: it is taken, as trials are often named otherwise.
    for stem in (path.stem, named, *(nearby if len(nearby) == 1 else ())):
        if stem in nearby:
            return nearby[stem]
    raise ReadError(
        f"{path} needs the skeleton it was recorded with: {named}.asf was looked for in its "
        f"folder, which holds {', '.join(f.name for f in nearby.values()) or 'no .asf'}. "
        "Say asf=..."
    )


def read_asf(path: Path) -> Skeleton:
    """Read a skeleton; raises ReadError that names the line where it is damaged."""
    sections = _sections(path)
    units = {line[0]: line[1] for line in sections.get("units", []) if len(line) >= 2}
    about = {line[0].lower(): line[1:] for line in sections.get("root", [])}
    try:
        axis = [*about.get("orientation", _ZERO), "".join(about["axis"])]
        root = _bone({"name": ["root"], "dof": about["order"], "axis": axis})
        bones = _bones(sections["bonedata"])
        parent = _hierarchy(sections["hierarchy"], bones)
        position = _numbers(about.get("position", _ZERO))
        length = float(units.get("length", "1.0"))
        if not 0.0 < length < np.inf or not root.dof:
            raise ValueError(f"a unit of length of {length}, or a root that does not move")
    except KeyError as error:
        raise ReadError(f"{path} lacks {error}: it is no whole ASF file. Get it again.") from error
    except (ValueError, IndexError) as error:
        raise ReadError(f"{path} is damaged: {error}.") from error
    degrees = units.get("angle", "deg").lower().startswith("deg")
    return Skeleton({**bones, "root": root}, parent, position, length, degrees)


_ZERO = ["0", "0", "0"]


def _sections(path: Path) -> dict[str, list[list[str]]]:
    out: dict[str, list[list[str]]] = {}
    section: list[list[str]] = []
    for line in read_text(path).splitlines():
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            section = out.setdefault(words[0][1:].lower(), [])
        elif words:
            section.append(words)
    return out


def _bones(lines: Iterable[list[str]]) -> dict[str, Bone]:
    bones: dict[str, Bone] = {}
    entry: dict[str, list[str]] | None = None
    for key, *words in lines:
        if key.lower() == "begin":
            entry = {}
        elif entry is None:
            raise ValueError(f"'{' '.join([key, *words])}' stands outside of a bone")
        elif key.lower() == "end":
            bone = _bone(entry)
            bones[bone.name], entry = bone, None
        else:
            entry[key.lower()] = words
    if entry is not None:
        raise ValueError("its last bone does not end")
    return bones


def _bone(entry: Mapping[str, list[str]]) -> Bone:
    """A bone from its lines; raises ValueError or IndexError for what no bone can be."""
    name = entry["name"][0]
    axis = entry.get("axis", [*_ZERO, "xyz"])
    order, dof = axis[3].lower(), tuple(word.lower() for word in entry.get("dof", []))
    (length,) = _numbers(entry.get("length", ["0"])[:1], 1)
    if sorted(order) != ["x", "y", "z"]:
        raise ValueError(f"the axes of bone '{name}' are x, y and z in some order, not '{order}'")
    if not set(dof) <= _FREE or len(set(dof)) != len(dof):
        kinds = ", ".join(sorted(_FREE))
        raise ValueError(f"bone '{name}' moves by each of {kinds} once; found {list(dof[:9])}")
    direction = _numbers(entry.get("direction", _ZERO)[:3])
    return Bone(name, direction, length, _numbers(axis[:3]), order, dof)


def _numbers(words: list[str], count: int = 3) -> tuple[float, ...]:
    numbers = tuple(float(word) for word in words)
    if len(numbers) != count or not all(abs(number) < LARGEST for number in numbers):
        raise ValueError(f"{count} numbers were expected, found {words}")
    return numbers


def _hierarchy(lines: Iterable[list[str]], bones: Mapping[str, Bone]) -> dict[str, str]:
    parent: dict[str, str] = {}
    for carrier, *children in lines:
        if carrier.lower() in ("begin", "end"):
            continue
        if carrier != "root" and carrier not in parent:
            raise ValueError(f"bone '{carrier}' has children before it has a parent")
        for child in children:
            if child not in bones:
                raise ValueError(f"the hierarchy names a bone '{child}' that has no data")
            parent[child] = carrier
    return parent


def _frames(path: Path, skeleton: Skeleton) -> tuple[dict[str, Float[np.ndarray, "F K"]], bool]:
    """The numbers of each bone, frame by frame, and whether angles are in degrees."""
    # Every frame has the same lines in the same order, so that columns can be cut from one table.
    lines = [line.strip() for line in read_text(path).splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    head = [line.lower() for line in lines if line.startswith(":")]
    names, rows = _rows(path, lines[len(head) :])
    needed = {bone.name: len(bone.dof) for bone in skeleton.bones.values() if bone.dof}
    unknown, missing = sorted({*names} - {*needed}), sorted({*needed} - {*names})
    if unknown:
        raise ReadError(
            f"{path} moves bones that its skeleton has not: {', '.join(unknown)}. Say asf=..."
        )
    if missing:
        raise ReadError(
            f"{path} lacks the bones {', '.join(missing)} that its skeleton moves. Say asf=..."
        )
    numbers = table(path, rows, sum(needed.values()))
    parts = np.split(numbers, np.cumsum([needed[name] for name in names])[:-1], axis=1)
    return dict(zip(names, parts, strict=True)), ":radians" not in head


def _rows(path: Path, lines: list[str]) -> tuple[list[str], list[str]]:
    """The bones of each frame, and its numbers in their order, as text."""
    starts = [k for k, line in enumerate(lines) if line.isdigit()]
    if starts[:1] != [0]:
        raise ReadError(f"{path} does not begin with frame 1: it is no AMC file, or cut short.")
    period = [*starts, len(lines)][1]
    if len(lines) % period or starts != list(range(0, len(lines), period)):
        wrong = next((n for n, k in enumerate(starts) if k != n * period), len(starts) - 1)
        raise ReadError(f"{path}: frame {wrong + 1} has more or fewer lines than the first.")
    words = [line.split(None, 1) for line in lines]
    names = [word[0] for word in words[1:period]]
    for offset, name in enumerate(names, start=1):
        if {word[0] for word in words[offset::period]} != {name}:
            raise ReadError(f"{path}: '{name}' does not stand at one place in all frames.")
    parts = [" ".join(word[1:]) for word in words]
    return names, [" ".join(parts[k + 1 : k + period]) for k in starts]
