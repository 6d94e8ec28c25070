"""Motions made from equations.

Angles are in degrees, positive as a clinician counts them (`pose.ANGLES`); the pelvis follows from
the feet. The same style and seed give the same motion, bit for bit.

>>> from otolith.motion.procedural.procedural import make
>>> from otolith.motion.procedural.style import Style
>>> make("squat", Style(tempo=1.2), seconds=6.0, rate_hz=50.0, seed=3).duration_s
6.0
"""
