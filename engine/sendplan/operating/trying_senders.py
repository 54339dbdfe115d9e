"""Does a sender work, and if not, what is to be changed (manual M3, docs/commands.md#sendplan-smtp-test)."""

from __future__ import annotations

from contextlib import closing

from sendplan.addresses import address_error
from sendplan.dataclass import dataclass
from sendplan.mail.deliverability import hints
from sendplan.mail.diagnosis import smtp_test
from sendplan.operating.meant import known_sender
from sendplan.problems import wrong_value
from sendplan.project.settings import Settings
from sendplan.store import open_reader, open_store


@dataclass(frozen=True, slots=True)
class SenderTest:
    """What a test mail through a sender showed."""

    __test__ = False  # pytest would take the name for a test.

    sender: str
    ok: bool
    step: str
    """The one that failed: `resolve`, `connect`, `greeting`, `tls`, `login`, `sender`, `recipient`, `data`."""
    message: str
    """What happened, in one sentence."""
    advice: str
    """What to change."""
    notes: tuple[str, ...]
    """What may keep the mails of a sender that works from arriving, such as a missing SPF record."""


def try_sender(settings: Settings, name: str | None = None, to: str | None = None) -> SenderTest:
    """Send a test mail through a sender, the first one by default, to its own From address when `to` is None.

    Raises UserError for an unknown sender, an address that is not valid, and a password that cannot be read here.
    """
    sender = known_sender(settings, name)
    if to is not None and (error := address_error(to)):
        raise wrong_value(f"`{to}` is not an e-mail address: {error}", "write b@example.com")
    result = smtp_test(settings.senders[sender], to)
    if result.ok:
        _clear_report(settings, sender)
    notes = tuple(hints(settings.senders[sender])) if result.ok else ()
    return SenderTest(sender, result.ok, result.step, result.message, result.advice, notes)


def _clear_report(settings: Settings, name: str) -> None:
    """The next run need not be careful with a sender that works; a store that is not there yet is not made."""
    given = (settings.store, settings.folder, settings.fields, settings.calendar)
    with closing(open_reader(*given)) as reader:
        reported = any(each.sender == name for each in reader.sender_reports())
    if reported:
        with closing(open_store(*given)) as store:
            store.clear_sender(name)
