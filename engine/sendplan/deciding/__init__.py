"""Deciding: the heart, pure functions."""
