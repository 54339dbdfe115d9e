"""`fixtures/bad`: one bad file for each error, beside it the report that it must give.

Each is a `FAMILY/CASE`; the family is the code of the problem, or `several`. `CASE.yaml` is read by itself, against the
schema that its first line names, and `CASE.txt` is the report. A folder `CASE` holds what differs from the good project
in `base`, and `expected.txt`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from sendplan import checking
from sendplan.problems import CODES
from sendplan.reading import schemas, source
from sendplan.report import problems_text

BAD = Path(__file__).parents[3] / "fixtures" / "bad"
FILES = sorted(path for path in BAD.glob("*/*.yaml") if path.parent.name != "base")
PROJECTS = sorted(path.parent for path in BAD.glob("*/*/expected.txt"))
WITHOUT_FILE = {
    *("file-unreadable", "no-project", "project-exists"),
    *("unknown-revision", "renamed-without-formerly"),
    *("absent-column", "bad-row", "import-file", "import-suspicious", "unknown-column"),
    *("foreign-store", "store-broken", "store-busy", "store-unreadable"),
    *("attachment-missing", "mail-too-large"),
    *("message-header", "missing-extra", "missing-field", "template-limit", "template-value"),
    *("mark-unwritable", "output-exists", "store-newer"),
    *("plan-executed", "plan-file", "plan-in-execution", "plan-stale", "not-a-test", "not-approved", "over-limit"),
    *("clock-apart", "store-left"),
    *(
        "illegal-move",
        "mailbox-unreadable",
        "missing-password",
        "not-logged-in",
        "no-address",
        "unknown-message",
        "unknown-order",
    ),
    "scenario",
    "awaits-approval",
}
"""No project shows these: they need a file system, an import, a store, an order, a plan, or a person."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_bad_file(path: Path) -> None:
    """A bad file gives exactly the report beside it."""
    document, problems = source.load(path, path.name)
    schema = re.match(rb"# yaml-language-server: \$schema=\S*/(\w+)\.schema\.json", path.read_bytes())
    if document is not None and schema is not None:
        problems += schemas.validated(document, schema[1].decode())[1]
    assert problems_text(problems, color=False) == path.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_bad_project(path: Path, tmp_path: Path) -> None:
    """A bad project gives exactly the report beside it."""
    shutil.copytree(BAD / "base", tmp_path, dirs_exist_ok=True)
    shutil.copytree(path, tmp_path, dirs_exist_ok=True)
    report = problems_text(checking.check(tmp_path), color=False)
    assert report == (path / "expected.txt").read_text(encoding="utf-8").rstrip("\n")


def test_the_good_project_is_good() -> None:
    """The project that the bad ones start from has no problem itself."""
    assert checking.check(BAD / "base") == []


def test_every_code_has_a_bad_file() -> None:
    """No error goes without an example of how it comes about."""
    reports = [*BAD.glob("*/*.txt"), *BAD.glob("*/*/expected.txt")]
    shown = {code for path in reports for code in re.findall(r"\[([a-z-]+)\] ", path.read_text(encoding="utf-8"))}
    assert set(CODES) - shown == WITHOUT_FILE


def test_every_case_is_in_the_family_of_its_problem() -> None:
    """Whoever looks for examples of a problem finds them in the folder of its code, and no example lies outside."""
    families = {path.name for path in BAD.iterdir()} - {"base"}
    assert families - {"several"} <= set(CODES)
    cases = [(path.with_suffix(".txt"), path.parent.name) for path in FILES]
    for report, family in [*cases, *((path / "expected.txt", path.parent.name) for path in PROJECTS)]:
        shown = set(re.findall(r"\[([a-z-]+)\] ", report.read_text(encoding="utf-8")))
        assert family in shown or (family == "several" and len(shown) > 1), report


def test_reports_belong_to_bad_files() -> None:
    """No report is left over from a file that is gone."""
    assert set(BAD.glob("*/*.txt")) == {path.with_suffix(".txt") for path in FILES}
