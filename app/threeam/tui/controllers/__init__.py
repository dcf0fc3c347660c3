"""Controllers: each has the handlers of some actions, and what they keep between two keys."""
