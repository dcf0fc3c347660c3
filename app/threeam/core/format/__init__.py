"""The text of the log: lines, times and reports. Pure."""
