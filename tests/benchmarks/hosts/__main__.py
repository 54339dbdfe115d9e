"""`python tests/benchmarks/hosts [SECONDS]`: intents and outcomes a second on a PostgreSQL server, for 1 to 8 hosts.

Each host is a process with a plan of its own that writes the intents of four connections as one group, and then their
outcomes, as a sending host does; no mail leaves. Once beside the server, once with a network of 50 ms between them.
"""

from __future__ import annotations

import multiprocessing
import socket
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.append(str(Path(__file__).parents[2] / "hosts"))
sys.path.append(str(Path(__file__).parents[1] / "dispatch"))

from postgres_server import Postgres

from sendplan.calendar import Calendar
from sendplan.fields import catalogue
from sendplan.ledger import State
from sendplan.plan import Plan
from sendplan.project.settings import Limits
from sendplan.store import Store, open_store
from sendplan.store.claims import ClaimStatus, Intent, Settlement
from servers import running

HOSTS = (1, 2, 4, 8)
GROUP = 4
ROUND_TRIP = 0.05
NOW = datetime(2026, 8, 24, 10, 0, tzinfo=UTC)
ORDERS = 40_000


def opened(url: str) -> Store:
    return open_store(url, Path("/"), catalogue(), Calendar(ZoneInfo("Europe/Berlin"), "DE"))


def fill(url: str) -> None:
    with closing(opened(url)) as store, store.importing("orders.csv", NOW) as run:
        names = ("id", "account", "ordered")
        run.upsert(names, [(number, (f"E{number}", "web", NOW)) for number in range(ORDERS)])
        run.finish(0)


def host(url: str, name: str, seconds: float, results: multiprocessing.Queue[int]) -> None:
    """Write intents and outcomes for so long; how many messages that were."""
    with closing(opened(url)) as store:
        plan = Plan(now="2026-08-24T12:00:00+02:00", timezone="Europe/Berlin", digest=name, entries=()).identified()
        token = store.start_plan(plan, name, 600)
        assert isinstance(token, str)
        done, end = 0, time.monotonic() + seconds
        outcomes: list[Settlement] = []
        while time.monotonic() < end:
            keys = [(f"E{(done + each) % ORDERS}", (name, f"{(done + each) // ORDERS}")) for each in range(GROUP)]
            intents = [
                Intent(
                    order,
                    key,
                    version=1,
                    token=token,
                    sender=name,
                    address=f"{order.lower()}@example.com",
                    klass="transactional",
                    classes=["transactional"],
                    recipients=1,
                    limits=Limits(),
                    at=NOW,
                )
                for order, key in keys
            ]
            answers = store.exchange(outcomes, intents).answers
            assert all(each is not None and each.status is ClaimStatus.OK for each in answers)
            outcomes = [Settlement(order, key, token, State.SENT, NOW, "250 ok") for order, key in keys]
            done += GROUP
        results.put(done)


def measured(url: str, hosts: int, seconds: float, turn: str) -> float:
    results: multiprocessing.Queue[int] = multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=host, args=(url, f"{turn}-{number}", seconds, results))
        for number in range(hosts)
    ]
    for each in processes:
        each.start()
    done = sum(results.get() for _ in processes)
    for each in processes:
        each.join()
    return done / seconds


def main(seconds: float) -> None:
    """Print a table."""
    folder = Path(tempfile.mkdtemp(prefix="sendplan-bench-"))
    folder.chmod(0o755)
    database = Postgres(folder / "database")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (database.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"listen_addresses = '127.0.0.1'\nport = {port}\nfsync = on\nshared_buffers = 256MB\n")
    database.start()
    try:
        near = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        fill(near)
        with running("relay", str(port), str(ROUND_TRIP / 2)) as far_port:
            far = f"postgresql://postgres@127.0.0.1:{far_port}/postgres"
            print(
                "| hosts | messages/s | over one host | messages/s, 50 ms away | over one host |\n|--:|--:|--:|--:|--:|"
            )
            first: tuple[float, float] | None = None
            for hosts in HOSTS:
                rates = measured(near, hosts, seconds, f"near{hosts}"), measured(far, hosts, seconds, f"far{hosts}")
                first = first or rates
                times = [rate / one for rate, one in zip(rates, first, strict=True)]
                print(f"| {hosts} | {rates[0]:.0f} | {times[0]:.2f} | {rates[1]:.1f} | {times[1]:.2f} |", flush=True)
    finally:
        database.stop()


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0)
