"""An answer of `check` that was kept is the one that a fresh check gives, whatever was changed meanwhile."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sendplan import checked, checking, user_cache
from sendplan.cli import cli
from sendplan.problems import Problem

BASE = Path(__file__).parents[2] / "fixtures" / "bad" / "base"
FURTHER = """\
attachments: papers
imports:
  orders: {file: orders.csv}
  payments: {file: payments.csv}
  returns: {file: returns.csv, mapping: returns.yaml}
"""
MAPPING = "fields: {id: Order, returned: Returned}\n"
FEEDBACK, SETTINGS = "rules/feedback.yaml", "sendplan.yaml"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a repository, with files to attach and to import beside its own folders."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(user_cache, "_used", True)
    folder = Path(shutil.copytree(BASE, tmp_path / "shop"))
    settings = (folder / SETTINGS).read_text()
    settings = settings.replace('password: "${SMTP_PASSWORD}"', 'password: "${SMTP_PASSWORD}", ca_file: own.pem')
    (folder / SETTINGS).write_text(settings + FURTHER)
    rule = (folder / FEEDBACK).read_text()
    (folder / FEEDBACK).write_text(f"{rule.rstrip()}\n    attach: [terms.pdf]\n")
    (folder / "papers").mkdir()
    for name, text in (
        ("papers/terms.pdf", "Terms"),
        ("own.pem", "A certificate"),
        ("orders.csv", "id,account,paid\n"),
        ("payments.csv", "id,account\n"),
        ("returns.csv", "Order,Returned\n"),
        ("returns.yaml", MAPPING),
    ):
        (folder / name).write_text(text)
    _git(folder, "init", "-q")
    _commit(folder)
    return folder


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Shop", "-c", "user.email=shop@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(("git", *who, *words), cwd=folder, check=True, capture_output=True)


def _commit(folder: Path) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "Rules", "--allow-empty")


def _kept(folder: Path) -> list[Problem] | None:
    """What is kept of a project, if anything that counts now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "examine", _refuse)
        try:
            return checked.check(folder)
        except LookupError:
            return None


def _refuse(*given: object) -> list[Problem]:
    raise LookupError


def test_a_kept_answer_is_told_without_another_look(shop: Path) -> None:
    """The second `check` of the same files tells the same, with places and help, and examines nothing."""
    (shop / FEEDBACK).write_text((shop / FEEDBACK).read_text().replace("params.wait", "0 days"))
    first = checked.check(shop)
    assert [each.code for each in first] == ["zero-days"]
    assert _kept(shop) == first == checking.check(shop)


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


def _renamed(folder: Path) -> None:
    _replace(FEEDBACK, "id: feedback-reminder", "id: feedback")(folder)


CHANGES: tuple[tuple[str, Callable[[Path], object], str | None], ...] = (
    ("a setting", _replace(SETTINGS, "mon-fri", "mon-frx"), "wrong-value"),
    ("a comment in the settings", _replace(SETTINGS, "store:", "# here\nstore:"), None),
    ("a rule", _replace(FEEDBACK, "shipped + params.wait", "shiped"), "unknown-field"),
    ("a template", _replace("templates/first-dunning.en.md", "order.number", "order.numbr"), None),
    ("a scenario", _replace("fixtures/scenarios/both.yaml", "feedback", "fedback"), None),
    ("a layout that is new", lambda folder: (folder / "templates/layout.html").write_text("{{"), "template-syntax"),
    ("a rule file that is new", lambda folder: (folder / "rules/b.yaml").write_text("rules: [{}]\n"), "missing-key"),
    ("a template that is gone", lambda folder: (folder / "templates/first-dunning.en.md").unlink(), "missing-template"),
    ("a file to attach", lambda folder: (folder / "papers/terms.pdf").unlink(), "file-missing"),
    ("the folder of files to attach", lambda folder: shutil.rmtree(folder / "papers"), "file-missing"),
    ("an import", lambda folder: (folder / "returns.csv").unlink(), "file-missing"),
    ("the header of an import", _replace("payments.csv", "account", "account,paid"), "shared-field"),
    ("a mapping", _replace("returns.yaml", "returned:", "retuned:"), "unknown-field"),
    ("a certificate", lambda folder: (folder / "own.pem").unlink(), "wrong-value"),
    ("a mapping behind a link", lambda folder: _link(folder / "returns.yaml"), None),
    ("a rule file behind a link", lambda folder: _link(folder / FEEDBACK), None),
    ("templates behind a link", lambda folder: _link(folder / "templates"), None),
    ("a rule's name", _renamed, "renamed-without-formerly"),
)


def _link(path: Path) -> None:
    path.rename(path.with_name(f"_{path.name}"))
    path.symlink_to(f"_{path.name}")


@pytest.mark.parametrize(("change", "code"), [each[1:] for each in CHANGES], ids=[each[0] for each in CHANGES])
def test_whatever_is_changed_is_checked_anew(shop: Path, change: Callable[[Path], object], code: str | None) -> None:
    """Each file on which an answer depends, and what is not there, counts."""
    before = checked.check(shop)
    assert _kept(shop) == before
    change(shop)
    assert _kept(shop) is None
    told = checked.check(shop)
    assert told == checking.check(shop)
    assert code is None or code in {each.code for each in told}


def test_a_commit_is_an_input(shop: Path) -> None:
    """A new id is told for as long as the last commit has the old one, and no longer."""
    checked.check(shop)
    _renamed(shop)
    assert "renamed-without-formerly" in {each.code for each in checked.check(shop)}
    _commit(shop)
    assert checked.check(shop) == checking.check(shop)
    assert "renamed-without-formerly" not in {each.code for each in checked.check(shop)}


def test_an_update_is_an_input(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update of sendplan, of Python or of a library nothing counts that was kept before."""
    checked.check(shop)
    known = list(checked._engine())
    assert any(str(each[0]).endswith("checking.py") for each in known)
    for changed in ([*known, "another library"], known[1:]):
        with monkeypatch.context() as patch:
            patch.setattr(checked, "_engine", lambda changed=changed: iter(changed))
            assert _kept(shop) is None


def test_what_changes_while_it_is_checked_is_not_kept(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows which of both texts was checked."""
    examine = checking.examine

    def slow(folder: Path, beside: Callable[..., None]) -> list[Problem]:
        found = examine(folder, beside)
        (shop / FEEDBACK).write_text((shop / FEEDBACK).read_text().replace("params.wait", "0 days"))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(checking, "examine", slow)
        checked.check(shop)
    assert "zero-days" in {each.code for each in checked.check(shop)}


def test_random_changes_give_the_answers_of_fresh_checks(shop: Path) -> None:
    """Texts torn, doubled, emptied and restored at random: no kept answer ever differs from a fresh one."""
    chance = random.Random(14)
    files = [each for each in sorted(shop.rglob("*")) if each.is_file() and ".git" not in each.parts]
    texts = {each: each.read_text() for each in files}
    for _ in range(30):
        file = chance.choice(files)
        text, place = texts[file], chance.randrange(len(texts[file]) + 1)
        file.write_text(chance.choice([text, text[:place], text[:place] + text, text[:place] + " " + text[place:], ""]))
        assert checked.check(shop) == checked.check(shop) == checking.check(shop)


def test_nothing_is_read_that_is_no_input(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` looks at no path of a project on which its answer does not depend by what is kept with it."""
    looked: set[str] = set()
    inputs: set[str] = set()
    add, states = checked._add, checked._states
    for name in ("stat", "lstat", "open", "scandir", "listdir"):
        monkeypatch.setattr(os, name, _noting(looked, getattr(os, name)))

    def noted_states(paths: Iterator[tuple[str | Path, bool]]) -> object:
        given = list(paths)
        inputs.update(str(path) for path, _ in given)
        return states(given)

    def noted_add(hashed: object, path: str) -> None:
        inputs.add(path)
        add(hashed, path)  # type: ignore[arg-type]

    monkeypatch.setattr(checked, "_add", noted_add)
    monkeypatch.setattr(checked, "_states", noted_states)
    checked.check(shop)
    known = inputs | {str(above) for each in inputs for above in Path(each).parents}
    assert {f"{shop}/{name}" for name in (SETTINGS, FEEDBACK, "returns.yaml", "papers/terms.pdf")} <= looked
    own = {os.path.abspath(each) for each in looked if os.path.abspath(each).startswith(f"{shop}/")}
    # A folder's listing is an input, too: what it lacks is known.
    assert {each for each in own - known if os.path.dirname(each) not in inputs} == set()


def _noting(looked: set[str], function: Callable[..., object]) -> Callable[..., object]:
    def noted(path: object = ".", *given: object, **named: object) -> object:
        if isinstance(path, str | bytes | os.PathLike):
            looked.add(os.fsdecode(path))
        return function(path, *given, **named)

    return noted


def test_a_project_whose_settings_are_broken_is_never_kept(shop: Path) -> None:
    """Nobody knows on which files its answer depends."""
    _replace(SETTINGS, "mon-fri", "mon-frx")(shop)
    assert checked.check(shop)
    assert _kept(shop) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"key": 1}', b"\xff", b"null", b"[" * 100_000])
def test_a_damaged_file_is_written_anew(shop: Path, content: bytes) -> None:
    """What cannot be understood counts as absent."""
    wanted = checked.check(shop)
    [file] = user_cache.cache_folder().glob("check-*")
    file.write_bytes(content)
    assert checked.check(shop) == wanted == _kept(shop)


def test_what_others_may_have_written_is_not_read(shop: Path) -> None:
    """A file or folder that others could write says nothing."""
    checked.check(shop)
    [file] = user_cache.cache_folder().glob("check-*")
    assert file.stat().st_mode & 0o777 == 0o600
    for path, mode in ((file, 0o620), (file.parent, 0o770)):
        before = path.stat().st_mode
        path.chmod(mode)
        assert _kept(shop) is None
        path.chmod(before)
    assert _kept(shop) is not None


def test_no_cache_checks_anew(shop: Path) -> None:
    """`check --no-cache` reads no kept answer and keeps none."""
    assert CliRunner().invoke(cli, ["check", "--no-cache", "--project", str(shop)]).exit_code == 0
    assert not user_cache.cache_folder().exists()


def test_only_so_many_answers_are_kept(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many projects the oldest answers go, and no table of holidays with them."""
    monkeypatch.setattr(checked, "_MOST", 2)
    for number in range(4):
        user_cache.keep(f"check-{number}.json", b"{}")
        os.utime(user_cache.cache_folder() / f"check-{number}.json", (number, number))
    user_cache.keep("holidays-0.json", b"{}")
    os.utime(user_cache.cache_folder() / "holidays-0.json", (0, 0))
    checked.check(shop)
    names = sorted(each.name for each in user_cache.cache_folder().iterdir())
    assert len([each for each in names if each.startswith("check-")]) == 2
    assert "check-3.json" in names
    assert "holidays-0.json" in names
