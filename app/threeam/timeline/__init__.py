"""Many logs on one timeline: the files of other programs, read only, in the order of their timestamps."""
