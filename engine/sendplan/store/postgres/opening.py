"""Opening a PostgreSQL store: for reading, or for writing and brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from sendplan.calendar import Calendar
from sendplan.fields import Field
from sendplan.store.postgres.address import with_password
from sendplan.store.postgres.migrations import check_version, migrate
from sendplan.store.postgres.server import Server
from sendplan.store.postgres.store import ServerStore
from sendplan.store.sql.reader import SqlReader


def open_server_reader(url: str, folder: Path, fields: Mapping[str, Field], calendar: Calendar) -> SqlReader:
    """The store as it is; nothing is created or changed. Raises StoreError for a server that cannot be reached."""
    server = Server(with_password(url, folder), read_only=True)
    try:
        check_version(server)
        return SqlReader(server, fields, calendar)
    except BaseException:
        server.close()
        raise


def open_server(
    url: str, folder: Path, fields: Mapping[str, Field], calendar: Calendar, clock: Callable[[], float]
) -> ServerStore:
    """Connect and bring the tables up to date; leases and limits run by the server's clock.

    Raises StoreError when the server cannot be reached, or does not let this login write.
    """
    server = Server(with_password(url, folder))
    try:
        migrate(server, fields, calendar)
        return ServerStore(server, fields, calendar, clock)
    except BaseException:
        server.close()
        raise
