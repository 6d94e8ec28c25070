"""Motion capture, bodies, and what sensors worn by them would measure."""
