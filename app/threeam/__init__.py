"""3am: the debugging journal for the race condition that never happens in staging."""

__version__ = "0.1.0"
