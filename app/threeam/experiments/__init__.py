"""Runs and experiments: commands that are run many times, what that shows, and whether a bug may be called fixed."""
