"""A repository that somebody else made: revisions are read as they were committed, and nothing in it is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from projects import ROOT, Project

NOW = ("--now", "2026-08-24 12:00")


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody with a name."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "core.hooksPath=/dev/null")
    subprocess.run(["git", *who, "-C", str(folder), *arguments], check=True, capture_output=True)


@pytest.fixture
def committed(shop: Project) -> Project:
    """The example shop with its orders, in a repository of its own."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    git(shop.folder, "init", "-q")
    git(shop.folder, "add", "-A")
    git(shop.folder, "commit", "-q", "-m", "Begin")
    return shop


def change(project: Project) -> None:
    """A rule that reminds four days later than it was committed."""
    project.edit("rules/marketing.yaml", "params.feedback_wait", "11 days")


def difference(project: Project) -> Any:
    """What the present rules change beside those of the last commit."""
    ran = project("diff", "--rules-from", "HEAD", *NOW, "--format", "json")
    assert ran.code == 0, ran.err
    return ran.json


def test_attributes_hide_nothing(committed: Project) -> None:
    """`export-ignore` and `export-subst` concern archives, not rules."""
    expected = difference(committed)
    committed.write(".gitattributes", "rules/*.yaml export-ignore\ntemplates/** export-ignore\n*.yaml export-subst\n")
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-q", "-m", "Hide")
    assert difference(committed) == expected


@pytest.mark.parametrize("what", ["smudge", "clean", "process", "textconv", "fsmonitor", "hooks", "external diff"])
def test_nothing_of_a_repository_is_run(
    committed: Project, tmp_path_factory: pytest.TempPathFactory, what: str
) -> None:
    """No filter, hook, monitor or conversion that the repository configures is started by `diff` or `check`."""
    ran, script = tmp_path_factory.mktemp("evil") / "ran", tmp_path_factory.mktemp("evil") / "evil"
    script.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n", encoding="utf-8")
    script.chmod(0o755)
    names = {
        "smudge": "filter.evil.smudge",
        "clean": "filter.evil.clean",
        "process": "filter.evil.process",
        "textconv": "diff.evil.textconv",
        "external diff": "diff.evil.command",
        "fsmonitor": "core.fsmonitor",
    }
    committed.write(".gitattributes", "*.yaml filter=evil diff=evil\n*.md filter=evil diff=evil\n")
    git(committed.folder, "add", ".gitattributes")
    git(committed.folder, "commit", "-q", "-m", "Attributes")
    if what == "hooks":
        git(committed.folder, "config", "core.hooksPath", str(script.parent))
        for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
            (script.parent / hook).write_bytes(script.read_bytes())
            (script.parent / hook).chmod(0o755)
    else:
        git(committed.folder, "config", names[what], str(script))
        git(committed.folder, "config", "filter.evil.required", "true")
    change(committed)
    os.utime(committed.path("rules/dunning.yaml"))
    difference(committed)
    committed("check")
    committed("simulate", "--from", "2026-08-20", "--to", "2026-08-24", "--rules-from", "HEAD")
    assert not ran.exists()


def test_a_filter_that_is_not_there_stops_nothing(committed: Project) -> None:
    """A required filter such as git-lfs that is not installed leaves the rules readable."""
    expected = difference(committed)
    committed.write(".gitattributes", "*.yaml filter=lfs\n")
    for key in ("smudge", "clean", "process"):
        git(committed.folder, "config", f"filter.lfs.{key}", "no-such-program-anywhere")
    git(committed.folder, "config", "filter.lfs.required", "true")
    assert difference(committed) == expected
    assert committed("check").code == 0


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_linked_rule_is_the_rule_that_it_leads_to(committed: Project, whole_folder: bool) -> None:
    """A rule, or the folder of all, that is a link within the project is the same in the revision."""
    name = "rules" if whole_folder else "rules/marketing.yaml"
    committed.path("shared").mkdir()
    committed.path(name).rename(committed.path("shared/moved"))
    committed.path(name).symlink_to("shared/moved" if whole_folder else "../shared/moved")
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-q", "-m", "Link")
    assert difference(committed)["changes"] == []


def test_a_link_out_of_the_revision_shows_nothing(committed: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A committed link to a file of this computer is not followed."""
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("root-of-all-secrets: [1", encoding="utf-8")
    committed.path("sendplan.yaml").rename(committed.path("kept"))
    committed.path("sendplan.yaml").symlink_to(secret)
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-q", "-m", "Link")
    committed.path("sendplan.yaml").unlink()
    committed.path("kept").rename(committed.path("sendplan.yaml"))
    ran = committed("diff", "--rules-from", "HEAD", *NOW)
    assert ran.code in (1, 2)
    assert "root-of-all" not in ran.out + ran.err
    assert "leads out of the project" in ran.err


def test_names_with_blanks_and_large_files_are_read(committed: Project) -> None:
    """A rule file with blanks and accents in its name counts; a picture among the templates does not matter."""
    committed.path("rules/marketing.yaml").rename(committed.path("rules/Für später.yaml"))
    committed.path("templates/logo.png").write_bytes(b"x" * 2_000_000)
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-q", "-m", "Rename")
    assert difference(committed)["changes"] == []
