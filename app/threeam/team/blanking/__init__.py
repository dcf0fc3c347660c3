"""Words that are taken back after they were sent."""
