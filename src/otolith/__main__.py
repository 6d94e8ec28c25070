"""`python -m otolith` is `otolith`."""

from otolith.cli.app import main

main()
