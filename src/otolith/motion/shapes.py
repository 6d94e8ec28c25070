"""Shapes of the arrays that movements are made of; jaxtyping holds them against values in tests.

F frames, J joints. Points are in metres, in the world (z up) unless a name says otherwise;
quaternions are xyzw.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

Point = Float[np.ndarray, "3"]
"""A point or direction."""
Turn = Float[np.ndarray, "4"]
"""A rotation as a unit quaternion."""
Curve = Float[np.ndarray, " F"]
"""A number per frame."""
Points = Float[np.ndarray, "F 3"]
"""A point or direction per frame."""
Turns = Float[np.ndarray, "F 4"]
"""A rotation per frame."""
JointTurns = Float[np.ndarray, "F J 4"]
"""joint_to_parent of every joint, frame by frame."""
Marks = Bool[np.ndarray, " F"]
"""Which frames."""
