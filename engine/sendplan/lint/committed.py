"""What git's last commit holds of the files that were changed since: quiet wherever there is no git."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

_SECONDS = 5
_MOST_FILES = 500


def committed_files(folder: Path, below: str) -> Mapping[str, str]:
    """Path → text, as committed last, of the YAML files below `folder/below` that have been changed or removed since.

    Empty without git, outside a work tree, before the first commit, and when git takes too long.
    """
    changed = _git(folder, "diff", "--name-only", "--relative", "-z", "--diff-filter=MDT", "HEAD", "--", below)
    names = [name for name in (changed or b"").decode("utf-8", "replace").split("\0") if name.endswith(".yaml")]
    if not names or len(names) > _MOST_FILES:
        return {}
    archive = _git(folder, "archive", "--format=tar", "HEAD", "--", *names)
    return _texts(archive) if archive else {}


def _git(folder: Path, *arguments: str) -> bytes | None:
    # No file system monitor: a configured one would be started by a mere look.
    command = ("git", "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", str(folder), *arguments)
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _texts(archive: bytes) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file is not None:
                texts[member.name] = file.read().decode("utf-8", "replace")
    return texts
