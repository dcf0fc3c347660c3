"""What the lines add up to."""
