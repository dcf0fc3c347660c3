"""The human state: coffee, water, sleep. Other packages learn of it through the log only."""
