"""Files in the user's cache directory, which only save time: any may be deleted at any moment.

A file is read only when it and its folder belong to this user alone; nothing that goes wrong here ends a command
(docs/project.md#the-cache).
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

_MOST = 4 << 20
"""Bytes of a file; a larger one is not read."""
_used = True


def ignore_cache() -> None:
    """Neither read nor keep anything from now on (`--no-cache`)."""
    global _used
    _used = False


def cache_folder() -> Path:
    """Where this user's files are kept: in the XDG cache directory.

    Raises FileNotFoundError for a user without a home.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (named if named.is_absolute() else Path.home() / ".cache") / "sendplan"
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from None


def read_own(name: str) -> bytes:
    """The content of a file that only this user can have written; raises OSError otherwise."""
    path = cache_folder() / name
    if not _used:
        raise FileNotFoundError(path)
    folder = os.stat(path.parent, follow_symlinks=False)
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(file, "rb") as opened:
        one = os.fstat(file)
        private = all(each.st_uid == os.geteuid() and not each.st_mode & 0o077 for each in (folder, one))
        if not private or not stat.S_ISDIR(folder.st_mode) or not stat.S_ISREG(one.st_mode) or one.st_size > _MOST:
            raise PermissionError(path)
        return opened.read()


def keep(name: str, content: bytes, *, at_most: int | None = None) -> None:
    """Write a file in place of the one before; without a folder for it nothing is kept.

    With `at_most` the oldest are removed of those files whose names begin as this one's does, up to its first hyphen.
    """
    if not _used:
        return
    with suppress(OSError):
        path = cache_folder() / name
        fresh = path.with_name(f"{name}.{os.getpid()}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(file, "wb") as opened:
                opened.write(content)
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        if at_most is not None:
            alike = sorted(path.parent.glob(f"{name.partition('-')[0]}-*"), key=lambda each: each.stat().st_mtime_ns)
            for each in alike[:-at_most]:
                each.unlink(missing_ok=True)
