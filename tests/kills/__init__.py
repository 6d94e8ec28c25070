"""Kill -9 at random moments: after the same command was typed again, all is as if it had never been
stopped."""
