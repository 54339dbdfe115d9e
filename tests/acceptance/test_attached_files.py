"""Files that go along with a rule's mails, from the settings to a mail server (docs/sending.md#attachments)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from projects import Project, received

from sendplan.mail.compose import compose
from sendplan.sink import Sink

pytestmark = pytest.mark.usefixtures("impatient")

NOW = ("--now", "2026-08-10T10:00")
SETTINGS = """\
shop: {{name: MeinShop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
attachments: documents
limits: {{attachment: 1 MB}}
senders:
  main: {{from: MeinShop <meinshop@example.com>, host: 127.0.0.1, port: {port}, security: none}}
accounts: {{web: {{portal: shop}}}}
regions: {{domestic: [{{country: DE}}], abroad: any}}
"""
RULES = """\
rules:
  - id: invoice
    title: Invoice
    trigger: not cancelled
    due: ordered + 1 day
    template: mail
    attach: ["invoices/{{ order.number }}.pdf", terms.pdf]
"""
PDF = b"%PDF-1.7\r\n.\r\n\x00\xff"


@pytest.fixture
def small(tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: Sink) -> Project:
    """A shop with three orders, each with an invoice, and terms for all of them."""
    project = Project(tmp_path, capsys)
    project.write("sendplan.yaml", SETTINGS.format(port=sink.port))
    project.write("rules/rules.yaml", RULES)
    project.write("templates/mail.en.md", "---\nsubject: Your invoice\n---\nThank you.\n")
    project.write("documents/terms.pdf", "%PDF-1.7")
    project.path("documents/invoices").mkdir()
    for number in (1, 2, 3):
        project.path(f"documents/invoices/R-{number}.pdf").write_bytes(PDF + str(number).encode())
    orders(project, *(f"R-{number}" for number in (1, 2, 3)))
    return project


def orders(project: Project, *numbers: str) -> None:
    """Import an order for each number."""
    rows = [
        {"id": f"E{at}", "account": "web", "number": number, "email": f"e{at}@example.com", "ordered": "2026-08-01"}
        for at, number in enumerate(numbers, 1)
    ]
    file = project.write("orders.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert project("import", str(file)).code == 0


def run(project: Project) -> tuple[int, dict[str, str]]:
    """The exit code, and what became of each message that was not sent."""
    ran = project("run", *NOW, "--format", "json")
    return ran.code, {each["key"]: each["why"] for each in ran.json["results"] if each["outcome"] != "sent"}


def files(sink: Sink) -> dict[str, list[tuple[str | None, Any]]]:
    """What each buyer got."""
    return {
        str(mail["To"]): [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()]
        for mail in received(sink)
    }


def test_each_buyer_gets_the_own_file(small: Project, sink: Sink) -> None:
    """An invoice for each order, terms for all."""
    assert small("check", "--strict").code == 0
    assert run(small) == (0, {})
    assert files(sink) == {
        f"e{number}@example.com": [(f"R-{number}.pdf", PDF + str(number).encode()), ("terms.pdf", b"%PDF-1.7")]
        for number in (1, 2, 3)
    }


def test_a_missing_file_keeps_its_message_open_and_status_names_it(small: Project, sink: Sink) -> None:
    """The others leave; once the file is there, the next run sends that one, once."""
    invoice = small.path("documents/invoices/R-2.pdf")
    invoice.rename(invoice.with_suffix(".late"))
    code, left = run(small)
    assert (code, list(left)) == (4, ["E2/invoice"])
    assert "`documents/invoices/R-2.pdf` cannot go along: there is no such file" in left["E2/invoice"]
    status = small("status", *NOW, "--format", "json")
    assert status.code == 1
    assert [each["key"] for each in status.json["errors"]] == ["E2/invoice"]
    assert "documents/invoices/R-2.pdf" in status.json["errors"][0]["why"]
    assert "documents/invoices/R-2.pdf" in small("status", *NOW).out
    invoice.with_suffix(".late").rename(invoice)
    assert small("status", *NOW, "--format", "json").json["errors"] == []
    assert run(small) == (0, {})
    assert run(small) == (0, {})
    assert sorted(files(sink)) == ["e1@example.com", "e2@example.com", "e3@example.com"]
    assert len(sink.mails) == 3


def test_a_mail_that_is_too_large_stays_open(small: Project, sink: Sink) -> None:
    """What counts is the mail as it leaves: a file of 750 kB is over 1 MB in it."""
    small.path("documents/invoices/R-3.pdf").write_bytes(b"x" * 750_000)
    code, left = run(small)
    assert code == 4
    expected = "the mail with `documents/invoices/R-3.pdf` is too large: 1.0 MB, and `limits.attachment` allows 1.0 MB"
    assert left == {"E3/invoice": expected}
    assert "R-3.pdf" in small("status", *NOW).out
    small.edit("sendplan.yaml", "1 MB", "2 MB")
    assert run(small) == (0, {})
    assert len(sink.mails) == 3


@pytest.mark.parametrize("number", ["../secret", "R/1", "..\\secret", ".."])
def test_no_order_reaches_another_file(small: Project, sink: Sink, number: str) -> None:
    """A number that leads elsewhere gets no mail, and nobody's file."""
    small.write("secret.pdf", "secret")
    small.write("documents/secret.pdf", "secret")
    small.write("documents/invoices/R/1.pdf", "secret")
    orders(small, number, "R-2")
    code, left = run(small)
    assert (code, list(left)) == (4, ["E1/invoice"])
    assert "e1@example.com" not in files(sink)


def test_a_link_out_of_the_folder_is_not_followed(small: Project, sink: Sink) -> None:
    """Whatever a link in the folder points to, only what lies in the folder is sent."""
    small.write("secret.pdf", "secret")
    small.path("documents/invoices/R-1.pdf").unlink()
    small.path("documents/invoices/R-1.pdf").symlink_to(small.path("secret.pdf"))
    code, left = run(small)
    assert (code, list(left)) == (4, ["E1/invoice"])
    assert "it lies outside `documents`" in left["E1/invoice"]


def test_a_file_that_vanishes_while_its_mail_leaves_stops_it(
    small: Project, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a mail is never one: it stays open with the reason, and the others leave over a new connection."""

    def composed(*args: Any, **options: Any) -> Any:
        message, rendered = compose(*args, **options)
        for each in message.attachments:
            if each.name == "R-2.pdf":
                each.path.unlink()
        return message, rendered

    monkeypatch.setattr("sendplan.dispatch.delivery.compose", composed)
    code, left = run(small)
    assert code == 4
    assert list(left) == ["E2/invoice"]
    assert "R-2.pdf` cannot go along: it cannot be read" in left["E2/invoice"]
    assert sorted(files(sink)) == ["e1@example.com", "e3@example.com"]


def test_preview_shows_what_goes_along(small: Project, tmp_path: Path) -> None:
    """Name, type and size of each file, and in the .eml the files themselves."""
    shown = small("preview", "E1/invoice", *NOW)
    assert "Attachment: documents/invoices/R-1.pdf (application/pdf, 16 bytes)" in shown.out
    told = small("preview", "E1/invoice", *NOW, "--format", "json", "-o", str(tmp_path / "mail.eml")).json
    assert told["attachments"][1] == {
        "name": "terms.pdf",
        "file": "documents/terms.pdf",
        "type": "application/pdf",
        "size": 8,
    }
    assert b'filename="R-1.pdf"' in (tmp_path / "mail.eml").read_bytes()
    small.path("documents/terms.pdf").unlink()
    missing = small("preview", "E1/invoice", *NOW)
    assert missing.code == 1
    assert "`documents/terms.pdf` cannot go along" in missing.err


def test_a_preview_can_be_sent_to_the_merchant(small: Project, sink: Sink) -> None:
    """One real mail with its files, marked, to the one address; the buyer still gets the message, once."""
    sent = small("preview", "E1/invoice", *NOW, "--to", "owner@example.com")
    assert (sent.code, sent.out) == (0, "Sent to owner@example.com, marked as a test; the ledger knows nothing of it\n")
    (mail,) = received(sink)
    assert [each.recipients for each in sink.mails] == [("owner@example.com",)]
    assert (mail["To"], mail["Subject"]) == ("owner@example.com", "[Test] Your invoice")
    assert [part.get_filename() for part in mail.iter_attachments()] == ["R-1.pdf", "terms.pdf"]
    assert run(small) == (0, {})
    assert sorted(files(sink)) == ["e1@example.com", "e2@example.com", "e3@example.com", "owner@example.com"]
    assert len({mail["Message-ID"] for mail in received(sink)}) == 4


@pytest.mark.parametrize(("to", "code"), [("E1@EXAMPLE.com", 2), ("nobody", 2), ("a@example.com, b@example.com", 2)])
def test_a_test_mail_goes_to_one_address_that_is_not_the_buyers(small: Project, sink: Sink, to: str, code: int) -> None:
    """The buyer would get the message twice, and nobody would know."""
    assert small("preview", "E1/invoice", *NOW, "--to", to).code == code
    assert sink.mails == []


def test_a_test_mail_that_does_not_arrive_says_why(small: Project, sink: Sink) -> None:
    """The step that failed and what to change, as in `smtp-test`."""
    small.edit("sendplan.yaml", f"port: {sink.port}", "port: 9")
    failed = small("preview", "E1/invoice", *NOW, "--to", "owner@example.com", "--format", "json")
    assert (failed.code, failed.json["sent"]["ok"], failed.json["sent"]["step"]) == (4, False, "connect")


def test_the_page_of_a_preview(small: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTML part as a file, again and again, and in the browser; another file is left as it is."""
    opened: list[str] = []

    def open_page(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", open_page)
    page = tmp_path / "mail.html"
    for _ in range(2):
        assert small("preview", "E1/invoice", *NOW, "--html", str(page), "--open").out == f"Written to {page}\n"
        assert "<p>Thank you.</p>" in page.read_text()
    assert opened == [page.as_uri()] * 2
    page.write_text("<!DOCTYPE html>mine")
    assert small("preview", "E1/invoice", *NOW, "--html", str(page)).code == 2
    assert page.read_text() == "<!DOCTYPE html>mine"
    assert small("preview", "E1/invoice", *NOW, "--open").code == 0
    own = Path(opened[-1].removeprefix("file://"))
    assert "<p>Thank you.</p>" in own.read_text()
    assert own.stat().st_mode & 0o077 == 0
    own.unlink()


def test_a_rehearsal_takes_the_files_along(small: Project, tmp_path: Path) -> None:
    """Mails written into a folder are whole, and one without its file is told."""
    small.path("documents/invoices/R-2.pdf").unlink()
    assert small("plan", *NOW, "-o", str(tmp_path / "plan.json")).code == 0
    sent = small("send", str(tmp_path / "plan.json"), *NOW, "--to-dir", str(tmp_path / "mails"))
    assert sent.code == 4
    assert sorted(each.name for each in (tmp_path / "mails").iterdir()) == ["001-E1_invoice.eml", "003-E3_invoice.eml"]


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("attachments: documents\n", "", 1, "missing-key"),
        ("attachments: documents\n", "attachments: gone\n", 0, "file-missing"),
        ("1 MB", "1 apple", 1, "wrong-value"),
    ],
)
def test_check_knows_the_settings_of_attachments(small: Project, old: str, new: str, code: int, told: str) -> None:
    """A rule that attaches needs the folder, and `check` looks whether it is there."""
    small.edit("sendplan.yaml", old, new)
    checked = small("check", "--format", "json")
    assert (checked.code, {each["code"] for each in checked.json["problems"]}) == (code, {told})


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("/etc/passwd", 1, "wrong-value"),
        ("../sendplan.yaml", 1, "wrong-value"),
        ("invoices/{{ order.nummer }}.pdf", 1, "unknown-field"),
        ("invoices/{{ order.number }.pdf", 1, "template-syntax"),
        ("conditions.pdf", 0, "file-missing"),
    ],
)
def test_check_knows_what_a_rule_may_attach(small: Project, name: str, code: int, told: str) -> None:
    """A wrong name is told with its place in the rule."""
    small.edit("rules/rules.yaml", ", terms.pdf", f', "{name}"')
    checked = small("check", "--format", "json")
    assert (checked.code, [each["code"] for each in checked.json["problems"]]) == (code, [told])
    assert (checked.json["problems"][0]["file"], checked.json["problems"][0]["line"]) == ("rules/rules.yaml", 7)
