"""Kinds of failure: runs that ended in the same way."""
