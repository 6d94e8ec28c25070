"""GRAB: ten people grasping fifty-one objects, told by where a file lies and what it is called.

Taheri et al., "GRAB: A Dataset of Whole-Body Human Grasping of Objects" (2020),
https://grab.is.tue.mpg.de. Files are s1/airplane_fly_1.npz to s10/…: the person, then the object,
what is done with it, and a number. The authors' own files keep poses as pickled objects, which are
never opened; AMASS gives the same clips as plain arrays (GRAB/s1/…_poses.npz or …_stageii.npz), and
so does saving them anew (docs/simulation.md).
"""

from __future__ import annotations

import re
from pathlib import Path

TERMS = "GRAB licence: non-commercial research; see https://grab.is.tue.mpg.de"
TESTED = ("mug", "wineglass", "camera", "binoculars", "fryingpan", "toothpaste")
VALIDATED = ("apple", "toothbrush", "elephant", "hand")
"""Objects that the authors hold out; all others are for training."""
_FILE = re.compile(
    r"([a-z]+)_([a-z]+(?:_[a-z]+)*?)(?:_(\d+))?(?:_retake)?(?:_(?:poses|stageii))?", re.IGNORECASE
)
_SIZED = re.compile(r"(.+?)(small|medium|large)")
_DONE = {
    "lift": "a person lifts the {}",
    "pass": "a person passes the {} to somebody",
    "offhand": "a person moves the {} from one hand to the other",
    "takepicture": "a person takes a picture with the {}",
}


def known(path: Path) -> dict[str, str]:
    """What a file's name and folders tell of a clip of GRAB; nothing for any other file.

    >>> facts = known(Path("GRAB/s1/mug_drink_1_poses.npz"))
    >>> facts["text"], facts["split"]
    ('a person takes the mug to drink it', 'test')
    """
    person, collection = path.parent.name, path.parent.parent.name
    parts = _FILE.fullmatch(path.stem) if path.suffix == ".npz" else None
    if not parts or collection.lower() != "grab" or not re.fullmatch(r"s\d+", person):
        return {}
    thing, intent = parts[1].lower(), parts[2].lower()
    name = " ".join(reversed(sized.groups())) if (sized := _SIZED.fullmatch(thing)) else thing
    words = _DONE.get(intent, f"a person takes the {{}} to {intent.replace('_', ' ')} it")
    return {
        "performer": f"grab_{person}",
        "clip": f"{person}_{re.sub(r'_(poses|stageii)$', '', path.stem)}",
        "label": intent,
        "text": words.format(name),
        "split": "test" if thing in TESTED else "val" if thing in VALIDATED else "train",
        "source": "GRAB",
        "terms": TERMS,
    }
