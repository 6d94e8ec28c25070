"""`python -m otolith` is `otolith`."""

from otolith.cli import main

main()
