"""The method: claims, and what became of them. It meets the rest of the program in the log alone."""
