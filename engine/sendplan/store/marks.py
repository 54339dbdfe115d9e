"""How far a store's ledger had come when the last mails left: two files outside the store, changed in place.

One is in the project's `var/`, one in the user's state directory, so that neither a restored store nor a restored
`var/` takes both back (`docs/sending.md#a-copied-or-restored-store`).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.problems import Exit, Problem, UserError
from sendplan.project import state_folder as project
from sendplan.project.settings import Settings

VAR_MARK = Path("var/last-sent")
LOCK_SECONDS = 60.0
"""How long a writer waits for another process that holds a mark."""

_START = b'{"high_water": '
_DIGITS = 20
_MOST = 1 << 16


@dataclass(frozen=True, slots=True)
class Mark:
    """Which store sent last, and how far its ledger had come."""

    identity: str
    high_water: int
    folder: str = ""
    """Where the project was then; empty in the marks of earlier versions."""

    def to_bytes(self) -> bytes:
        """The number in a fixed place and width, so that raising it changes nothing else."""
        rest = json.dumps({"identity": self.identity, "folder": self.folder})
        return _START + b"%*d, " % (_DIGITS, self.high_water) + rest[1:].encode() + b"\n"


def state_folder(settings: Settings) -> Path:
    """Where the marks of this user's projects are kept: `state:` in the settings, else the XDG state directory."""
    return project.state_folder(settings.folder, settings.state)


def mark_files(settings: Settings, identity: str) -> tuple[Path, Path]:
    """The two places of a store's mark."""
    return settings.folder / VAR_MARK, state_folder(settings) / f"{identity}.mark"


def read_mark(path: Path) -> Mark | None:
    """A mark; None when there is none, or an empty file. Raises UserError for one that cannot be read."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(path) from error
    try:
        with _locked(file):
            content = os.pread(file, _MOST, 0)
        return _parsed(content) if content else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    finally:
        os.close(file)


def marks_in(folder: Path) -> Iterator[tuple[Path, Mark]]:
    """Every mark that can be read in a state directory, with its file."""
    for path in sorted(folder.glob("*.mark")):
        try:
            mark = read_mark(path)
        except UserError:
            continue
        if mark is not None:
            yield path, mark


class Marks:
    """Both marks of one store, opened for as long as mails leave; `rise` may be called from any thread."""

    def __init__(self, settings: Settings, identity: str) -> None:
        """Make or bring up to date both files. Raises OSError when one of them cannot be written."""
        self._mark = Mark(identity, 0, str(settings.folder.resolve()))
        self._lock = threading.Lock()
        self._risen = -1
        self._files: list[int] = []
        try:
            for path in mark_files(settings, identity):
                self._files.append(_opened(path, self._mark))
        except BaseException:
            self.close()
            raise

    def rise(self, high_water: int) -> None:
        """Return once both marks say at least `high_water`, that in the state directory durably. Raises OSError."""
        with self._lock:
            if high_water <= self._risen:
                return
            in_var, in_state = self._files
            _raise(in_state, high_water)
            os.fdatasync(in_state)
            # The higher one counts: this one is there for when the other is lost, and needs no wait of its own.
            _raise(in_var, high_water)
            self._risen = high_water

    def close(self) -> None:
        """Release both files."""
        while self._files:
            os.close(self._files.pop())


def _unreadable(path: Path) -> UserError:
    message = f"`{path}` cannot be read: nobody knows what left last"
    return UserError(Problem("foreign-store", message, None, "run `sendplan adopt`"), Exit.REFUSED)


def _parsed(content: bytes) -> Mark:
    data = json.loads(content)
    return Mark(str(data["identity"]), int(data["high_water"]), str(data.get("folder", "")))


def _opened(path: Path, wanted: Mark) -> int:
    """The file at `path`, ready to be raised in place; one of another store, or of an earlier version, is rewritten."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with _locked(file):
            content = os.pread(file, _MOST, 0)
            present = _parsed(content) if content else None
            if present is not None and present.identity == wanted.identity:
                wanted = Mark(wanted.identity, present.high_water, wanted.folder)
            written = wanted.to_bytes()
            if content != written:
                if os.pwrite(file, written, 0) < len(written):
                    os.ftruncate(file, 0)  # As good as no mark; half of one would be a doubt.
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
                os.ftruncate(file, len(written))
                os.fsync(file)
                _sync_folder(path.parent)
    except BaseException:
        os.close(file)
        raise
    return file


def _raise(file: int, high_water: int) -> None:
    with _locked(file):
        if int(os.pread(file, _DIGITS, len(_START))) < high_water:
            os.pwrite(file, b"%*d" % (_DIGITS, high_water), len(_START))


@contextmanager
def _locked(file: int) -> Iterator[None]:
    """Other processes raise the same mark. One that was stopped while it did must not hold up this one for ever."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > end:
                raise
            time.sleep(0.001)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
