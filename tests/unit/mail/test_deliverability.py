"""What a sender's domain lacks is told, by asking a name server on loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import dns.message
import dns.rcode
import dns.rrset
import pytest

from sendplan.mail.deliverability import hints, text_records
from sendplan.project.settings import Sender
from sendplan.secret import Secret

SPF = '"v=spf1 include:_spf.example.net ~all"'
DMARC = '"v=DMARC1; p=none"'


@contextmanager
def name_server(records: Mapping[str, str], rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[tuple[str, int]]:
    """A name server that knows these TXT records and nothing else; `rcode` is what it says to all questions."""

    class Answering(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            question = dns.message.from_wire(self.rfile.read())
            name = question.question[0].name
            reply = dns.message.make_response(question)
            found = records.get(name.to_text(omit_final_dot=True))
            if rcode != dns.rcode.NOERROR:
                reply.set_rcode(rcode)
            elif found is None:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            else:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *found.split("|")))
            self.wfile.write(reply.to_wire())

    with socketserver.ThreadingUDPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


def told(sender: Sender, records: Mapping[str, str], rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> str:
    with name_server(records, rcode) as address:
        return "\n".join(hints(sender, partial(text_records, servers=address)))


def sender(from_: str = "Shop <shop@example.com>", username: str | None = None) -> Sender:
    return Sender("main", from_, "smtp.example.com", 587, "starttls", username)


def test_a_domain_with_both_records_needs_nothing() -> None:
    """A domain with SPF and DMARC gets no note, also when SPF is one of several texts or in several strings."""
    records = {"example.com": f'"verification=abc"|"v=spf1 include:" "_spf.example.net ~all"|{SPF}'}
    assert told(sender(), records | {"_dmarc.example.com": DMARC}) == ""


@pytest.mark.parametrize(
    ("records", "missing"),
    [
        ({}, ["no SPF record", "no DMARC record"]),
        ({"example.com": SPF}, ["no DMARC record"]),
        ({"example.com": '"v=spf10"', "_dmarc.example.com": DMARC}, ["no SPF record"]),
        ({"example.com": SPF, "_dmarc.example.com": '"p=none"'}, ["no DMARC record"]),
    ],
)
def test_what_is_missing_is_named(records: Mapping[str, str], missing: list[str]) -> None:
    """Each record that the domain lacks is named with what to add, and no other."""
    lines = told(sender(), records).splitlines()
    assert [each for each in ("no SPF record", "no DMARC record") if any(each in line for line in lines)] == missing
    assert len(lines) == len(missing)


def test_a_subdomain_goes_by_the_domain_above_for_dmarc() -> None:
    """A subdomain needs an SPF record of its own, and may leave DMARC to the domain above."""
    records = {"mail.example.com": SPF, "_dmarc.example.com": DMARC}
    assert told(sender("shop@mail.example.com"), records) == ""
    assert "no SPF record" in told(
        sender("shop@mail.example.com"), {"example.com": SPF, **records} | {"mail.example.com": '"x"'}
    )


def test_a_name_server_that_fails_is_no_missing_record() -> None:
    """When nobody answers, the note says that it is not known, and nothing is called missing."""
    note = told(sender(), {}, dns.rcode.SERVFAIL)
    assert "could not look up" in note
    assert "has no" not in note


def test_a_login_of_another_domain_is_told() -> None:
    """Whoever logs in as one domain and sends as another is told that DMARC will fail; a user name is no domain."""
    records = {"example.com": SPF, "_dmarc.example.com": DMARC}
    assert "the login is of example.net" in told(sender(username="shop@example.net"), records)
    assert told(sender(username="shop@example.com"), records) == ""
    assert told(sender(username="shop"), records) == ""


def test_a_password_that_the_provider_switches_off_is_told() -> None:
    """A test mail that leaves by a password says when Microsoft takes none any more, by its host alone too."""
    records = {"example.com": SPF, "_dmarc.example.com": DMARC}
    office = replace(sender(), host="smtp-legacy.office365.com", password=Secret("SHOP_PASSWORD"))
    assert "on by default until 2026-12-31" in told(office, records)
    assert told(replace(office, password=None), records) == ""
    assert told(replace(office, host="smtp.gmail.com"), records) == ""
