"""Files of other people: opened where they are plain files, unpacked and decoded within bounds,
never trusted."""
