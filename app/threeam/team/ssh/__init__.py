"""A host on which only 3am is installed, followed through ssh."""
