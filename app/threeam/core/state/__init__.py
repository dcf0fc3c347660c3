"""The state of a journal, folded from its lines."""
