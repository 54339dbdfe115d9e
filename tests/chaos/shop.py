"""A shop with orders that are due, its server, and the figures that are left in the end."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from processes import Conditions, Process, start
from server import Server

from sendplan import cli
from sendplan.calendar import Calendar
from sendplan.fields import Value, catalogue
from sendplan.ledger import State
from sendplan.sink import Sink
from sendplan.store import Store, open_store

NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
SETTINGS = """\
shop: {{name: Shop, timezone: Europe/Berlin, country: DE}}
store: {store}
senders:
  main: {{from: Shop <shop@example.com>, host: {host}, port: {port}, security: {security},
         limits: {{connections: {connections}}}}}
accounts:
  web: {{portal: shop}}
regions:
  everywhere: any
"""
RULES = """\
rules:
  - {id: reminder, title: Reminder, trigger: open_amount > 0, due: ordered + 7 days, template: reminder}
"""
TEMPLATE = '---\nsubject: "Order {{ order.number }}"\n---\nPlease pay **{{ order.open_amount }}**.\n'


@dataclass(frozen=True)
class Row:
    """The figures of one fault."""

    fault: str
    due: int
    accepted: int
    """Mails in the server's log."""
    lost: int
    """Due, not accepted, and not shown to a person either."""
    twice: int
    uncertain: int
    listed: int
    """How many of these `sendplan status` lists."""
    note: str = ""
    may_be_uncertain: bool = True

    @property
    def good(self) -> bool:
        """Whether it is as promised."""
        unknown = self.uncertain == self.listed and (self.may_be_uncertain or self.uncertain == 0)
        return self.lost == self.twice == 0 and unknown and "!" not in self.note


class Shop:
    """One project in a folder of its own, and its mail server."""

    def __init__(
        self, folder: Path, connections: int, store: str = "sqlite:///var/shop.db", mail_host: str = Sink.host
    ) -> None:
        self.folder = folder
        self.address = store
        self.server = Server(folder / "accepted.log", mail_host)
        self.server.start()
        self.connections = connections
        self.numbers = count()
        self.due: set[str] = set()
        self._outputs = count()
        for path, text in (("rules/rules.yaml", RULES), ("templates/reminder.en.md", TEMPLATE)):
            (folder / path).parent.mkdir()
            (folder / path).write_text(text, encoding="utf-8")
        self.configure()

    def configure(self, security: str = "none") -> None:
        """Write the settings."""
        text = SETTINGS.format(
            host=self.server.host,
            port=self.server.port,
            security=security,
            connections=self.connections,
            store=self.address,
        )
        (self.folder / "sendplan.yaml").write_text(text, encoding="utf-8")

    def store(self) -> Store:
        """The store, for the test itself."""
        return open_store(self.address, self.folder, catalogue(), Calendar(ZoneInfo("Europe/Berlin"), "DE"))

    def order(self, number: int, *, ordered: datetime = NOW - timedelta(days=20), due: bool = True) -> list[str]:
        """Import so many new orders; their ids."""
        ids = [f"E{next(self.numbers)}" for _ in range(number)]
        self.put(ids, total=Decimal(12), paid_amount=Decimal(0), ordered=ordered)
        if due:
            self.due.update(f"{each.lower()}@example.org" for each in ids)
        return ids

    def put(self, ids: list[str], **values: Value) -> None:
        """Import these orders with these values."""
        store = self.store()
        with store.importing("orders.csv", NOW) as run:
            for line, id_ in enumerate(ids):
                row: dict[str, Value | None] = {"id": id_, "account": "web", "email": f"{id_.lower()}@example.org"}
                row |= values
                run.upsert(tuple(row), [(line, tuple(row.values()))])
            run.carried(catalogue(), ["web"])
            run.finish(0)
        store.close()

    def start(self, *arguments: str, at: datetime = NOW, conditions: Conditions = Conditions()) -> Process:  # noqa: B008
        """Start `sendplan ARGUMENTS` at a time of the shop's clock."""
        now = () if arguments[0] in ("pause", "resume") else ("--now", at.isoformat())
        out = self.folder / f"out-{next(self._outputs)}.txt"
        return start((*arguments, *now, "--project", str(self.folder)), out, conditions)

    def run(self, *arguments: str, at: datetime = NOW, conditions: Conditions = Conditions()) -> Process:  # noqa: B008
        """Run `sendplan ARGUMENTS` (`run` by default) to its end."""
        process = self.start(*(arguments or ("run",)), at=at, conditions=conditions)
        process.wait()
        assert "Traceback" not in process.printed(), process.printed()
        return process

    def heal(self, *, runs: int = 4) -> None:
        """A healthy server, leases that have ended, and runs on the next days, until all is done that can be done."""
        self.server.start()
        self.configure()
        for day in range(1, runs + 1):
            self.run(at=NOW + timedelta(days=day), conditions=Conditions(hours_ahead=24.0 * day))

    def count(self, *states: State) -> int:
        """Messages in these states."""
        store = self.store()
        number = len(list(store.records(states)))
        store.close()
        return number

    def row(self, fault: str, note: str = "", *, may_be_uncertain: bool = True, shown: Collection[str] = ()) -> Row:
        """The figures as they are now; the orders in `shown` were named to a person on the way."""
        accepted = Counter(self.server.accepted())
        status = json.loads(self.run("status", "--format", "json", at=NOW + timedelta(days=9)).printed())
        listed = {each["key"].partition("/")[0] for each in status["unsettled"]}
        known = listed.union(shown)
        store = self.store()
        unknown = {record.order for record in store.records([State.SENDING, State.UNCERTAIN])}
        store.close()
        lost = [each for each in self.due if not accepted[each] and each.partition("@")[0].upper() not in known]
        return Row(
            fault,
            due=len(self.due),
            accepted=accepted.total(),
            lost=len(lost),
            twice=sum(number > 1 for number in accepted.values()),
            uncertain=len(unknown),
            listed=len(unknown & listed),
            note=note,
            may_be_uncertain=may_be_uncertain,
        )


def warm_up() -> None:
    """Import whatever a run needs, so that the processes forked from this one find it there."""
    with shop() as one, redirect_stdout(io.StringIO()):
        one.order(1)
        for arguments in (["run"], ["status"], ["pause"], ["resume"]):
            cli.run([*arguments, "--project", str(one.folder)])


@contextmanager
def shop(connections: int = 1) -> Iterator[Shop]:
    """A new shop, gone in the end with its server."""
    folder = Path(tempfile.mkdtemp(prefix="sendplan-chaos-"))
    folder.chmod(0o755)
    made = Shop(folder, connections)
    kept = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        yield made
    finally:
        if kept is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = kept
        made.server.stop()
        shutil.rmtree(folder)
