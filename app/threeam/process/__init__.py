"""Child processes: start one, record its output, and end it with all its descendants."""
