"""Suspicious interleavings in the logs of other programs: races on a key, near misses, deadlocks."""
