"""Kept holidays are those of the library, and are read only for the same place, version and user."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

import holidays
import pytest
from click.testing import CliRunner
from small_projects import write_project

from sendplan import holiday_tables, user_cache
from sendplan.cli import cli
from sendplan.holiday_tables import holidays_error, public_holidays
from sendplan.problems import UserError
from sendplan.user_cache import cache_folder

NRW = ("DE", "NW", ("public",))
INVENTED = date(2026, 2, 3)


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache folder of its own, and nothing remembered in the process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(user_cache, "_used", True)
    forget()
    yield
    forget()


def forget() -> None:
    public_holidays.cache_clear()
    holiday_tables._version.cache_clear()


def poisoned() -> Path:
    """The kept table of a place, with a day that no library knows."""
    public_holidays(*NRW, 2026)
    [file] = cache_folder().iterdir()
    table = json.loads(file.read_text())
    table["years"]["2026"] = [INVENTED.isoformat()]
    file.write_text(json.dumps(table))
    forget()
    return file


@pytest.mark.parametrize(
    "place", [NRW, ("DE", None, ("public",)), ("DE", "BY", ("public", "catholic")), ("IL", None, ("public",))]
)
@pytest.mark.parametrize("year", [1999, 2026, 2030])
def test_kept_holidays_are_the_librarys(place: tuple[str, str | None, tuple[str, ...]], year: int) -> None:
    """Whether computed, just kept or read back: the same days."""
    country, subdivision, categories = place
    wanted = frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, categories=categories))
    for _ in range(2):
        assert public_holidays(*place, year) == wanted
        assert holidays_error(*place) is None
        forget()


def test_a_kept_table_is_read_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second process asks the library for nothing."""
    public_holidays(*NRW, 2026)
    forget()
    monkeypatch.setitem(__import__("sys").modules, "holidays.countries", None)
    monkeypatch.setattr(holidays, "country_holidays", None)
    assert date(2026, 11, 1) in public_holidays(*NRW, 2026)
    assert holidays_error(*NRW) is None


@pytest.mark.parametrize(
    "place", [("AT", "NW", NRW[2]), ("AT", None, NRW[2]), ("DE", "BE", NRW[2]), ("DE", "NW", ("public", "catholic"))]
)
def test_another_place_is_another_table(place: tuple[str, str | None, tuple[str, ...]]) -> None:
    """Each key of `shop` that says which holidays count leads to a table of its own."""
    poisoned()
    assert INVENTED in public_holidays(*NRW, 2026)
    assert INVENTED not in public_holidays(*NRW, 2027)
    if holidays_error(*place) is None:
        assert INVENTED not in public_holidays(*place, 2026)
    else:
        with pytest.raises(UserError):
            public_holidays(*place, 2026)


def other_version(patch: pytest.MonkeyPatch, file: Path) -> None:
    patch.setattr(holiday_tables, "_version", cache(lambda: "another"))


def other_layout(patch: pytest.MonkeyPatch, file: Path) -> None:
    patch.setattr(holiday_tables, "_LAYOUT", -1)


def unknown_version(patch: pytest.MonkeyPatch, file: Path) -> None:
    patch.setattr(holiday_tables, "find_spec", lambda name: None)
    forget()


def told_not_to(patch: pytest.MonkeyPatch, file: Path) -> None:
    user_cache.ignore_cache()


def another_user(patch: pytest.MonkeyPatch, file: Path) -> None:
    user = os.geteuid()
    patch.setattr(os, "geteuid", lambda: user + 1)


def readable_by_others(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.chmod(0o644)


def folder_open_to_others(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.parent.chmod(0o770)


def a_link(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.symlink_to(file.rename(file.with_name("elsewhere")))


def a_pipe(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


def half_of_it(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text(file.read_text()[:-9])


def not_a_table(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text("[1]")


def not_dates(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text(file.read_text().replace("2026-02-03", "2026-13-03"))


def of_another_place(patch: pytest.MonkeyPatch, file: Path) -> None:
    file.write_text(file.read_text().replace('"NW"', '"BE"'))


@pytest.mark.parametrize(
    "change",
    [
        other_version,
        other_layout,
        unknown_version,
        told_not_to,
        another_user,
        readable_by_others,
        folder_open_to_others,
        a_link,
        a_pipe,
        half_of_it,
        not_a_table,
        not_dates,
        of_another_place,
    ],
)
def test_a_table_that_cannot_be_trusted_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch, Path], None]
) -> None:
    """Of another version, another user, or odd in any way: the library is asked."""
    file = poisoned()
    assert INVENTED in public_holidays(*NRW, 2026)
    public_holidays.cache_clear()
    change(monkeypatch, file)
    assert INVENTED not in public_holidays(*NRW, 2026)
    assert date(2026, 11, 1) in public_holidays(*NRW, 2026)


def test_what_the_library_says_of_itself_is_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An update of the library is another version, though nothing of it is loaded to see that."""
    said = {holiday_tables._version()}
    for text in ("1", "2"):
        (tmp_path / "version.py").write_text(text)
        found = type("Found", (), {"origin": str(tmp_path / "__init__.py")})
        monkeypatch.setattr(holiday_tables, "find_spec", lambda name, found=found: found)
        forget()
        said.add(holiday_tables._version())
    assert len(said) == 3


def test_without_a_place_for_it_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder that cannot be made, or none at all, changes nothing."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert date(2026, 11, 1) in public_holidays(*NRW, 2026)


def test_what_is_kept_is_its_owners_alone() -> None:
    """Folder and file can be read and written by this user only, and no half-written file stays."""
    public_holidays(*NRW, 2026)
    [file] = cache_folder().iterdir()
    assert [each.stat().st_mode & 0o777 for each in (cache_folder(), file)] == [0o700, 0o600]
    assert file.suffix == ".json"


def test_an_unknown_place_is_never_kept() -> None:
    """A misspelled country is told each time."""
    for _ in range(2):
        assert holidays_error("DE", "XX", ("public",)) is not None
    assert not cache_folder().exists()


def test_no_cache_is_an_option_of_a_command(tmp_path: Path) -> None:
    """With `--no-cache` a command neither reads nor writes what is kept."""
    rule = "rules: [{id: r, title: R, trigger: paid, due: ordered, template: mail}]\n"
    write_project(tmp_path / "shop", rule)
    file = poisoned()
    before = file.read_bytes()
    told = CliRunner().invoke(cli, ["check", "--no-cache", "--project", str(tmp_path / "shop")])
    assert told.exit_code in (0, 1), told.output
    assert not user_cache._used
    assert file.read_bytes() == before
