"""Runs: made, recorded in the log, and read back."""
