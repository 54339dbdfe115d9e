"""One module per command: read options, call the engine, print. No decision is made here."""
