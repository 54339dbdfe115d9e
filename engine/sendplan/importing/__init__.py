"""Orders: CSV, JSON and JSON lines into the store."""
