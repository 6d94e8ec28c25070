"""Bodies of many sizes that wear the sensors.

Joint angles stay as captured; limbs and steps take the body's lengths, and a heavier body carries
its sensors farther from the bone.

>>> from otolith.motion.bodies.variation import bodies, put_on
>>> from otolith.motion.procedural.procedural import make
>>> average, other = bodies(2, seed=1)
>>> average.stature_m, round(other.stature_m, 2)
(1.7, 1.61)
>>> put_on(make("walking", seconds=4.0), other).frames
401
"""
