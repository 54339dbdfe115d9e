"""Opening a PostgreSQL store: for reading, or for writing and brought up to date."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.store.postgres.migrations import check_version, migrate
from sendplan.store.postgres.server import Server
from sendplan.store.sql.reader import SqlReader
from sendplan.store.sql.store import SqlStore


def open_server_reader(url: str, fields: Mapping[str, Field], calendar: Calendar) -> SqlReader:
    """The store as it is; nothing is created or changed. Raises StoreError for a server that cannot be reached."""
    server = Server(url, read_only=True)
    try:
        check_version(server)
        return SqlReader(server, fields, calendar)
    except BaseException:
        server.close()
        raise


def open_server(url: str, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]) -> SqlStore:
    """Connect and bring the tables up to date; leases and limits run by the server's clock.

    Raises StoreError when the server cannot be reached, or does not let this login write.
    """
    server = Server(url)
    try:
        migrate(server, fields, calendar)
        return SqlStore(server, fields, calendar, _server_clock(server) if clock is time.time else clock)
    except BaseException:
        server.close()
        raise


def _server_clock(server: Server) -> Callable[[], float]:
    def now() -> float:
        (row,) = server.rows("SELECT CAST(extract(epoch FROM clock_timestamp()) AS double precision)")
        return float(row[0])

    return now
