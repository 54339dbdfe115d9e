"""`agree.py FOLDER ORDERS`: a small shop in an empty folder, and the keys that sendplan, SQL and Python find there."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import contender_loop
import contender_sendplan
import contender_sql
from stores import SHOP, fill, load, path_of


def main(folder: Path, orders: int) -> dict[str, list[str]]:
    """The keys by who found them."""
    shutil.copytree(SHOP, folder, dirs_exist_ok=True)
    project = load(folder)
    fill(project, orders, orders // 20)
    contender_sql.prepare(path_of(project), folder / "expert.db")
    return {
        "sendplan": contender_sendplan.keys(project),
        "written": contender_sendplan.written(project, folder / "plan.json"),
        "SQL": contender_sql.keys(folder / "expert.db"),
        "Python": contender_loop.keys(path_of(project)),
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
