"""Declarations: a project's files as frozen values."""
