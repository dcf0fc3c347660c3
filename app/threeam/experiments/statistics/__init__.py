"""The statistics of rare failures. Pure."""
