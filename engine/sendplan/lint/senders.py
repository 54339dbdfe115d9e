"""Mail accounts that will hardly send as they are meant to."""

from __future__ import annotations

from collections.abc import Iterator

from sendplan.addresses import address_of, mailbox
from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem
from sendplan.project.providers import PRESETS, at_host
from sendplan.project.settings import Sender


def another_from(subject: Subject) -> Iterator[Problem]:
    """A From address other than the login, at a provider that sends only from the login's own."""
    settings = subject.project.settings
    for name, sender in settings.senders.items():
        yield from _differing(subject, sender, sender.from_, ("senders", name, "from"))
    for name, account in settings.accounts.items():
        if account.from_ is not None:
            yield from _differing(subject, settings.senders[account.sender], account.from_, ("accounts", name, "from"))


def ending_passwords(subject: Subject) -> Iterator[Problem]:
    """A password at a provider that will take none by default, or takes none by now: on whatever day one looks."""
    for name, sender in subject.project.settings.senders.items():
        provider = at_host(sender.host)
        if sender.password is None or provider is None or provider.password_end is None:
            continue
        help_ = (
            f"write `provider: {provider.name}` and `oauth2: {{client: ..., tenant: ...}}` instead of `password` "
            f"(docs/mail-accounts.md), then: sendplan login {name}"
        )
        message = f"at {sender.host} {provider.password_end}"
        yield warning("password-ends", message, subject.settings_span("senders", name, "password"), help_)


def _differing(subject: Subject, sender: Sender, from_: str, place: tuple[str, ...]) -> Iterator[Problem]:
    login, address = sender.username or "", address_of(from_)
    if not PRESETS[sender.provider].from_is_login or "@" not in login or mailbox(login) == mailbox(address):
        return
    message = f"mail leaves from {address}, and `{sender.provider}` logs in as {login}"
    help_ = f"write {login}, or have {sender.provider} allow this login to send as the other address"
    yield warning("from-not-login", message, subject.settings_span(*place), help_)
