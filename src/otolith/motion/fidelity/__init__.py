"""Simulated recordings held against real ones."""
