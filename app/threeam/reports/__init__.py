"""What is told from all rooms together."""
