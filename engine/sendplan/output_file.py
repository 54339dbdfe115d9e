"""Files that a command was asked to write: whole or not at all, and only in the place of an earlier one of the kind.

They hold what buyers ordered and where they live: a new one is for its owner alone (docs/privacy.md#files).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from sendplan.problems import Exit, Problem, UserError

_LOOKED_AT = 65_536
"""Bytes of a file that say what it is."""


class FileKind(Enum):
    """What commands write: how it is called, and what the files of that kind have near their beginning."""

    PLAN = "plan", rb'\A\s*\{\s*"format":\s*\d+,\s*"id":'
    MAIL = "mail", rb"\A(?:[^\r\n]+\r?\n)*?Auto-Submitted: auto-generated\r?\n"
    PAGE = "page", rb'\A<!doctype html>[^\0]*?<meta name="generator" content="sendplan">'
    PREVIEW = "preview", rb"\A<!-- sendplan preview -->\n"
    SCENARIO = "scenario", rb"\A# yaml-language-server: [^\0]*?\ndescription: Written from a real order;"

    SNAPSHOT = "plan snapshot", rb"\A(?:<{7}[^\n]*\n)?\d{4}-\d\d-\d\d \d\d:\d\d \([^\n)]*\)(?::|\n)"
    """Also one in which a merge left its marks."""

    @property
    def title(self) -> str:
        """In the user's words."""
        return self.value[0]

    def holds(self, content: bytes) -> bool:
        """Whether this is how a file of the kind begins."""
        return re.search(self.value[1], content) is not None


def write_file(path: Path, kind: FileKind, chunks: Iterable[bytes], *, named: bool = True) -> None:
    """Write a file of this kind; raises UserError when `path` is another one, OSError when it cannot be written.

    Only a path that a person has `named` may be a device, a pipe, or a link to where the file is to go.
    """
    if named and path.exists() and not path.is_file():
        with path.open("wb") as device:  # `/dev/stdout`, a named pipe.
            device.writelines(chunks)
        return
    if path.is_symlink() and not (named and _is_trusted(path)):
        raise _other_file(f"`{path}` is a link: nothing is written through it")
    if not named and path.exists() and not path.is_file():
        raise _other_file(f"`{path}` is not a file")
    with replaced(path, lambda present: kind.holds(_beginning(present)), kind.title) as fresh, fresh.open("wb") as file:
        file.writelines(chunks)


def make_folder(path: Path) -> None:
    """Have a folder for such files, a new one for its owner alone; raises UserError for the link of somebody else."""
    if path.is_symlink() and not _is_trusted(path):
        raise _other_file(f"`{path}` is a link: nothing is written through it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def replaced(path: Path, is_ours: Callable[[Path], bool], title: str) -> Iterator[Path]:
    """A new file to be written, which takes the place of `path` in the end, and is gone after an error.

    Raises UserError when a file is there that is neither empty nor an earlier one by `is_ours`.
    """
    path = path.resolve()
    if path.exists() and path.stat().st_size and not is_ours(path):
        raise _other_file(f"`{path}` is not a {title} that sendplan has written: it is left as it is")
    fresh = path.with_name(f".{path.name[:200]}.{os.urandom(4).hex()}")
    try:
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        yield fresh
        if path.exists():
            shutil.copymode(path, fresh)
        os.replace(fresh, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        fresh.unlink(missing_ok=True)


def _is_trusted(link: Path) -> bool:
    """Whether the user, or the machine's administrator, made a link; in a shared folder anybody may plant one."""
    return link.lstat().st_uid in (os.geteuid(), 0)


def _other_file(message: str) -> UserError:
    return UserError(Problem("output-exists", message, None, "name another file, or move that one away"), Exit.USAGE)


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LOOKED_AT)
