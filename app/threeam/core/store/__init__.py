"""Reading the files of a journal: segments, lines, filters, search."""
