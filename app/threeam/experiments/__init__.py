"""What watching does to a bug: runs, experiments, observers, and whether a bug may be called fixed."""
