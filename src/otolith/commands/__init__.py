"""The commands: each module a group of them, each command a thin wrapping of one public function."""
