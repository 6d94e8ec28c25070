"""Motion capture, bodies, and what sensors worn by them would measure.

World frame: z up, right-handed, metres; rotations are unit quaternions xyzw, named `a_to_b`. A
motion becomes a recording in three steps: a body wears it, a sensor is mounted on the body, and the
sensor's path is differentiated.

>>> from otolith.motion.bodies.body import Body
>>> from otolith.motion.procedural.procedural import make
>>> from otolith.motion.simulation.sensor import simulate
>>> walk = make("walking", seconds=4.0)
>>> tall = Body("tall", stature_m=1.9)
>>> recording = simulate(walk, ["left_wrist"], rate_hz=50.0, noise_of="watch", body=tall)
>>> recording.streams[0].values.shape  # three axes of acceleration, three of angular rate
(201, 6)
"""
