"""Leaving secrets out of text."""
