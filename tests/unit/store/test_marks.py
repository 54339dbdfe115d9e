"""The marks outside the store: durable before a mail ends, never lower than they were, whole after a crash."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from mail_samples import settings

from sendplan.plan import Plan
from sendplan.problems import UserError
from sendplan.project.settings import Settings
from sendplan.store import adoption, marks, open_store
from sendplan.store.marks import Mark, Marks, mark_files, read_mark, state_folder


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    """A project with a state directory of its own."""
    return settings(tmp_path, state="state")


def numbers(shop: Settings) -> list[int]:
    """What both marks say, that in `var/` first."""
    found = [read_mark(path) for path in mark_files(shop, "one")]
    return [each.high_water for each in found if each]


def test_both_marks_rise_and_never_sink(shop: Settings) -> None:
    """Whoever comes later with a lower number changes nothing, in this process or in another."""
    first, second = Marks(shop, "one"), Marks(shop, "one")
    for writer, high_water in ((first, 7), (second, 9), (first, 8), (second, 3)):
        writer.rise(high_water)
    assert numbers(shop) == [9, 9]
    first.close()
    second.close()


def test_the_mark_in_the_state_directory_is_on_the_disk_when_it_has_risen(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure right after a mail's end takes nothing of the mark; a number that was noted costs no wait."""
    synced: list[list[int]] = []
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        synced.append([numbers(shop)[1]])
        real(file)

    kept = Marks(shop, "one")
    monkeypatch.setattr(os, "fdatasync", fdatasync)
    for high_water in (5, 5, 4, 6):
        kept.rise(high_water)
    assert synced == [[5], [6]]
    kept.close()


def test_many_threads_share_the_waits(shop: Settings) -> None:
    """The connections of a run raise one mark, and it ends with the highest number."""
    kept = Marks(shop, "one")
    threads = [threading.Thread(target=kept.rise, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(shop) == [49, 49]
    kept.close()


def test_a_mark_is_plain_json(shop: Settings) -> None:
    """People and other programs can read which store sent last, how far, and from where."""
    kept = Marks(shop, "one")
    kept.rise(12)
    kept.close()
    for path in mark_files(shop, "one"):
        data = json.loads(path.read_text(encoding="utf-8"))
        assert data == {"high_water": 12, "identity": "one", "folder": str(shop.folder.resolve())}


def test_a_mark_of_an_earlier_version_keeps_its_number(shop: Settings) -> None:
    """An upgrade forgets nothing: the old file is read, rewritten and raised in its place."""
    in_var, _ = mark_files(shop, "one")
    in_var.parent.mkdir()
    in_var.write_text('{"identity": "one", "high_water": 41}', encoding="utf-8")
    kept = Marks(shop, "one")
    kept.rise(40)
    assert numbers(shop) == [41, 40]
    kept.rise(42)
    assert numbers(shop) == [42, 42]
    kept.close()


def test_half_a_mark_is_none(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk takes only a part of a new mark, nothing stays that would later be called unreadable."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda file, content, at, pwrite=os.pwrite: pwrite(file, content[:9], at))
        with pytest.raises(OSError, match="No space left"):
            Marks(shop, "one")
    assert numbers(shop) == []
    Marks(shop, "one").close()
    assert numbers(shop) == [0, 0]


def test_a_process_that_holds_a_mark_for_ever_is_not_waited_for(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was stopped in the middle of a write makes the others give up, not hang."""
    kept = Marks(shop, "one")
    monkeypatch.setattr(marks, "LOCK_SECONDS", 0.0)
    _, in_state = mark_files(shop, "one")
    with in_state.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(OSError):
            kept.rise(1)
        with pytest.raises(UserError, match="cannot be read"):
            read_mark(in_state)
    kept.rise(1)
    kept.close()


@pytest.mark.parametrize(
    ("state", "xdg", "expected"),
    [
        (None, "/xdg", "/xdg/sendplan"),
        (None, "relative", "/home/.local/state/sendplan"),
        (None, "", "/home/.local/state/sendplan"),
        ("/volume", "/xdg", "/volume"),
        ("marks", "/xdg", "/shop/marks"),
    ],
)
def test_where_the_mark_is(state: str | None, xdg: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings' place, else that of the XDG base directory specification, which ignores relative paths."""
    monkeypatch.setenv("XDG_STATE_HOME", xdg)
    monkeypatch.setenv("HOME", "/home")
    assert state_folder(settings(Path("/shop"), state=state)) == Path(expected)


def test_a_mark_survives_its_own_bytes() -> None:
    """What is written reads back, whatever the folder is called."""
    mark = Mark("one", 10**19, '/shops/Bücher "2"\\\n')
    assert marks._parsed(mark.to_bytes()) == mark


def test_a_mail_that_leaves_meanwhile_is_no_doubt(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process of this computer may raise store and marks while this one compares them."""
    with (
        closing(open_store("sqlite:///var/shop.db", shop.folder, shop.fields, shop.calendar)) as store,
        adoption.checked(shop, store) as ours,
    ):

        def read_late(path: Path) -> Mark | None:
            store.start_plan(Plan(str(path), "Europe/Berlin", str(path), ()).identified(), "another", 60)
            ours.rise(store.high_water())
            return read_mark(path)

        monkeypatch.setattr(adoption, "read_mark", read_late)
        assert adoption.doubt(shop, store) is None
