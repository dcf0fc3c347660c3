"""The search for the commit that has introduced a failure."""
