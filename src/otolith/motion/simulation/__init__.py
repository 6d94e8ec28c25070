"""From motions to what worn sensors would have measured: bodies, placements, kinematics, sensors,
noise, people."""
