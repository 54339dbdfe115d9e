"""How long a command takes to start, beside bare Python, in a copy of the example shop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from children import BARE, SENDPLAN, in_turn, run
from figures import Figure, beside

NOW = ("--now", "2026-08-24 12:00")
COMMANDS = {
    "--help": ("--help",),
    "check": ("check",),
    "plan": ("plan", *NOW),
    "explain": ("explain", "E-2050", *NOW),
    "preview": ("preview", "E-2050/feedback-reminder", *NOW),
    "test": ("test",),
}
GOALS = {"--help": 8, "plan": 16, "check": 20}


def startup() -> Iterator[Figure]:
    """All commands in turn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for arguments in (("init",), ("import", "fixtures/orders.csv")):
            run((*SENDPLAN, *arguments), folder)
        bare = "python -c pass"
        commands = {bare: BARE, **{name: (*SENDPLAN, *arguments) for name, arguments in COMMANDS.items()}}
        medians = in_turn(commands, folder, 11)
    for name in COMMANDS:
        yield beside(f"`sendplan {name}`, example shop", bare, medians[name], medians[bare], GOALS.get(name))
