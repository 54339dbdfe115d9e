"""Files as a git commit holds them: only objects are read, so nothing that a repository configures is ever run.

`ls-tree` and `cat-file` know no filters, hooks, text conversions or file system monitors, and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from sendplan.dataclass import dataclass

FILE, LINK = "100", "120000"
"""How the modes of files (100644, 100755) begin, and the mode of symbolic links."""
_SECONDS = 60.0
_OPTIONS = ("-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "--no-optional-locks")
_ENVIRONMENT = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


@dataclass(frozen=True, slots=True)
class GitFile:
    """One file of a commit."""

    path: str
    """Below the folder that was asked about."""
    mode: str
    id: str
    """Of its blob."""
    size: int
    """In bytes."""


def commit_of(folder: Path, revision: str) -> str | None:
    """The id of the commit that a revision names, or None. Raises FileNotFoundError without git."""
    said = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return said.decode().strip() if said else None


def files_at(folder: Path, commit: str, below: Iterable[str]) -> tuple[GitFile, ...]:
    """The files and links of a commit at or below these paths in `folder`; what is not there is left out."""
    said = _git(folder, "ls-tree", "-r", "-l", "-z", commit, "--", *below)
    return tuple(each for entry in (said or b"").split(b"\0") if entry for each in _entry(entry))


def contents(folder: Path, files: Sequence[GitFile]) -> list[bytes | None]:
    """What these files hold, exactly as it was committed; None for one that this clone lacks."""
    asked = "".join(f"{each.id}\n" for each in files).encode()
    said = _git(folder, "cat-file", "--batch", asked=asked)
    return _batch(said or b"", len(files))


def _entry(entry: bytes) -> Iterable[GitFile]:
    head, _, path = entry.partition(b"\t")
    mode, _, id_, size = head.decode("ascii").split()
    name = os.fsdecode(path)
    parts = PurePosixPath(name).parts
    # A tree that was made by hand may hold names that lead elsewhere.
    if (mode == LINK or mode.startswith(FILE)) and ".." not in parts and not name.startswith("/"):
        yield GitFile(name, mode, id_, int(size) if size.isdigit() else 0)


def _batch(said: bytes, number: int) -> list[bytes | None]:
    """`cat-file --batch`: for each object a line `ID TYPE SIZE`, its bytes and a line end; or `ID missing`."""
    found: list[bytes | None] = []
    position = 0
    while len(found) < number:
        end = said.find(b"\n", position)
        words = said[position:end].split() if end >= 0 else []
        position = end + 1
        if len(words) != 3:
            found.append(None)
            if end < 0:
                position = len(said)
            continue
        size = int(words[2])
        found.append(said[position : position + size])
        position += size + 1
    return found


def _git(folder: Path, *arguments: str, asked: bytes = b"") -> bytes | None:
    """What git prints, or None when it refuses. Raises FileNotFoundError when it is not installed."""
    command = ("git", *_OPTIONS, "-C", str(folder), *arguments)
    try:
        done = subprocess.run(
            command, input=asked, capture_output=True, timeout=_SECONDS, env={**os.environ, **_ENVIRONMENT}
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
