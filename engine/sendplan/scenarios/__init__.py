"""Testing: what a product owner writes to be sure of the rules."""
