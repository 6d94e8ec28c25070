"""The command `otolith`."""
