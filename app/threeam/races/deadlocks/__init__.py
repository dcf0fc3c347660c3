"""Deadlocks that database servers have detected and reported in their logs: nothing is inferred."""
