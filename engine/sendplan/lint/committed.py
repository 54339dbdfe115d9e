"""What git's last commit holds of the files that were changed since: quiet wherever there is no git."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from sendplan import git
from sendplan.git import GitFile
from sendplan.reading.project_file import MAX_BYTES, read_project_file

_MOST_FILES = 500


def committed_files(folder: Path, below: str) -> Mapping[str, str]:
    """Path → text, as committed last, of the YAML files below `folder/below` that have been changed or removed since.

    Empty without git, outside a work tree, before the first commit, and when git takes too long.
    """
    try:
        head = git.commit_of(folder, "HEAD")
        committed = git.files_at(folder, head, [below]) if head else ()
        changed = [each for each in committed if each.path.endswith(".yaml") and _is_changed(folder, each)]
        if not changed or len(changed) > _MOST_FILES:
            return {}
        texts = git.contents(folder, changed)
    except OSError:
        return {}
    return {
        each.path: text.decode("utf-8", "replace")
        for each, text in zip(changed, texts, strict=True)
        if text is not None
    }


def _is_changed(folder: Path, file: GitFile) -> bool:
    """Whether the file is another one now: git's name for a content is its hash."""
    if not file.mode.startswith(git.FILE) or file.size > MAX_BYTES:
        return False
    content = read_project_file(folder / file.path, file.path, folder)
    if not isinstance(content, bytes):
        return True
    hashed = hashlib.sha1 if len(file.id) == 40 else hashlib.sha256
    return hashed(b"blob %d\0" % len(content) + content).hexdigest() != file.id
