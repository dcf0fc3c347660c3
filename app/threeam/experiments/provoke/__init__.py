"""The search for an arm that makes a failure frequent."""
