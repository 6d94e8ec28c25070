"""Simulated recordings held against real ones.

A mounting may be fitted first, on one half of the movement; the other half is scored.

>>> import numpy as np
>>> from otolith.motion.fidelity.fidelity import fidelity
>>> from otolith.motion.simulation.sensor import Reading
>>> wave = np.sin(np.arange(600) / 10.0)[:, None] * np.array([3.0, 2.0, 1.0])
>>> score = fidelity(Reading(wave, wave), Reading(wave + 0.5, wave), rate_hz=50.0)
>>> round(score.acceleration.rmse, 6), score.angular_rate.correlation
(0.5, (1.0, 1.0, 1.0))
"""
