"""The files of a journal, read: segments, lines, filters, search."""
