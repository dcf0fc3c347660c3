"""Restoring what the hunt has broken: the application, its queries, its data."""
