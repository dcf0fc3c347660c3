"""The widgets of the full screen, one a file."""
