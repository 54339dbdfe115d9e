"""What a command was asked to write takes no other file's place, and is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from projects import ROOT, Project

from sendplan.output_file import FileKind, write_file

NOW = ("--now", "2026-08-24 12:00")
WRITERS = {
    "plan": ("plan", *NOW, "-o"),
    "mail": ("preview", "E-2050/feedback-reminder", *NOW, "-o"),
    "page": ("simulate", "--from", "2026-08-20", "--to", "2026-08-24", "--html"),
    "scenario": ("test", "--from-order", "E-2050", *NOW, "-o"),
}


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


@pytest.mark.parametrize("kind", WRITERS)
def test_no_other_file_is_overwritten(filled: Project, kind: str) -> None:
    """The store, the settings, rules, templates, orders, a person's scenario, and what other commands wrote stay."""
    written = {name: filled.path(f"written.{name}") for name in WRITERS}
    for name, arguments in WRITERS.items():
        if name != kind:
            assert filled(*arguments, str(written[name])).code == 0
    taken = [
        *(filled.path(name) for name in ("var/shop.db", "sendplan.yaml", "rules/dunning.yaml", "fixtures/orders.csv")),
        *filled.folder.glob("templates/*"),
        *filled.folder.glob("fixtures/scenarios/*.yaml"),
        *(path for path in written.values() if path.exists()),
    ]
    assert len(taken) > 15
    for path in (path for path in taken if path.is_file()):
        before = path.read_bytes()
        ran = filled(*WRITERS[kind], str(path))
        assert (ran.code, path.read_bytes() == before) == (2, True), path
        assert "output-exists" in ran.err
    assert list(filled.folder.rglob(".*.*")) == []


@pytest.mark.parametrize("kind", WRITERS)
def test_an_earlier_output_is_replaced(filled: Project, kind: str) -> None:
    """A cron job may write the same file every day, also through a link, and into a file made empty for it."""
    target, link = filled.write("out/target", ""), filled.path("out/link")
    link.symlink_to(target)
    target.chmod(0o640)
    for _ in range(2):
        assert filled(*WRITERS[kind], str(link)).code == 0
        assert link.is_symlink()
        assert target.stat().st_mode & 0o777 == 0o640
        assert target.stat().st_size > 100
    assert sorted(each.name for each in target.parent.iterdir()) == ["link", "target"]


def test_a_rehearsal_overwrites_only_mails(filled: Project) -> None:
    """A folder of mails may be filled again; a file of that name that is something else stays."""
    filled("plan", *NOW, "-o", str(filled.path("plan.json")))
    rehearse = ("send", str(filled.path("plan.json")), *NOW, "--to-dir", str(filled.path("mails")))
    assert filled(*rehearse).code == 0
    assert filled(*rehearse).code == 0
    mail = sorted(filled.path("mails").iterdir())[0]
    mail.write_text("notes")
    assert filled(*rehearse).code == 2
    assert mail.read_text() == "notes"


def test_what_cannot_be_finished_leaves_what_was_there(tmp_path: Path) -> None:
    """When the disk is full half-way the earlier file is still whole, and no scrap is left."""
    path = tmp_path / "plan.json"
    write_file(path, FileKind.PLAN, [b'{\n "format": 1,\n "id": "1"}'])
    before = path.read_bytes()

    def half() -> Iterator[bytes]:
        yield b"{"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        write_file(path, FileKind.PLAN, half())
    assert (path.read_bytes(), caught.value.filename) == (before, str(path))
    assert os.listdir(tmp_path) == ["plan.json"]


def test_a_device_is_written_as_it_is(filled: Project) -> None:
    """`-o /dev/null` and pipes are no files to be replaced."""
    assert filled("plan", *NOW, "-o", "/dev/null").code == 0
    assert not Path("/dev/null").is_file()
