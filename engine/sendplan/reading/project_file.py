"""The one way to read a file of a project: a regular file, of a bearable size, inside the project (docs/project.md)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sendplan.problems import Problem, Span

MAX_BYTES = 1_048_576
"""Of settings, a file of rules, a template, a mapping: what people write is far smaller."""


def read_project_file(path: Path, name: str, project: Path | None = None) -> bytes | Problem:
    """A file's bytes, or why they are not read; `name` is what people are shown.

    A path below the folder `project` must still be there once every link on the way is followed: the project may have
    been written by somebody else. A pipe or a device is never waited for.
    """
    try:
        real = path.resolve(strict=True)
        if project is not None and lies_in(path, project) and not real.is_relative_to(project.resolve()):
            return _unreadable(name, "leads out of the project", "put a copy of what it leads to in its place")
        return _content(real, name)
    except FileNotFoundError:
        return Problem("file-missing", f"there is no file `{name}`", Span(name, 1, 1, 2))
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead around in a circle
        why = getattr(error, "strerror", None) or "its links lead around in a circle"
        return _unreadable(name, f"cannot be read: {why.lower()}")


def lies_in(path: Path, project: Path) -> bool:
    """Whether a path, as it is written, is one below this folder."""
    return Path(os.path.abspath(path)).is_relative_to(os.path.abspath(project))


def _content(real: Path, name: str) -> bytes | Problem:
    if not stat.S_ISREG(real.stat().st_mode):
        return _unreadable(name, "is not a regular file", "a project consists of files and folders")
    # Whatever has taken its place since is not waited for.
    descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        return _unreadable(name, "is larger than 1 MiB", "split it, or take out what is data")
    return content


def _unreadable(name: str, why: str, help_: str = "") -> Problem:
    return Problem("file-unreadable", f"`{name}` {why}", Span(name, 1, 1, 2), help_)
