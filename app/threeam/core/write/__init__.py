"""Writing to a log: drafts, the lock, the writer, rotation."""
