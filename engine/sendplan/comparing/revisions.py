"""Another state of a project's rules: a git revision or a folder, read without touching the working tree."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sendplan import git
from sendplan.git import GitFile
from sendplan.problems import Exit, Problem, UserError
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.project.project_folder import FILE, TEMPLATES
from sendplan.reading.project_file import MAX_BYTES

PARTS = (FILE, "rules", TEMPLATES)
"""What of a project says what is sent."""
_MOST_FILES = 10_000


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
    """Write the project as the revision has it into an empty folder, links as links."""
    try:
        commit = git.commit_of(folder, revision)
        if commit is None:
            help_ = "give a commit, branch or tag (`main`, `HEAD~1`), or a folder with another state of the project"
            raise _unusable(f"`{revision}` is neither a folder nor a git revision of {folder}", help_)
        files, links = _listed(folder, commit)
        if FILE not in {*(each.path for each in files), *(path for path, _ in links)}:
            raise _unusable(f"revision `{revision}` has no {FILE} in this folder", "give a later revision")
        small = [each for each in files if each.size <= MAX_BYTES]
        texts = dict(zip(small, git.contents(folder, small), strict=True))
    except FileNotFoundError:
        raise _unusable("git is not installed, so no revision can be read", "give a folder instead") from None
    for file in files:
        # One that is too large to be read is only there to be told.
        text = texts.get(file) if file in texts else bytes(MAX_BYTES + 1)
        if text is None:
            message = f"this clone lacks `{file.path}` of revision `{revision}`"
            raise _unusable(message, "fetch the whole history: git fetch --refetch")
        path = to / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    # Last, so that no file is ever written through one; reading them refuses what leads out of the folder.
    for name, target in links:
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(path):
            path.symlink_to(target)


def _listed(folder: Path, commit: str) -> tuple[list[GitFile], list[tuple[str, str]]]:
    """The project's files, also those that links among them lead to; and the links, each with its target."""
    files: dict[str, GitFile] = {}
    links: dict[str, str] = {}
    wanted = list(PARTS)
    while wanted:
        found = [each for each in git.files_at(folder, commit, wanted) if each.path not in {*files, *links}]
        if len(files) + len(found) > _MOST_FILES:
            raise _unusable(f"{commit[:12]} holds more than {_MOST_FILES:,} files of rules and templates")
        files |= {each.path: each for each in found if each.mode != git.LINK}
        fresh = [each for each in found if each.mode == git.LINK]
        targets = [os.fsdecode(text or b"") for text in git.contents(folder, fresh)]
        links |= {each.path: target for each, target in zip(fresh, targets, strict=True)}
        inside = (
            posixpath.normpath(posixpath.join(posixpath.dirname(each.path), target))
            for each, target in zip(fresh, targets, strict=True)
        )
        wanted = [path for path in inside if not path.startswith(("/", "..")) and path != "."]
    return list(files.values()), list(links.items())


def _unusable(message: str, help_: str = "give an earlier revision") -> UserError:
    return UserError(Problem("unknown-revision", message, None, help_), Exit.USAGE)
