"""The verdict on an experiment: its arms compared, and when it may stop."""
