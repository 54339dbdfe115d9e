"""Rules as functions over a store's cells, equal to the interpreter and many times as fast (docs/architecture.md)."""
