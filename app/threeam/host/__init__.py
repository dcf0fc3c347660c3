"""The machine on which the hunt is: whether it is fit for one, and what is normal there."""
