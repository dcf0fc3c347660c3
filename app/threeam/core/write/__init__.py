"""The one way into a log: drafts, the lock, the writer, rotation."""
