"""Damaged files: each reader and each file of ours, held against thousands of seeded cases."""
