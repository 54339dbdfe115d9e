"""Another state of a project's rules: a git revision or a folder, read without touching the working tree."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sendplan.problems import Exit, Problem, UserError
from sendplan.project import project as projects
from sendplan.project.project import TEMPLATES, Project
from sendplan.project.settings_file import FILE

PARTS = (FILE, "rules", TEMPLATES)
"""What of a project says what is sent."""


@contextmanager
def project_at(folder: Path, revision: str) -> Iterator[Project]:
    """The project in `folder` as `revision` has it: a folder's path, or anything that git takes for a commit.

    Its `settings.folder` is gone when the block ends. Raises UserError when there is no such state, or it cannot be
    loaded.
    """
    named = Path(revision)
    if (named / FILE).is_file():
        yield _loaded(named.resolve(), revision)
    elif named.is_dir():
        raise _unusable(f"`{revision}` does not contain {FILE}", "give a project's folder or a git revision")
    else:
        with TemporaryDirectory(prefix="sendplan-") as temporary:
            _extract(folder, revision, Path(temporary))
            yield _loaded(Path(temporary), revision)


def broken_there(project: Project, revision: str) -> list[str]:
    """A sentence for each rule that the revision has, but that cannot be used."""
    return [f"{each.id} cannot be used as {revision} has it: {each.problem.message}" for each in project.broken]


def _loaded(folder: Path, revision: str) -> Project:
    project, problems = projects.load(folder)
    if project is not None:
        return project
    # Without the revision, the places would read as places of the working tree.
    raise UserError(
        replace(each, span=replace(each.span, file=f"{revision}:{each.span.file}") if each.span else None)
        for each in problems
        if each.is_error
    )


def _extract(folder: Path, revision: str, to: Path) -> None:
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        help_ = "give a commit, branch or tag (`main`, `HEAD~1`), or a folder with another state of the project"
        raise _unusable(f"`{revision}` is neither a folder nor a git revision of {folder}", help_)
    listed = _git(folder, "ls-tree", "--name-only", commit.decode().strip(), "--", *PARTS)
    present = (listed or b"").decode().split()
    if FILE not in present:
        raise _unusable(f"revision `{revision}` has no {FILE} in this folder", "give a later revision")
    archive = _git(folder, "archive", "--format=tar", commit.decode().strip(), "--", *present)
    assert archive is not None, "git lists files that it cannot archive"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                target = to / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints, or None when it refuses."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise _unusable("git is not installed, so no revision can be read", "give a folder instead") from None
    return done.stdout if done.returncode == 0 else None


def _unusable(message: str, help_: str) -> UserError:
    return UserError(Problem("unknown-revision", message, None, help_), Exit.USAGE)
