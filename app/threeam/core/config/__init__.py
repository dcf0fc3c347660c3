"""Settings, and the author of this process."""
