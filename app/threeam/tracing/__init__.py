"""Observers: tracers attached to processes, captured tmux panes, and the cost of 3am itself."""
