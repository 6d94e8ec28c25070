"""Recordings, studies and windows: how they are read, kept, resampled and cut."""
