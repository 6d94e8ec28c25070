"""Physical quantities of movement, per sample and per window: gravity, speed, angles, symmetry, and
their bins.

They are what PIM asks an encoder to predict (https://arxiv.org/abs/2503.17978). Each quantity is
one file of array functions: `gravity`, `speed`, `angles`, `symmetry` (with `dtw`, time warping),
and `bins`.
"""
