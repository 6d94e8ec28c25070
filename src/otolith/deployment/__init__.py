"""What a user keeps: a recogniser with its whole signal chain, and the timeline that it makes of a recording."""
