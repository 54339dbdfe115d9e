"""The project in a browser: server-rendered pages that work without JavaScript (docs/board.md).

Nothing is computed here: every page shows what the functions behind the commands say.
"""
