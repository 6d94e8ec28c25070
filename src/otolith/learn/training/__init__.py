"""Pretraining, adaptation, and the checkpoints between them."""
