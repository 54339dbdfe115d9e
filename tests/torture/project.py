"""A project as a merchant has it, driven by the command line alone."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SETTINGS = """\
shop: {{name: Shop, timezone: Europe/Berlin, country: DE}}
store: sqlite:///var/shop.db
senders:
  main: {{from: Shop <shop@example.com>, host: 127.0.0.1, port: {port}, security: none,
         limits: {{connections: {at_once}}}}}
accounts:
  web: {{portal: shop}}
regions:
  everywhere: any
"""
_RULES = """\
rules:
  - {id: thanks, title: Thanks, trigger: not cancelled, due: ordered + 1 hour, template: thanks, lookback: 3 months}
"""
_TEMPLATE = '---\nsubject: "Order {{ order.number }}"\n---\nThank you.\n'
_SIDES = ("-wal", "-shm")


class Project:
    """In `shop` below a folder that also holds its backups and its user's state directory."""

    def __init__(self, folder: Path, port: int, engine: Path, chance: random.Random) -> None:
        self.folder = folder
        self.shop = folder / "shop"
        self.due: set[str] = set()
        self.tracebacks: list[str] = []
        self.codes: list[int] = []
        self._numbers = 0
        self._rows: list[str] = []
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(engine),
            "HOME": str(folder / "home"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        for name, text in (
            ("sendplan.yaml", _SETTINGS.format(port=port, at_once=chance.randrange(1, 5))),
            ("rules/rules.yaml", _RULES),
            ("templates/thanks.en.md", _TEMPLATE),
        ):
            path = self.shop / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.shop / "var" / "shop.db"

    def order(self, number: int) -> int:
        """Import new orders that are due; how many."""
        ordered = (datetime.now(UTC) - timedelta(days=3)).isoformat(timespec="seconds")
        ids = [f"T{self._numbers + each}" for each in range(number)]
        self._numbers += number
        self._rows += [f"{id_},web,{id_.lower()}@example.org,{ordered}" for id_ in ids]
        self.read_orders()
        self.due |= {f"{id_.lower()}@example.org" for id_ in ids}
        return number

    def read_orders(self) -> int:
        """Import all orders that there are, as the shop system still has them; the exit code."""
        (self.folder / "orders.csv").write_text("\n".join(["id,account,email,ordered", *self._rows, ""]))
        return self.command("import", str(self.folder / "orders.csv"))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that runs by itself."""
        command = (sys.executable, "-m", "sendplan", *arguments, "--project", str(self.shop))
        out = (self.folder / f"out-{len(list(self.folder.glob('out-*')))}").open("wb")
        with out:
            process = subprocess.Popen(command, env=self._environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        process.printed = Path(out.name)  # type: ignore[attr-defined]
        return process

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code of a command, and a look at what it printed."""
        code = process.wait()
        printed = process.printed.read_text(errors="replace")  # type: ignore[attr-defined]
        if "Traceback" in printed:
            self.tracebacks.append(printed)
        self.codes.append(code)
        return code

    def command(self, *arguments: str) -> int:
        """The exit code of a command."""
        return self.ended(self.start(*arguments))

    def output(self, *arguments: str) -> bytes:
        """What a command prints on standard output."""
        command = (sys.executable, "-m", "sendplan", *arguments, "--project", str(self.shop))
        return subprocess.run(command, env=self._environment, capture_output=True, check=False).stdout

    def back_up(self, kind: str, name: str) -> bool:
        """Make a backup of some kind below the folder; False when there is nothing yet."""
        if not self.store.exists():
            return False
        target = self.folder / name
        target.mkdir()
        match kind:
            case "store backup":
                return self.command("store", "backup", str(target / "shop.db")) == 0
            case "sqlite":
                with (
                    closing(sqlite3.connect(self.store)) as source,
                    closing(sqlite3.connect(target / "shop.db")) as copy,
                ):
                    source.backup(copy)
            case "file":
                shutil.copy(self.store, target / "shop.db")
            case _:
                target.rmdir()
                shutil.copytree(self.shop / "var", target, ignore_dangling_symlinks=True)
        return True

    def restore(self, name: str, way: str) -> None:
        """Put a backup back; a whole folder replaces the whole folder."""
        backup = self.folder / name
        if len(list(backup.iterdir())) > 1:
            shutil.rmtree(self.shop / "var")
            shutil.copytree(backup, self.shop / "var")
        else:
            shutil.copy(backup / "shop.db", self.store)
        for side in _SIDES:
            path = self.store.with_name(self.store.name + side)
            if way == "log deleted" or (way != "over the log" and len(list(backup.iterdir())) == 1):
                path.unlink(missing_ok=True)
        if way == "project moved":
            moved = self.folder / f"moved-{name}"
            if not moved.exists():
                self.shop.rename(moved)
                self.shop = moved
