"""Encoders, objectives, heads and training: what a benchmark and a recogniser both run."""
