"""UTD-MHAD's actions, and what the names of its skeletons say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ACTIONS = (
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "cross arms",
    "basketball shoot",
    "draw X",
    "draw circle clockwise",
    "draw circle counter-clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
)
SENTENCES = (
    "a person swipes the right arm to the left",
    "a person swipes the right arm to the right",
    "a person waves with the right hand",
    "a person claps with both hands",
    "a person throws something with the right arm",
    "a person crosses both arms in front of the chest",
    "a person shoots a basketball",
    "a person draws an X with the right hand",
    "a person draws a circle clockwise with the right hand",
    "a person draws a circle counter-clockwise with the right hand",
    "a person draws a triangle with the right hand",
    "a person bowls with the right hand",
    "a person boxes",
    "a person swings a baseball bat",
    "a person swings a tennis racket",
    "a person curls both arms",
    "a person serves in tennis",
    "a person pushes something away with both hands",
    "a person knocks with the right hand",
    "a person catches something with the right hand",
    "a person picks something up and throws it",
    "a person jogs",
    "a person walks",
    "a person stands up from sitting",
    "a person sits down from standing",
    "a person does a lunge",
    "a person does a squat",
)
"""What is done in each action, in words that say no more than its name and which arm the skeletons
show moving."""


def known(path: Path) -> dict[str, Any]:
    """What the name of a skeleton of UTD-MHAD says of it, as fields of `layouts.About`; nothing for
    other files.

    Source: Chen, Jafari, Kehtarnavaz, "UTD-MHAD: A multimodal dataset for human action recognition
    utilizing a depth camera and a wearable inertial sensor" (2015),
    https://doi.org/10.1109/ICIP.2015.7350781. The authors name 30 frames per second; laid beside
    the sensor of the same trials (861) they come 19 a second.
    """
    found = re.fullmatch(r"(a(\d+)_(s\d+)_t\d+)_skeleton", path.stem)
    if not found or not 1 <= int(found[2]) <= len(ACTIONS):
        return {}
    action = int(found[2]) - 1
    told = {
        "label": ACTIONS[action],
        "text": SENTENCES[action],
        "performer": found[3],
        "clip": found[1],
    }
    return told | {"frame_rate": 19.0, "source": "UTD-MHAD (Kinect)", "terms": "research use"}
