"""The screens of the full screen, one a file."""
