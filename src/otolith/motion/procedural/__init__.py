"""Motions made from equations."""
