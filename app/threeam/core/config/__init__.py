"""Settings, and who writes."""
