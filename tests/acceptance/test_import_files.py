"""`sendplan import` on files as merchants have them: several, folders, packed, workbooks, standard input."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pytest
from projects import ROOT, Project

HEAD = "id,account,ordered"


@pytest.fixture(autouse=True)
def _inside(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As people do, the commands run in the project's folder."""
    monkeypatch.chdir(shop.folder)


def test_several_files_a_folder_and_packed_ones(shop: Project) -> None:
    """Every file is an import of its own; a folder stands for the files in it."""
    folder = shop.folder / "exports"
    folder.mkdir()
    (folder / "a.csv").write_text(f"{HEAD}\nF1,ebay-de,2026-08-01\n")
    (folder / "b.csv.gz").write_bytes(gzip.compress(f"{HEAD}\nF2,ebay-de,2026-08-01\n".encode()))
    (folder / "notes.md").write_text("no orders")
    (shop.folder / "c.json").write_text(json.dumps([{"id": "F3", "account": "ebay-de", "ordered": "2026-08-01"}]))
    result = shop("import", "exports", "c.json")
    assert (result.code, result.out.count("1 new, 0 updated")) == (0, 3)


def test_standard_input(shop: Project) -> None:
    """`-` reads standard input, and messages call it so."""
    text = f"{HEAD}\nF1,ebay-de,2026-08-01\nF2,nobody,2026-08-01\n"
    command = [sys.executable, "-m", "sendplan", "import", "-"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "engine")}
    done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "-: 2 rows: 1 new, 0 updated, 0 unchanged, 1 bad" in done.stdout
    assert '-:3:4: error[bad-row] `account` = "nobody" names an account' in done.stderr


def test_a_dry_run_tells_what_would_change(shop: Project) -> None:
    """The orders as they would be stored, what they are now, unused columns; and nothing is stored."""
    (shop.folder / "a.csv").write_text(f"{HEAD},total\nF1,ebay-de,2026-08-01,5\n")
    (shop.folder / "m.yaml").write_text("accounts: [ebay-de]\nfields: {id: id, ordered: ordered, total: total}\n")
    assert shop("import", "a.csv").code == 0
    (shop.folder / "a.csv").write_text(f"{HEAD},total\nF1,ebay-de,2026-08-01,7\nF2,ebay-de,2026-08-02,1\n")
    shown = shop("import", "a.csv", "--mapping", "m.yaml", "--dry-run").out
    assert "F1 (line 2): would change total" in shown
    assert "total: 7.00   (was 5.00)" in shown
    assert "F2 (line 3): new" in shown
    assert "not used: account" in shown
    assert "1 new, 1 updated, 0 unchanged, 0 bad; nothing was stored" in shown
    for_machines = json.loads(shop("import", "a.csv", "--mapping", "m.yaml", "--dry-run", "--format", "json").out)
    assert [each["total"] for each in for_machines["orders"]] == ["7.00", "1.00"]
    assert "2 rows: 1 new, 1 updated" in shop("import", "a.csv").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.csv",), "there is no file `gone.csv`"),
        (("rules",), "holds no file of orders"),
        (("a.csv", "--from", "nobody"), "no mapping called `nobody` comes with sendplan"),
        (("--dry-run",), "belong to a FILE"),
    ],
)
def test_wrong_arguments_are_usage_errors(shop: Project, arguments: tuple[str, ...], said: str) -> None:
    """What cannot be read is said before anything is opened."""
    result = shop("import", *arguments)
    assert result.code == 2
    assert said in result.err
