"""Is this store the one that this project sent from last? A foreign copy or a restored backup must not send.

See docs/sending.md#a-copied-or-restored-store.

The store carries an identity and a number that only rises; the project keeps both outside it, in `var/last-sent`. A
store with another identity, or with a lower number, has forgotten mails that left: it would send them again.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sendplan.problems import Exit, Problem, UserError
from sendplan.store.protocols import Reader, Store

MARK = Path("var/last-sent")
IDENTITY = "identity"
"""The store's note of which store it is."""
ORDERS_FROM = "orders_from"
"""The store's note of when it was adopted: only orders from then on count."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which store sent last, and how far its ledger had come."""

    identity: str
    high_water: int


def mark_of(store: Reader) -> Mark:
    """The store's own mark."""
    return Mark(store.meta(IDENTITY) or "", store.high_water())


def doubt(folder: Path, store: Reader) -> str | None:
    """Why this store may have forgotten mails that left, as a sentence; None when there is no doubt."""
    kept, own = _kept(folder), mark_of(store)
    if kept is None:
        if own.high_water == 0:
            return None
        return f"the store remembers mails, but this project has no `{MARK}`: is it a copy of another project's store?"
    if kept.identity != own.identity:
        return "the store is not the one that this project sent from last"
    if own.high_water < kept.high_water:
        return "the store is older than the last mail that left: it seems to be a restored backup"
    return None


def check_store(folder: Path, store: Reader) -> None:
    """Before anything is written to the ledger: raises UserError when the store may have forgotten mails that left.

    A new project's store becomes the one that it sends from, so that a first run that is killed leaves no doubt.
    """
    why = doubt(folder, store)
    if why is not None:
        help_ = "look at what `sendplan adopt` tells; it accepts the store and begins from now"
        raise UserError(Problem("foreign-store", why, None, help_), Exit.REFUSED)
    keep_mark(folder, store)


def doubt_or_unreadable(folder: Path, store: Reader) -> str | None:
    """Like `doubt`, where an unreadable mark is a doubt too."""
    try:
        return doubt(folder, store)
    except UserError as error:
        return error.problems[0].message


def keep_mark(folder: Path, store: Reader) -> None:
    """Note how far the ledger has come, durably; only for a store that is not in doubt."""
    kept, own = _kept(folder), mark_of(store)
    if kept is not None and kept.identity == own.identity and kept.high_water >= own.high_water:
        return
    path = folder / MARK
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f"{path.name}.{os.getpid()}")
    with written.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"identity": own.identity, "high_water": own.high_water}) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(written, path)


def adopt(folder: Path, store: Store, now: datetime) -> None:
    """Accept the store: only orders from `now` (UTC) on get mail, ladders included.

    It gets an identity of its own, so that what it was copied from counts as foreign here from then on.
    """
    store.set_meta(ORDERS_FROM, now.isoformat())
    store.set_meta(IDENTITY, secrets.token_hex(16))
    (folder / MARK).unlink(missing_ok=True)
    keep_mark(folder, store)


def _kept(folder: Path) -> Mark | None:
    try:
        data = json.loads((folder / MARK).read_text(encoding="utf-8"))
        return Mark(str(data["identity"]), int(data["high_water"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"`{MARK}` cannot be read: nobody knows what left last"
        raise UserError(Problem("foreign-store", message, None, "run `sendplan adopt`"), Exit.REFUSED) from error
