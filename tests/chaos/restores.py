"""Stores that are put back: what a backup that came too early, too late or half does to the mails."""

from __future__ import annotations

import json
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from shop import NOW, Row, Shop, shop

MAILS = 150
KEPT_AT, KILLED_AT = 51, 100
"""After how many mails the backup is made, and after how many the run is killed."""
_LOG = ("shop.db-wal", "shop.db-shm")


def online_backup(var: Path, kept: Path) -> None:
    """A consistent copy, as SQLite makes it while others write."""
    kept.mkdir()
    with closing(sqlite3.connect(var / "shop.db")) as source, closing(sqlite3.connect(kept / "shop.db")) as target:
        source.backup(target)


def plain_copy(var: Path, kept: Path) -> None:
    """The file alone: what only its log holds is missing."""
    kept.mkdir()
    shutil.copy(var / "shop.db", kept / "shop.db")


def whole_folder(var: Path, kept: Path) -> None:
    """All of `var/`, with the mark, the journals and the log in it."""
    shutil.copytree(var, kept)


def put_back(var: Path, kept: Path) -> None:
    """The file in its place, and nothing beside it."""
    for name in _LOG:
        (var / name).unlink(missing_ok=True)
    shutil.copy(kept / "shop.db", var / "shop.db")


def put_back_over_the_log(var: Path, kept: Path) -> None:
    """The file in its place, beside the log of the one that was there."""
    shutil.copy(kept / "shop.db", var / "shop.db")


def put_back_whole(var: Path, kept: Path) -> None:
    """The whole folder as it was."""
    shutil.rmtree(var)
    shutil.copytree(kept, var)


def delete_the_log(var: Path, kept: Path) -> None:
    """No backup at all: somebody tidied up after the crash."""
    for name in _LOG:
        (var / name).unlink()


RESTORES: Mapping[str, tuple[Callable[[Path, Path], None], Callable[[Path, Path], None]]] = {
    "an online backup": (online_backup, put_back),
    "a plain copy of the file": (plain_copy, put_back),
    "the whole of var/": (whole_folder, put_back_whole),
    "an online backup over a leftover log": (online_backup, put_back_over_the_log),
    "a plain copy over a leftover log": (plain_copy, put_back_over_the_log),
    "the log deleted, no backup": (whole_folder, delete_the_log),
}


def restored_at_random(seed: int) -> Row:
    """The same with moments, number of connections and kind of backup left to chance."""
    chance = random.Random(seed)
    kept_at = chance.randrange(1, 60)
    name = chance.choice(("an online backup", "the whole of var/"))
    return restored(name, kept_at, kept_at + chance.randrange(10, 60), chance.randrange(1, 5))


def restored(name: str, kept_at: int = KEPT_AT, killed_at: int = KILLED_AT, connections: int = 2) -> Row:
    """Backup in the middle of a run, kill -9, backup put back, another run: refused, until a person adopts it."""
    keep, restore = RESTORES[name]
    with shop(connections=connections) as one:
        var, kept = one.folder / "var", one.folder / "kept"
        one.server.start("slow")
        one.order(MAILS)
        process = one.start("run")
        one.server.wait_for(kept_at)
        keep(var, kept)
        one.server.wait_for(killed_at)
        process.send(signal.SIGKILL)
        process.wait()
        restore(var, kept)
        before = len(one.server.accepted())
        codes = [one.run(at=NOW + timedelta(minutes=minute)).code for minute in range(2)]
        after = len(one.server.accepted()) - before
        if "over a leftover log" in name and codes != [3, 3]:
            # SQLite read the newer log over the older file: it is whole, or it says that it is not.
            wrong = after and codes == [1, 1]
        else:
            wrong = codes != [3, 3] or bool(after)
        told = _adopted(one) if codes == [3, 3] else []
        one.heal(runs=1)
        note = f"exit codes {codes}, {after} mails after it, {len(told)} named by adopt" + ("!" if wrong else "")
        return one.row(f"kill -9 after {killed_at}, then put back: {name}, made after {kept_at}", note, shown=told)


def _adopted(one: Shop) -> list[str]:
    """The orders that `sendplan adopt` names: a person knows of them."""
    told = json.loads(one.run("adopt", "--format", "json").printed())
    return [key.partition("/")[0] for key in told["would_have_sent"]]


def backup_of_the_last_moment() -> Row:
    """A backup made after the kill lacks nothing, so it goes on by itself: the mark is exact, not only careful."""
    with shop() as one:
        var, kept = one.folder / "var", one.folder / "kept"
        one.order(40)
        process = one.start("run")
        one.server.wait_for(10)
        process.send(signal.SIGKILL)
        process.wait()
        online_backup(var, kept)
        put_back(var, kept)
        one.heal()
        return one.row("kill -9, then put back: a backup made after it")


def no_place_for_the_mark() -> Row:
    """The state directory cannot be written: nothing leaves, and the command says what to change."""
    with shop() as one:
        one.order(10)
        (one.folder / "state").write_text("")
        process = one.run()
        before = len(one.server.accepted())
        told = "mark-unwritable" in process.printed()
        (one.folder / "state").unlink()
        one.heal(runs=1)
        note = f"{before} mails before, exit code {process.code}" + (
            "" if (before, process.code, told) == (0, 4, True) else "!"
        )
        return one.row("the state directory cannot be written", note, may_be_uncertain=False)
