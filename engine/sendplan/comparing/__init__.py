"""Comparing: two plans, or the rules of two revisions."""
