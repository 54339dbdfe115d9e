"""Files that go along with a mail: which are found, and how they stand in it (docs/sending.md#attachments)."""

from __future__ import annotations

import email
import email.header
import email.policy
import os
import tracemalloc
from email.message import EmailMessage
from pathlib import Path

import pytest
from mail_samples import context, settings, without
from test_message import built

from sendplan.mail.attachments import AttachmentError, find
from sendplan.templates import TemplateError, Templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of `attachments:`, beside a file that is nobody's business."""
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    (tmp_path / "documents" / "invoices").mkdir(parents=True)
    (tmp_path / "documents" / "invoices" / "A-1.pdf").write_bytes(b"%PDF-1.7 invoice")
    return tmp_path / "documents"


def parsed(content: bytes) -> EmailMessage:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_a_file_arrives_as_it_is(folder: Path) -> None:
    """Name, type and content of an attachment, beside both texts of the mail."""
    message = built(attachments=(find(folder, "documents", "invoices/A-1.pdf"),))
    mail = parsed(message.bytes)
    assert not mail.defects
    assert [part.get_content_type() for part in mail.walk()] == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf")
    ]
    (file,) = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("A-1.pdf", b"%PDF-1.7 invoice")
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Hallo"]


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("Rechnung 4711.pdf", "application/pdf"),
        ("Rechnung Müller & Söhne.pdf", "application/pdf"),
        ("請求書.pdf", "application/pdf"),
        ("Ж" * 120 + ".csv", "text/csv"),
        ("say \"hi\"; x='y'.txt", "text/plain"),
        ("=?utf-8?q?x=2Epdf?=.pdf", "application/pdf"),
        ("backup.tar.gz", "application/gzip"),
        ("forwarded.eml", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("100% sicher.png", "image/png"),
    ],
)
def test_names_and_types_are_right(folder: Path, name: str, type_: str) -> None:
    """Every name comes out as it is, in the standard's way and in that of older mail programs."""
    (folder / name).write_bytes(b"x")
    message = built(attachments=(find(folder, "documents", name),))
    assert max(map(len, message.bytes.split(b"\r\n"))) <= 998
    (file,) = parsed(message.bytes).iter_attachments()
    assert (file.get_filename(), file.get_content_type(), file.get_content_disposition()) == (name, type_, "attachment")
    older = email.message_from_bytes(file.as_bytes(), policy=email.policy.compat32)
    written = str(older.get_param("name")).replace("\r\n", "").replace("\n", "")
    assert str(email.header.make_header(email.header.decode_header(written))) == name or written == name


@pytest.mark.parametrize("size", [1, 2, 3, 56, 57, 58, 114, 57 * 1024 - 1, 57 * 1024, 57 * 1024 + 1, 200_000])
def test_the_size_is_known_before_a_byte_is_read(folder: Path, size: int) -> None:
    """Servers are told the exact size, whatever the files are."""
    (folder / "a.bin").write_bytes(os.urandom(size))
    (folder / "b.bin").write_bytes(b"\r\n.\r\n")
    message = built(attachments=(find(folder, "documents", "a.bin"), find(folder, "documents", "b.bin")))
    assert message.size == len(message.bytes)
    first, second = parsed(message.bytes).iter_attachments()
    assert first.get_content() == (folder / "a.bin").read_bytes()
    assert second.get_content() == b"\r\n.\r\n"
    assert all(chunk.endswith(b"\r\n") for chunk in message.chunks())


def test_a_large_mail_takes_no_memory(folder: Path) -> None:
    """A mail of 60 MB is never whole in memory."""
    with (folder / "large.bin").open("wb") as file:
        file.truncate(45_000_000)
    tracemalloc.start()
    message = built(attachments=(find(folder, "documents", "large.bin"),))
    size = sum(len(chunk) for chunk in message.chunks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == message.size > 60_000_000
    assert peak < 2_000_000


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("invoices/A-2.pdf", "there is no such file"),
        ("invoices", "it is not a file"),
        ("pipe", "it is not a file"),
        ("empty.pdf", "it is empty"),
        ("../secret.pdf", "this is not the name of a file in the folder"),
        ("invoices/../../secret.pdf", "this is not the name of a file in the folder"),
        ("invoices/./A-1.pdf", "this is not the name of a file in the folder"),
        ("/etc/hostname", "this is not the name of a file in the folder"),
        ("invoices\\A-1.pdf", "this is not the name of a file in the folder"),
        ("invoices/A-1.pdf\0", "this is not the name of a file in the folder"),
        ("", "this is not the name of a file in the folder"),
        ("link.pdf", "it lies outside `documents`"),
        ("away/secret.pdf", "it lies outside `documents`"),
        ("broken.pdf", "there is no such file"),
        ("circle.pdf", "it cannot be found"),
        ("x" * 300, "file name too long"),
    ],
)
def test_nothing_outside_the_folder_is_ever_sent(folder: Path, name: str, why: str) -> None:
    """A name that leads out of the folder, by dots or links, or to no file, is refused with the reason."""
    os.mkfifo(folder / "pipe")
    (folder / "empty.pdf").touch()
    (folder / "link.pdf").symlink_to(folder.parent / "secret.pdf")
    (folder / "away").symlink_to(folder.parent)
    (folder / "broken.pdf").symlink_to(folder / "gone.pdf")
    (folder / "circle.pdf").symlink_to(folder / "circle.pdf")
    with pytest.raises(AttachmentError) as error:
        find(folder, "documents", name)
    assert error.value.problems[0].code == "attachment-missing"
    assert why in str(error.value)


def test_links_within_the_folder_are_followed(folder: Path) -> None:
    """The folder itself may be a link, and a file one to another in it; the buyer sees the name that was asked."""
    (folder / "latest.pdf").symlink_to(folder / "invoices" / "A-1.pdf")
    (folder.parent / "docs").symlink_to(folder)
    found = find(folder.parent / "docs", "docs", "latest.pdf")
    assert (found.name, b"".join(found.chunks())) == ("latest.pdf", b"JVBERi0xLjcgaW52b2ljZQ==\r\n")


@pytest.mark.parametrize("content", [b"%PDF-1.7 another", b"%PDF-1.7 invoice and more", b"%PDF"])
def test_a_file_that_changes_on_the_way_is_not_sent(folder: Path, content: bytes) -> None:
    """Between composing and sending a file was written anew: the mail that was decided on is no more."""
    path = folder / "invoices" / "A-1.pdf"
    message = built(attachments=(find(folder, "documents", "invoices/A-1.pdf"),))
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(0, 0))
    with pytest.raises(AttachmentError, match="changed"):
        message.bytes  # noqa: B018
    path.unlink()
    with pytest.raises(AttachmentError, match="no such file"):
        message.bytes  # noqa: B018
    path.symlink_to(folder.parent / "secret.pdf")
    with pytest.raises(AttachmentError, match="links"):
        message.bytes  # noqa: B018


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("agb.pdf", "agb.pdf"),
        ("invoices/{{ order.number }}.pdf", "invoices/A-1001.pdf"),
        ('{{ order.id | replace("/", "-") }}.pdf', "2024-17.pdf"),
        ("{{ account.name }}/{{ order.number | lower }}.pdf", "ebay-de/a-1001.pdf"),
        ('{% set folder = "a/b" %}{{ folder }}.pdf', "a/b.pdf"),
        ("{{ rule.id }} {{ order.name }}.pdf", "first-contact Jörg Käufer.pdf"),
    ],
)
def test_a_files_name_may_hold_fields(tmp_path: Path, source: str, name: str) -> None:
    """Each order has files of its own."""
    templates = Templates(tmp_path, settings(tmp_path))
    assert templates.check_file_name(source) == []
    assert templates.file_name(source, "de", context()) == name


@pytest.mark.parametrize("value", ["../A-1002", "a/b", "a\\b", "/etc"])
def test_what_a_buyer_typed_leads_nowhere(tmp_path: Path, value: str) -> None:
    """A value of the order stays within its part of the path, so nobody gets another buyer's file."""
    with pytest.raises(TemplateError, match="contains a slash"):
        Templates(tmp_path, settings(tmp_path)).file_name(
            "{{ order.number }}.pdf", "de", context(without(number=value))
        )


def test_a_field_that_the_order_lacks_names_no_file(tmp_path: Path) -> None:
    """The mail stays open, and the reason names the field."""
    with pytest.raises(TemplateError, match=r"order\.number"):
        Templates(tmp_path, settings(tmp_path)).file_name("{{ order.number }}.pdf", "de", context(without("number")))


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{{ order.nummer }}.pdf", "unknown-field"),
        ("{{ order.number", "template-syntax"),
        ('{{ button("a", "https://b.example") }}', "template-construct"),
        ('{% include "x" %}', "unknown-name"),
    ],
)
def test_a_files_name_is_checked_like_any_text(tmp_path: Path, source: str, code: str) -> None:
    """`check` finds a wrong name before any mail."""
    assert [each.code for each in Templates(tmp_path, settings(tmp_path)).check_file_name(source)] == [code]
