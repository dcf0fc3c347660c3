"""Working with hypotheses: evidence, verdicts, warnings, changes to the system, notes for the next person."""
