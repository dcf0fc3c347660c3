"""How far the clocks of the hosts are apart, and how well that is known."""
