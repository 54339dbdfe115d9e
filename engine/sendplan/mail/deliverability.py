"""What may keep the mails of a sender that works from arriving, now or soon.

Its domain lacks SPF or DMARC records, its login is of another domain, or the provider is about to take no passwords.

docs/mail-accounts.md#mails-that-arrive
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from sendplan.mail.message import mailbox
from sendplan.project.providers import at_host
from sendplan.project.settings import Sender

PATIENCE = 3.0
"""Seconds for each question to the name server."""

_RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|test|invalid|localhost|local)$")

TextRecords: TypeAlias = Callable[[str], tuple[str, ...] | None]
"""The TXT records of a name: none when it has none, None when that could not be looked up."""


def hints(sender: Sender, records: TextRecords | None = None) -> tuple[str, ...]:
    """What would help this sender's mails to arrive, one sentence each; empty when nothing is amiss."""
    look_up = records or text_records
    domain = mailbox(sender.from_, "From").domain.lower()
    return (*_login(sender, domain), *_records(domain, look_up), *_password(sender))


def _login(sender: Sender, domain: str) -> Iterator[str]:
    own = (sender.username or "").rpartition("@")[2].lower()
    if "@" in (sender.username or "") and own != domain:
        yield (
            f"the login is of {own} and mails are from {domain}: the provider signs for the login's domain unless "
            f"{domain} is set up there, and then DMARC fails"
        )


def _password(sender: Sender) -> Iterator[str]:
    provider = at_host(sender.host)
    if sender.password is not None and provider is not None and provider.password_end is not None:
        yield f"{provider.password_end}; write `oauth2:` instead of `password` (docs/mail-accounts.md)"


def _records(domain: str, look_up: TextRecords) -> Iterator[str]:
    found = look_up(domain)
    if found is None:
        yield f"could not look up the SPF and DMARC records of {domain}"
        return
    if not any(each.lower().split(" ")[0] == "v=spf1" for each in found):
        yield f"{domain} has no SPF record: add the one that the provider shows, a TXT record that begins with v=spf1"
    yield from _dmarc(domain, look_up)


def _dmarc(domain: str, look_up: TextRecords) -> Iterator[str]:
    """A domain without a record of its own goes by that of a domain above it (RFC 7489 §6.6.3)."""
    labels = domain.split(".")
    for first in range(max(len(labels) - 1, 1)):
        found = look_up(f"_dmarc.{'.'.join(labels[first:])}")
        if found is None:
            yield f"could not look up the DMARC record of {domain}"
            return
        if any(each.replace(" ", "").lower().startswith("v=dmarc1") for each in found):
            return
    yield f"{domain} has no DMARC record: add a TXT record at _dmarc.{domain}, to begin with v=DMARC1; p=none"


def text_records(name: str, servers: tuple[str, int] | None = None) -> tuple[str, ...] | None:
    """The TXT records of a name, by the system's name servers or the one at `servers` (address, port).

    Domains that nobody can own (RFC 2606) are not asked for at the system's.
    """
    if servers is None and _RESERVED.search(name):
        return None
    try:
        import dns.exception
        import dns.resolver
    except ImportError:
        return None
    try:
        resolver = dns.resolver.Resolver(configure=servers is None)
        if servers is not None:
            resolver.nameservers, resolver.port = [servers[0]], servers[1]
        answer = resolver.resolve(name, "TXT", lifetime=PATIENCE, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError):
        return None
    return tuple(b"".join(each.strings).decode("utf-8", "replace") for each in answer)
