"""The machine that is being debugged: whether it is ready for the hunt, and what is normal on it."""
