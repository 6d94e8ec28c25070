"""From motions to what worn sensors would have measured: bodies, placements, kinematics, sensors,
noise, people.

With r(t) the sensor's position and q(t) its orientation sensor_to_world (xyzw), both through a
quintic spline over the frames, and R the matrix of q:

    acceleration = R^T (r'' - g)       m/s², g = (0, 0, -9.80665): +9.81 along up at rest
    angular rate = 2 conj(q) q'        rad/s, about the sensor's own axes
    field        = R^T B               µT, only if the field of the place is given

Young et al., "IMUSim: A simulation environment for inertial sensing algorithm design and
evaluation" (2011), has the same equations. `fused` computes them for many sensors at once,
`kinematics` and `sensor` for one, with smoothing and gaps.

>>> import numpy as np
>>> from otolith.motion.motion import Motion
>>> from otolith.motion.simulation.sensor import simulate
>>> standing = Motion(np.tile([0.0, 0.0, 0.0, 1.0], (100, 24, 1)), np.zeros((100, 3)), rate_hz=50.0)
>>> reading = simulate(standing, ["chest"], rate_hz=50.0).streams[0].values[0]
>>> np.abs(reading).round(3)  # x points up the body
array([9.807, 0.   , 0.   , 0.   , 0.   , 0.   ], dtype=float32)
"""
