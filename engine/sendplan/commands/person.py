"""Who acts on the command line, and the note of it that `status --audit` prints."""

from __future__ import annotations

from datetime import UTC, datetime

from sendplan.store.protocols import Act, Store


def who() -> str:
    """The name of the person at the terminal, as the machine knows it."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def note(store: Store, act: str, subject: str, detail: str = "") -> None:
    """Note what somebody did by hand."""
    store.note_act(Act(datetime.now(UTC).replace(microsecond=0), who(), act, subject, detail))
