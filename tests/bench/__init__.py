"""Benchmarks: they measure 3am beside its peers, and print the speed table."""
