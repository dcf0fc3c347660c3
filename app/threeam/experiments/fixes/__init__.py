"""The clean runs that a fix needs, with a control or without."""
