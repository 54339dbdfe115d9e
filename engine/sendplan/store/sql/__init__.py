"""What every SQL store shares: its statements, in the words that all databases here know, over a `Database`."""
