"""A project day by day: its imports, its runs, and how it stands."""
