"""Reports that combine several capabilities."""
