"""The journal itself: its lines, its lock, its writer, its readers and its fold."""
