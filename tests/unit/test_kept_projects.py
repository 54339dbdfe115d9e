"""A project that was kept plans what the files say, whatever was changed meanwhile, and is nothing but a project."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sendplan import checked, packing, user_cache
from sendplan.problems import Problem
from sendplan.project import project as projects
from sendplan.project.project import Project

ROOT = Path(__file__).parents[2]
SETTINGS, DUNNING = "sendplan.yaml", "rules/dunning.yaml"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example shop with its orders, and a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(user_cache, "_used", True)
    folder = tmp_path / "shop"
    for name in ("rules", "templates", "fixtures"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("bad"))
    shutil.copy(ROOT / SETTINGS, folder)
    return folder


def _command(folder: Path, *words: str) -> str:
    ran = subprocess.run((sys.executable, *words), cwd=folder, check=True, capture_output=True, text=True)
    return ran.stdout


def _fresh(folder: Path) -> tuple[Project | None, list[Problem]]:
    project, problems = projects.load(folder)
    return project and replace(project, documents={}), problems


def _kept(folder: Path) -> bool:
    """Whether the project would be told without a look at its files."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projects, "load", lambda folder: (None, []))
        return checked.load(folder)[0] is not None


def test_a_kept_project_is_the_one_in_the_files(shop: Path) -> None:
    """The example shop is the same project when it is read back."""
    wanted = _fresh(shop)
    checked.load(shop)
    assert _kept(shop)
    assert checked.load(shop) == wanted


def test_a_plan_of_a_kept_project_is_the_same_plan(shop: Path) -> None:
    """Byte for byte, by each of the commands that read it; and no file is parsed for it."""
    _command(shop, "-m", "sendplan", "import", "fixtures/orders.csv")
    for words in (("plan", "--format", "json"), ("explain", "E-2050"), ("status",)):
        command = ("-m", "sendplan", *words, "--now", "2026-08-24 12:00")
        fresh = _command(shop, *command, "--no-cache")
        assert _command(shop, *command) == _command(shop, *command) == fresh
    code = "import sys; from sendplan import cli; cli.run(['plan']); print(*{'yaml', 'jsonschema_rs'} & {*sys.modules})"
    assert _command(shop, "-c", code).splitlines()[-1] == ""


def _replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    "change",
    [
        _replace(SETTINGS, "timezone: Europe/Berlin", "timezone: Europe/Lisbon"),
        _replace(SETTINGS, "store:", "# here\nstore:"),
        _replace(DUNNING, "open_amount", "open_amont"),
        lambda folder: (folder / DUNNING).unlink(),
        lambda folder: (folder / "rules/more.yaml").write_text("rules: []\n"),
        lambda folder: (folder / "templates/layout.html").write_text("{{ content }}"),
        lambda folder: (folder / "templates/new.en.md").write_text("---\nsubject: New\n---\n"),
        lambda folder: (folder / "rules").rename(folder / "else") and (folder / "rules").symlink_to("else"),
    ],
)
def test_whatever_is_changed_is_read_anew(shop: Path, change: Callable[[Path], object]) -> None:
    """No plan goes by rules that the files no longer hold."""
    checked.load(shop)
    assert _kept(shop)
    change(shop)
    assert not _kept(shop)
    assert checked.load(shop) == _fresh(shop) == checked.load(shop)


def test_a_certificate_that_goes_is_missed(shop: Path) -> None:
    """A file that the settings name counts, too."""
    (shop / "own.pem").write_text("A certificate")
    _replace(SETTINGS, "    copy_to: self\n", "    copy_to: self\n    ca_file: own.pem\n")(shop)
    assert checked.load(shop)[0] is not None
    assert _kept(shop)
    (shop / "own.pem").unlink()
    assert checked.load(shop) == projects.load(shop)
    assert checked.load(shop)[0] is None


def test_a_broken_rule_is_told_each_time(shop: Path) -> None:
    """The others are planned, and the problem is told again."""
    _replace(DUNNING, "open_amount", "open_amont")(shop)
    first = checked.load(shop)
    assert _kept(shop)
    assert "unknown-field" in {each.code for each in first[1]}
    assert checked.load(shop) == first == _fresh(shop)


class _Command:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        b"[" * 1000,
        pickle.dumps(_Command()),
        pickle.dumps(subprocess.run),
        pickle.dumps(checked.load),
        pickle.dumps(getattr),
        pickle.dumps(SystemExit()),
    ],
)
def test_only_values_of_the_engine_are_read(shop: Path, content: bytes) -> None:
    """Bytes that ask for a function, or make no sense, are no project: the files are read."""
    assert packing.unpacked(content) is None
    checked.load(shop)
    [file] = user_cache.cache_folder().glob("project-*")
    file.write_bytes(content)
    assert not _kept(shop)
    assert checked.load(shop) == _fresh(shop)
    assert _kept(shop)


def test_what_would_come_back_otherwise_is_not_kept() -> None:
    """A value that cannot be written, or that is another one when it is read, leaves no bytes."""
    assert packing.packed(lambda: None) is None
    assert packing.packed(float("nan")) is None
    assert packing.packed(os.system) is None
