"""More than one process: this machine's."""
