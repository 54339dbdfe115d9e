"""What commands write and print of buyers is for its owner alone, runs nowhere, and shows no more than it must."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
from projects import ROOT, Project

NOW = ("--now", "2026-08-24 12:00")
WRITERS = {
    "plan": ("plan", *NOW, "-o"),
    "mail": ("preview", "E-2050/feedback-reminder", *NOW, "-o"),
    "page": ("simulate", "--from", "2026-08-20", "--to", "2026-08-24", "--html"),
    "scenario": ("test", "--from-order", "E-2050", *NOW, "-o"),
    "backup": ("store", "backup"),
}


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return path.stat().st_mode & 0o777


@pytest.fixture
def open_umask() -> object:
    """A machine on which new files are for everybody to read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
@pytest.mark.parametrize("kind", WRITERS)
def test_a_written_file_is_for_its_owner_alone(filled: Project, kind: str) -> None:
    """Plans, previews, reports, scenarios and backups are readable by nobody else, whatever the umask."""
    assert filled(*WRITERS[kind], str(filled.path("written"))).code == 0
    assert mode(filled.path("written")) == 0o600


@pytest.mark.usefixtures("open_umask")
def test_a_rehearsal_is_for_its_owner_alone(filled: Project) -> None:
    """The folder of a rehearsal, and every mail in it, cannot be entered or read by anybody else."""
    filled("plan", *NOW, "-o", str(filled.path("plan.json")))
    assert filled("send", str(filled.path("plan.json")), *NOW, "--to-dir", str(filled.path("new/mails"))).code == 0
    mails = sorted(filled.path("new/mails").iterdir())
    assert mode(filled.path("new/mails")) == 0o700
    assert len(mails) > 3
    assert {mode(each) for each in mails} == {0o600}


@pytest.mark.parametrize("planted", ["link", "dangling link", "pipe"])
def test_a_rehearsal_writes_through_nothing_that_was_planted(filled: Project, planted: str) -> None:
    """A link or pipe under the name of a mail is refused, and what the link leads to stays as it is."""
    filled("plan", *NOW, "-o", str(filled.path("plan.json")))
    rehearse = ("send", str(filled.path("plan.json")), *NOW, "--to-dir", str(filled.path("mails")))
    assert filled(*rehearse).code == 0
    mail = sorted(filled.path("mails").iterdir())[0]
    mail.unlink()
    victim = filled.path("victim")
    if planted == "pipe":
        os.mkfifo(mail)
    else:
        mail.symlink_to(victim)
        if planted == "link":
            victim.write_bytes(b"")
    ran = filled(*rehearse)
    assert ran.code == 2
    assert "output-exists" in ran.err
    assert not victim.exists() or victim.read_bytes() == b""


def test_a_link_of_another_user_is_not_followed(filled: Project) -> None:
    """In a shared folder somebody else may have planted it, for a file or for the whole folder."""
    if os.geteuid() != 0:
        pytest.skip("only the administrator can make another user's link")
    victim, link = filled.path("victim"), filled.path("link")
    victim.mkdir()
    for target in (victim / "plan.json", victim):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        os.lchown(link, 12345, 12345)
        filled("plan", *NOW, "-o", str(filled.path("plan.json")))
        if target == victim:
            ran = filled("send", str(filled.path("plan.json")), *NOW, "--to-dir", str(link))
        else:
            ran = filled("plan", *NOW, "-o", str(link))
        assert (ran.code, list(victim.iterdir())) == (2, [])


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_runs_no_cell(filled: Project, begin: str) -> None:
    """An order's id that would be a formula is text in a plan's CSV, and so is every other cell."""
    formula = f"{begin}HYPERLINK(1)"
    head = "id,account,email,country,ordered,items,total\n"
    row = io.StringIO()
    csv.writer(row).writerow((formula, "shop-de", "a@example.com", "DE", "2026-08-24", 1, 5))
    filled.write("evil.csv", head + row.getvalue())
    assert filled("import", str(filled.path("evil.csv"))).code == 0
    for command in (("plan", *NOW, "--format", "csv"), ("plan", *NOW, "--funnel", "--format", "csv")):
        table = list(csv.reader(io.StringIO(filled(*command).out, newline="")))
        assert len(table) > 3
        assert not [cell for line in table for cell in line if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert any("HYPERLINK" in cell for line in table for cell in line) or begin in "\t\r"


def test_explain_masks_addresses_wherever_they_are(filled: Project) -> None:
    """The customer of an order is its address where the shop names none; a rule that reads it shows it masked."""
    rule = """\
rules:
  - id: regular
    title: Regular
    trigger: customer is set and customer != "x"
    due: ordered
    template: first-contact
"""
    filled.write("rules/regular.yaml", rule)
    filled.write("a.csv", "id,account,email,ordered\nC-1,shop-de,somebody@example.org,2026-08-24\n")
    assert filled("import", str(filled.path("a.csv"))).code == 0
    for format_ in ("text", "json"):
        shown = filled("explain", "C-1", *NOW, "--format", format_).out
        assert "somebody" not in shown
        assert "s…@example.org" in shown


BAD = {
    "orders.csv": (
        "id,account,email,name,street,ordered,total\n"
        "C-1,shop-de,somebody@example.org,Mia Muster,Musterweg 1,2026-08-24,much\n"
        "C-2,shop-de,somebody@example.org,Mia Muster,Musterweg 1,2026-08-24,5,6\n"
    ),
    "orders.jsonl": (
        '{"id": "C-1", "account": "shop-de", "email": "somebody@example.org", "name": "Mia Muster",'
        ' "street": "Musterweg 1", "ordered": "2026-08-24", "total": "much"}\n'
    ),
    "broken.jsonl": '{"id": "C-1", "account": "shop-de", "email": "somebody@example.org", "name": "Mia Muster" "x"}\n',
    "broken.csv": 'id,account,name,ordered\nC-1,shop-de,"Mia Muster,2026-08-24\n',
    "address.csv": "id,account,email,ordered\nC-1,shop-de,somebody@@example.org,2026-08-24\nC-2,nobody,Mia,x\n",
    "cp1252.csv": "id,account,name,street,ordered\nC-1,shop-de,Mia Muster,Musterweg 1 Köln,2026-08-24\n",
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("format_", ["text", "json"])
def test_bad_rows_show_nobody(filled: Project, name: str, format_: str) -> None:
    """What is wrong is told with its place and its value; who bought and where they live stays out of logs."""
    filled.path(name).write_bytes(BAD[name].encode("cp1252" if name == "cp1252.csv" else "utf-8"))
    ran = filled("import", str(filled.path(name)), "--format", format_)
    told = ran.out + ran.err
    assert ran.code == 1
    assert name in told
    assert not [secret for secret in ("Muster", "somebody", "Mia") if secret in told]
    if name.startswith("orders"):
        assert "much" in told
    assert not [secret for secret in ("Muster", "somebody") if secret in filled("status").out]
