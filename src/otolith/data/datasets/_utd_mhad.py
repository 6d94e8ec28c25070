"""UTD-MHAD's actions, and what the names of its skeleton files say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_DONE = {
    "swipe left": "swipes the right arm to the left",
    "swipe right": "swipes the right arm to the right",
    "wave": "waves with the right hand",
    "clap": "claps with both hands",
    "throw": "throws something with the right arm",
    "cross arms": "crosses both arms in front of the chest",
    "basketball shoot": "shoots a basketball",
    "draw X": "draws an X with the right hand",
    "draw circle clockwise": "draws a circle clockwise with the right hand",
    "draw circle counter-clockwise": "draws a circle counter-clockwise with the right hand",
    "draw triangle": "draws a triangle with the right hand",
    "bowling": "bowls with the right hand",
    "boxing": "boxes",
    "baseball swing": "swings a baseball bat",
    "tennis swing": "swings a tennis racket",
    "arm curl": "curls both arms",
    "tennis serve": "serves in tennis",
    "push": "pushes something away with both hands",
    "knock": "knocks with the right hand",
    "catch": "catches something with the right hand",
    "pick up and throw": "picks something up and throws it",
    "jog": "jogs",
    "walk": "walks",
    "sit to stand": "stands up from sitting",
    "stand to sit": "sits down from standing",
    "lunge": "does a lunge",
    "squat": "does a squat",
}
ACTIONS = tuple(_DONE)
"""The 27 actions, numbered from 1 in the files' names."""
SENTENCES = tuple(f"a person {words}" for words in _DONE.values())
"""Each action in words that say no more than its name, and which arm the skeletons show moving."""


def known(path: Path) -> dict[str, Any]:
    """Return what the name of a skeleton of UTD-MHAD says of it; nothing for other files.

    As fields of `otolith.motion.formats.layouts.About`.

    Source: Chen, Jafari, Kehtarnavaz, "UTD-MHAD: A multimodal dataset for human action recognition
    utilizing a depth camera and a wearable inertial sensor" (2015),
    https://doi.org/10.1109/ICIP.2015.7350781. The authors name 30 frames per second; aligned with
    the sensor of the same trials (861) they come 19 a second.

    >>> facts = known(Path("a27_s2_t1_skeleton.mat"))
    >>> facts["label"], facts["performer"], facts["clip"]
    ('squat', 's2', 'a27_s2_t1')
    """
    named = re.fullmatch(r"(a(\d+)_(s\d+)_t\d+)_skeleton", path.stem)
    if not named or not 1 <= int(named[2]) <= len(ACTIONS):
        return {}
    action = int(named[2]) - 1
    return {
        "label": ACTIONS[action],
        "text": SENTENCES[action],
        "performer": named[3],
        "clip": named[1],
        "frame_rate": 19.0,
        "source": "UTD-MHAD (Kinect)",
        "terms": "research use",
    }
