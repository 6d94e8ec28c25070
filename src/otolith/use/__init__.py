"""What a user keeps: a recogniser with its whole signal chain, and the timeline of a recording."""
