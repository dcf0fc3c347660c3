"""Restoring what the hunt has broken: the application, blocked queries, data."""
