"""The human state: coffee, water, sleep. It meets the rest of the program in the log alone."""
