"""Bodies of many sizes that wear the sensors."""
