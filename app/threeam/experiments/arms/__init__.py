"""Arms: the ways to run a command."""
