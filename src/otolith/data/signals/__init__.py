"""Recording in, recording out: one clock and rate for all sensors, filters, and the cut into
windows."""
