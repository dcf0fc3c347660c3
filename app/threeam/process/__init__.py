"""Running a child process: start, record its output, end it with all that it has started."""
