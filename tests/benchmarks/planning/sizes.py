"""What grows with size: memory, rules, rule files, imports, simulations."""

from __future__ import annotations

import csv
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

import contender_sendplan
import exports
import rule_sets
from children import BARE, ENGINE, SENDPLAN, Child, run
from figures import Figure, beside, in_turn, say, timed
from moments import TODAY
from stores import CACHE, index, load, path_of, shop

HERE = Path(__file__).parent
_DATE = re.compile(r"20\d\d-\d\d-\d\d")
NOW = ("--now", "2035-08-27 12:00")


def memory() -> Iterator[Figure]:
    """The peak of `plan` over five million orders."""
    project = shop(5_000_000, 3)
    bare = run(BARE, project.settings.folder).peak
    run((*SENDPLAN, "plan", *NOW), project.settings.folder)  # The project is kept in the user's cache then.
    for format_ in ("table", "json"):
        command = (*SENDPLAN, "plan", *NOW, "-o", "var/plan.json", "--format", format_)
        peak = run(command, project.settings.folder).peak
        subject = f"`plan -o` over 5 M orders, peak of memory, as {format_}"
        yield Figure(subject, f"a limit (bare Python: {bare:.0f} MiB)", f"{peak:.0f} MiB", "50 MiB", peak / 50, 1)


def statuses() -> Iterator[Figure]:
    """A plan of which nothing leaves, and one under a clock that was set back, beside the usual one."""
    project = shop(1_000_000, 3)
    taken = in_turn(
        {
            "usual": partial(contender_sendplan.listed, project),
            "held": partial(contender_sendplan.listed, project, held=True),
            "past": partial(contender_sendplan.listed, project, past=True),
        },
        5,
    )
    name = "the same messages sent now"
    yield beside("1 M orders → plan file, everything held", name, taken["held"], taken["usual"], 1.5)
    yield beside("1 M orders → plan file, `--now` in the past", name, taken["past"], taken["usual"], 1.5)


def rules() -> Iterator[Figure]:
    """Two hundred rules beside eight."""
    store = path_of(shop(100_000, 3))
    medians = {}
    for times in (1, 25):
        folder = rule_sets.many(CACHE / f"rules-{8 * times}", times)
        (folder / "var").mkdir()
        shutil.copyfile(store, folder / "var" / "shop.db")
        project = load(folder)
        index(project)
        taken = [timed(partial(contender_sendplan.keys, project)) for _ in range(4)]
        say(f"{8 * times} rules: {len(taken[0][1])} keys")
        medians[times] = median(seconds for seconds, _ in taken[1:])
    yield beside("200 rules, 100 k orders → keys", "8 rules", medians[25], medians[1], 18)


def imports() -> Iterator[Figure]:
    """A million rows of CSV into a new store."""
    with tempfile.TemporaryDirectory(dir=CACHE) as name:
        folder = Path(name)
        file = csv_of(path_of(shop(1_000_000, 3)), folder / "orders.csv")
        own: list[Child] = []
        other: list[Child] = []
        for number in range(2):
            say(f"import, round {number + 1}")
            project = folder / f"shop-{number}"
            shutil.copytree(HERE / "shop", project)
            own.append(run((*SENDPLAN, "import", str(file)), project))
            bare = (sys.executable, str(HERE / "contender_import.py"), str(file), f"bare-{number}.db")
            other.append(run(bare, folder))
            shutil.rmtree(project)
            (folder / f"bare-{number}.db").unlink()
    name = "csv and executemany"
    yield beside("import of 1 M rows", name, _seconds(own), _seconds(other), 3)
    peaks = [median(each.peak for each in children) for children in (own, other)]
    mine, bare_peak = (f"{peak:.0f} MiB" for peak in peaks)
    yield Figure("import of 1 M rows, peak of memory", name, mine, bare_peak, peaks[0] / peaks[1])


def imports_of_systems() -> Iterator[Figure]:
    """A million rows of a grouped CSV and 300,000 nested JSON orders, each by a mapping."""
    grouped, nested = partial(exports.grouped, orders=333_334), partial(exports.nested, orders=300_000)
    for subject, ending, make, mapping in (
        ("import of a grouped CSV of 1 M rows", "csv", grouped, exports.GROUPED),
        ("import of 300,000 nested JSON orders", "json", nested, exports.NESTED),
    ):
        with tempfile.TemporaryDirectory(dir=CACHE) as name:
            file, project = make(Path(name) / f"orders.{ending}"), Path(name) / "shop"
            say(subject)
            shutil.copytree(HERE / "shop", project)
            (project / "mapping.yaml").write_text(mapping, encoding="utf-8")
            own = run((*SENDPLAN, "import", str(file), "--mapping", "mapping.yaml"), project)
            other = run((sys.executable, str(HERE / "contender_exports.py"), str(file), "bare.db"), project)
        yield beside(subject, f"{ending}, json and executemany", own.seconds, other.seconds)
        mine, bare = f"{own.peak:.0f} MiB", f"{other.peak:.0f} MiB"
        yield Figure(f"{subject}, peak of memory", "all of it in memory", mine, bare, own.peak / other.peak)


def _seconds(children: Sequence[Child]) -> float:
    return median(each.seconds for each in children)


def csv_of(store: Path, file: Path) -> Path:
    """The orders of a store as a shop system would export them: twelve years earlier: imports doubt the future."""
    connection = sqlite3.connect(store)
    rows = connection.execute("SELECT * FROM orders_readable")
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([column for column, *_ in rows.description][:-1])
        writer.writerows(map(_earlier, row[:-1]) for row in rows)
    connection.close()
    return file


def _earlier(cell: object) -> object:
    """Twelve years, so that a leap day stays one."""
    return f"{int(cell[:4]) - 12}{cell[4:]}" if isinstance(cell, str) and _DATE.match(cell) else cell


def check() -> Iterator[Figure]:
    """A thousand rule files."""
    folder = rule_sets.many_files(CACHE / "files-1000", 1000)
    _checked("again", folder)
    taken = [[_checked(what, folder) for what in ("check", "again", "parse")] for _ in range(5)]
    own, unchanged, other = (median(each) for each in zip(*taken, strict=True))
    yield beside("check of 1,000 rule files", "CSafeLoader alone", own, other, 7)
    yield beside("check of 1,000 rule files, none changed", "CSafeLoader alone", unchanged, other, 0.3)


def _checked(what: str, folder: Path) -> float:
    command = (sys.executable, str(HERE / "contender_check.py"), what, str(folder))
    environment = os.environ | {"PYTHONPATH": str(ENGINE)}
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def simulate(orders: int) -> Iterator[Figure]:
    """A year, day by day."""
    project = shop(orders, 1)
    first, last = TODAY - timedelta(days=365), TODAY - timedelta(days=1)
    command = (*SENDPLAN, "simulate", "--from", f"{first}", "--to", f"{last}", "--format", "json")
    own = run(command, project.settings.folder).seconds
    contender_sendplan.keys(project)
    once = timed(partial(contender_sendplan.keys, project))[0]
    yield beside(f"simulate a year over {orders:,} orders", "365 plans", own, 365 * once)
