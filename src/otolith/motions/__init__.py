"""Where motions come from: files of motion capture, and equations."""
