"""The offsets between the clocks of the hosts, and their bounds."""
