"""Observers: tracers attached to processes, panes captured, the footprint of 3am itself."""
