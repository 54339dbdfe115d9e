"""Several connections in one process beside another process: no commit is ever lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stores import NOW, Stores

TOUCH = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT 1 FROM meta'); c.close()"
ASK = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT name FROM pauses').fetchall())"


def other_process(code: str, file: Path) -> str:
    return subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True).stdout


def test_a_commit_is_not_lost_when_another_process_comes_and_goes(tmp_path: Path) -> None:
    """With two connections open here, a process that opens and closes the store does not take the log away."""
    stores = Stores("sqlite:///shop.db", tmp_path)
    first, second = stores.store(), stores.store()
    first.pause("main", at=NOW)
    other_process(TOUCH, tmp_path / "shop.db")
    second.pause("reminder", at=NOW)
    assert other_process(ASK, tmp_path / "shop.db") == "[('main',), ('reminder',)]\n"
    for each in stores.opened:
        each.close()
