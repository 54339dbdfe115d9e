"""Is this store the one that this project sent from last? A foreign copy or a restored backup must not send.

The store carries an identity and a number that only rises; the project keeps both outside it (`marks`). A store with
another identity, or with a lower number, has forgotten mails that left: it would send them again. So has one that lacks
a message of which a journal says that it was sent (`docs/sending.md#a-copied-or-restored-store`).
"""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sendplan.plan import key_of
from sendplan.problems import Exit, Problem, UserError
from sendplan.project.settings import Settings
from sendplan.store import journal
from sendplan.store.marks import VAR_MARK, Marks, mark_files, marks_in, read_mark, state_folder
from sendplan.store.protocols import Reader, Store
from sendplan.store.records import LEFT, StoreError

JOURNALS = Path("var/journals")
_LOOK_SECONDS = 1.0
IDENTITY = "identity"
"""The store's note of which store it is."""
DOUBTED = "doubted"
"""The store's note of why a host found that it has forgotten mails: then none sends from it."""
FORMERLY = "formerly"
"""The store's note of the identities that it had before it was adopted."""
ORDERS_FROM = "orders_from"
"""The store's note of when it was adopted: only orders from then on count."""


def doubt(settings: Settings, store: Reader) -> str | None:
    """Why this store may have forgotten mails that left, as a sentence; None when there is no doubt.

    Raises StoreError when it cannot be read.
    """
    try:
        said = store.meta(DOUBTED) or _unfinished(store)
        return said or _against_marks(settings, store) or _against_journals(settings, store)
    except StoreError:
        raise
    except UserError as error:
        return error.problems[0].message


@contextmanager
def checked(settings: Settings, store: Store) -> Iterator[Marks]:
    """Around everything that moves messages: the store is beyond doubt, and its marks rise with it.

    Raises UserError before anything is written to the ledger when the store may have forgotten mails that left, and
    when a mark cannot be written. A new project's store becomes the one that it sends from.
    """
    why = doubt(settings, store)
    if why is not None:
        if store.shared and why == _OLDER:
            store.set_meta(DOUBTED, why)  # Hosts that sent nothing of what is missing could not know.
        help_ = "look at what `sendplan adopt` tells; it accepts the store and begins from now"
        if store.shared and unmarked(settings, store):
            help_ = "while another host is at work, start `sendplan worker` here: then this host knows the store"
        raise UserError(Problem("foreign-store", why, None, help_), Exit.REFUSED)
    marks = _marks(settings, store)
    try:
        yield marks
    finally:
        marks.close()


def adopt(settings: Settings, store: Store, now: datetime) -> None:
    """Accept the store: only orders from `now` (UTC) on get mail, ladders included.

    It gets an identity of its own, so that what it was copied from counts as foreign here from then on. Journals that
    speak against it are kept under another name.
    """
    before = store.meta(IDENTITY) or ""
    store.set_meta(ORDERS_FROM, now.isoformat())
    store.set_meta(IDENTITY, secrets.token_hex(16))
    store.set_meta(FORMERLY, " ".join([*(store.meta(FORMERLY) or "").split(), before]))
    store.set_meta(DOUBTED, "")
    join(settings, store)


def accepted_elsewhere(settings: Settings, store: Reader) -> bool:
    """Whether somebody has adopted, on another host, the store that this host sent from last."""
    mark = read_mark(settings.folder / VAR_MARK)
    return mark is not None and mark.identity in (store.meta(FORMERLY) or "").split() and not store.meta(DOUBTED)


def unmarked(settings: Settings, store: Reader) -> bool:
    """Whether this host knows nothing of the store, which remembers mails."""
    identity = store.meta(IDENTITY) or ""
    return bool(store.high_water()) and not any(map(read_mark, mark_files(settings, identity)))


def others_at_work(store: Store, wait: Callable[[float], bool], seconds: float) -> bool:
    """Whether some other host is seen to send from this very store: a copy of it shows nobody who renews a lease.

    Looks for so many `seconds`, or until `wait`, which sleeps, says to end.
    """
    before = _leases(store)
    end = time.monotonic() + seconds
    while time.monotonic() < end and not wait(_LOOK_SECONDS):
        now = _leases(store)
        if any(until > before[each] for each, until in now.items() if each in before):
            return True
        before = before | now
    return False


def _leases(store: Store) -> dict[tuple[str, str], datetime]:
    hosts = store.hosts_at_work(datetime.fromtimestamp(store.real_time(), UTC))
    return {(each.owner, each.plan): each.lease_until for each in hosts}


def join(settings: Settings, store: Store) -> None:
    """Let this host send from a store that others send from, and know from now on how far it has come."""
    (settings.folder / VAR_MARK).unlink(missing_ok=True)
    journal.put_away(settings.folder / JOURNALS, store)
    _marks(settings, store).close()


def _marks(settings: Settings, store: Reader) -> Marks:
    """Both marks as high as the store is."""
    try:
        marks = Marks(settings, store.meta(IDENTITY) or "")
        marks.rise(store.high_water())
    except OSError as error:
        message = f"how far the mails have come cannot be noted in {error.filename or 'var/'}: {error.strerror}"
        help_ = "no mail leaves without it; make room, or name another folder with `state:` in sendplan.yaml"
        raise UserError(Problem("mark-unwritable", message, None, help_), Exit.SOME_FAILED) from error
    return marks


def _unfinished(store: Reader) -> str | None:
    if place := store.meta(LEFT):
        return f"the store was left for {place}"
    return "a copy into this store has not come to its end" if store.meta("copying") else None


def _against_marks(settings: Settings, store: Reader) -> str | None:
    identity = store.meta(IDENTITY) or ""
    in_var, in_state = map(read_mark, mark_files(settings, identity))
    high_water = store.high_water()  # After the marks: another process of this host may raise both meanwhile.
    if in_var is not None and in_var.identity != identity:
        return "the store is not the one that this project sent from last"
    kept = [each.high_water for each in (in_var, in_state) if each is not None]
    if kept and high_water < max(kept):
        return _OLDER
    if not kept and high_water:
        return (
            f"the store remembers mails, but neither `{VAR_MARK}` nor {state_folder(settings)} knows of it:"
            " is it a copy of another project's store?"
        )
    if not kept and _sent_before(settings, identity):
        return "the store is new, but this project has sent from another one before"
    return None


_OLDER = "the store is older than the last mail that left: it seems to be a restored backup"


def _sent_before(settings: Settings, identity: str) -> bool:
    """Whether mails have left from this folder, with another store, since the folder was made."""
    here, born = str(settings.folder.resolve()), _born(settings.folder)
    return any(
        mark.folder == here and mark.identity != identity and mark.high_water and path.stat().st_mtime >= born
        for path, mark in marks_in(state_folder(settings))
    )


def _born(folder: Path) -> float:
    """When a folder was made, in seconds since 1970; 0 where the system does not tell. Python asks only some."""
    born: float | None = getattr(folder.stat(), "st_birthtime", None)
    if born is not None:
        return born
    try:
        told = subprocess.run(["stat", "-c", "%W", str(folder)], capture_output=True, text=True, check=True).stdout
        return float(told)
    except (OSError, subprocess.SubprocessError, ValueError):
        return 0.0


def _against_journals(settings: Settings, store: Reader) -> str | None:
    for name, settlement in journal.lacking(settings.folder / JOURNALS, store):
        message = key_of(settlement.order, *settlement.key)
        return (
            f"the store does not know of {message}, which was sent as `{name}` says: it seems to be a restored backup"
        )
    return None
