"""A shop whose orders are on a PostgreSQL server, and several hosts that send its mails together."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "chaos"))

from disk import Disk
from postgres_server import Postgres
from processes import LEASE_SECONDS, Conditions, Process, start
from shop import NOW, Shop

from sendplan.dispatch import run, together
from sendplan.operating import helping
from sendplan.sink import Sink

HOSTS = 3
_QUICK = (
    (helping, "POLL_SECONDS", 0.1),
    (helping, "_RENEWAL_SECONDS", LEASE_SECONDS / 4),
    (together, "LOOK_SECONDS", 0.2),
    (together, "PATIENCE_SECONDS", 1.0),
    (together, "_RECOVERY_SECONDS", 0.3),
)
"""What takes minutes in a shop, shortened to fractions of a second."""


class Fleet(Shop):
    """A shop on several hosts, each with a project folder and a state directory of its own."""

    def __init__(
        self, folder: Path, connections: int, database: Postgres, hosts: int = HOSTS, mail_host: str = Sink.host
    ) -> None:
        self.database = database
        self.hosts: list[Path] = []
        super().__init__(folder, connections, database.url, mail_host)
        self.hosts = [folder.with_name(f"{folder.name}-{number}") for number in range(hosts)]
        self.configure()

    def configure(self, security: str = "none") -> None:
        """Write the settings, on every host."""
        super().configure(security)
        for host in self.hosts:
            for name in ("rules", "templates"):
                shutil.copytree(self.folder / name, host / name, dirs_exist_ok=True)
            shutil.copy(self.folder / "sendplan.yaml", host)

    def on(
        self,
        number: int,
        *arguments: str,
        at: datetime = NOW,
        hours_ahead: float = 0.0,
        at_start: Callable[[], None] = lambda: None,
    ) -> Process:
        """Start `sendplan ARGUMENTS` on one of the hosts; `at_start` is called in its process."""
        host = self.hosts[number]

        def prepare() -> None:
            at_start()
            os.environ["XDG_STATE_HOME"] = str(host / "state")
            for module, name, value in _QUICK:
                setattr(module, name, value)
            if hours_ahead:
                real = time.time
                time.time = lambda: real() + hours_ahead * 3600

        now = () if arguments[0] in ("pause", "resume", "worker") else ("--now", at.isoformat())
        out = self.folder / f"out-{next(self._outputs)}.txt"
        return start((*arguments, *now, "--project", str(host)), out, Conditions(at_start=prepare))

    def workers(self, hosts: Iterable[int]) -> list[Process]:
        """A worker on each of these hosts, looking for work."""
        workers = [self.on(number, "worker") for number in hosts]
        limit = time.monotonic() + 20
        while len(self.database.sql(_IDLE)) < len(workers):
            assert time.monotonic() < limit, [each.printed() for each in workers]
            time.sleep(0.05)
        return workers

    def heal(self, *, runs: int = 4) -> None:
        """A healthy mail server, leases that have ended, and runs on the next days."""
        self.server.start()
        self.configure()
        for day in range(1, runs + 1):
            time.sleep(LEASE_SECONDS + 0.1)
            process = self.on(0, "run", at=NOW + timedelta(days=day))
            process.wait()
            assert "Traceback" not in process.printed(), process.printed()


_IDLE = "SELECT token FROM sendplan.hosts WHERE plan = '' AND lease_until > extract(epoch FROM now()) * 1000"


def ended(processes: list[Process], seconds: float = 60.0) -> None:
    """End these processes with SIGTERM, and see that they do."""
    for each in processes:
        if not each.ended():
            each.send(signal.SIGTERM)
    limit = time.monotonic() + seconds
    while not all(each.ended() for each in processes):
        assert time.monotonic() < limit, [each.printed() for each in processes if not each.ended()]
        time.sleep(0.02)
    for each in processes:
        assert "Traceback" not in each.printed(), each.printed()


@contextmanager
def fleet(
    connections: int = 4, *, hosts: int = HOSTS, mail_host: str = Sink.host, disk: Disk | None = None
) -> Iterator[Fleet]:
    """A database server, on this disk, a mail server and a shop on several hosts, gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix="sendplan-hosts-"))
    folder.chmod(0o755)
    database = Postgres((disk.folder if disk else folder) / "database")
    made: Fleet | None = None
    kept = os.environ.get("XDG_STATE_HOME")
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    try:
        database.start()
        (folder / "shop").mkdir()
        made = Fleet(folder / "shop", connections, database, hosts, mail_host)
        made.order(0)
        ended(made.workers(range(hosts)))  # Every host knows the store from its beginning.
        yield made
    finally:
        if kept is None:
            del os.environ["XDG_STATE_HOME"]
        else:
            os.environ["XDG_STATE_HOME"] = kept
        if made is not None:
            made.server.stop()
        database.stop()
        shutil.rmtree(folder, ignore_errors=True)


__all__ = ["HOSTS", "LEASE_SECONDS", "NOW", "Fleet", "ended", "fleet", "run"]
