"""A project and what `check` said of it, kept for as long as nothing changed on which they depend.

Both are kept (docs/project.md#the-cache) under everything that was read for them: the content of each file, the last
commit, this version of sendplan, of Python and of its libraries. In the least doubt the project is read anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sendplan import resources, user_cache
from sendplan.problems import Problem, Severity, Span
from sendplan.project.project_folder import FILE, RULES, SCENARIOS, TEMPLATES

if TYPE_CHECKING:
    from hashlib import _Hash

    from sendplan.project.project import Project

_LAYOUT = 1
"""Raised when answers are written in another way."""
_AT_ONCE = 1 << 18
"""Bytes of a file that are read at once."""
_MOST = 64
"""Projects of which an answer is kept."""
_VARIABLES = ("HOME", "XDG_STATE_HOME")


def load(folder: Path) -> tuple[Project | None, list[Problem]]:
    """A project and everything wrong with it, as `project.load` reads them, without its documents."""
    name = f"project-{_hashed(folder)}"
    key = _fingerprint(folder, (FILE, RULES, TEMPLATES))
    kept = _read_project(name, key) if key is not None else None
    if kept is not None:
        return kept
    from sendplan.project import project as projects

    project, problems = projects.load(folder)
    if project is None:
        return None, problems
    project = replace(project, documents={})
    files = [each.ca_file for each in project.settings.senders.values() if each.ca_file is not None]
    states = _states((file, True) for file in files)
    if key is not None and states is not None and key == _fingerprint(folder, (FILE, RULES, TEMPLATES)):
        from sendplan import packing

        packed = packing.packed((key, states, project, problems))
        if packed is not None:
            user_cache.keep(name, packed, at_most=_MOST)
    return project, problems


def _read_project(name: str, key: str) -> tuple[Project, list[Problem]] | None:
    from sendplan import packing

    with suppress(OSError):
        match packing.unpacked(user_cache.read_own(name)):
            case (kept, states, project, problems) if kept == key and _unchanged(states):
                return project, problems
    return None


def _hashed(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]


def check(folder: Path) -> list[Problem]:
    """All problems of a project's folder, as `checking.check` finds them."""
    name = f"check-{_hashed(folder)}.json"
    key = _key(folder)
    kept = _read(name, key) if key is not None else None
    if kept is not None:
        return kept
    from sendplan import checking

    seen: list[_States | None] = []
    problems = checking.examine(folder, lambda paths: seen.append(_states(paths.items())))
    # What was changed in the meantime may have been read before or after.
    if key is not None and seen and seen[0] is not None and _unchanged(seen[0]) and key == _key(folder):
        told = {"key": key, "beside": seen[0], "problems": [_plain(each) for each in problems]}
        user_cache.keep(name, json.dumps(told).encode(), at_most=_MOST)
    return problems


_States: TypeAlias = "list[tuple[str, bool, str]]"
"""Path, whether its content matters, and what is there."""


def _read(name: str, key: str) -> list[Problem] | None:
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        told = json.loads(user_cache.read_own(name))
        if told["key"] == key and _unchanged(told["beside"]):
            return [_restored(each) for each in told["problems"]]
    return None


def _plain(problem: Problem) -> list[Any]:
    span = problem.span
    place = None if span is None else [span.file, span.line, span.column, span.end_column, span.text]
    return [problem.code, problem.message, place, problem.help, problem.severity]


def _restored(kept: list[Any]) -> Problem:
    code, message, place, help_, severity = kept
    return Problem(code, message, None if place is None else Span(*place), help_, Severity(severity))


class _DoubtError(Exception):
    """Something of which two looks may see different things, such as a link or a pipe."""


def _key(folder: Path) -> str | None:
    """A hash of everything in the project's own folders, and of what reads them; None in doubt."""
    from sendplan import git

    try:
        head = git.commit_of(folder, "HEAD")
    except FileNotFoundError:
        head = None
    return _fingerprint(folder, (FILE, RULES, TEMPLATES, SCENARIOS), head)


def _fingerprint(folder: Path, names: tuple[str, ...], *further: str | None) -> str | None:
    given = [_LAYOUT, os.fsdecode(folder), *further, *map(os.environ.get, _VARIABLES), *_engine()]
    hashed = hashlib.sha256(json.dumps(given).encode())
    try:
        for name in names:
            _add(hashed, os.path.join(folder, name))
    except (OSError, _DoubtError):
        return None
    return hashed.hexdigest()


def _add(hashed: _Hash, path: str) -> None:
    """The name and content of a file, or of everything below a folder."""
    if not os.path.lexists(path):
        hashed.update(b"%b\0nothing\0" % os.fsencode(path))
    elif stat.S_ISDIR(os.lstat(path).st_mode):
        _add_folder(hashed, path)
    else:
        _add_file(hashed, path)


def _add_folder(hashed: _Hash, path: str) -> None:
    with os.scandir(path) as entries:
        below = sorted((each.name, each.is_dir(follow_symlinks=False)) for each in entries)
    hashed.update(b"%b\0%d folder\0" % (os.fsencode(path), len(below)))
    for name, is_folder in below:
        (_add_folder if is_folder else _add_file)(hashed, f"{path}/{name}")


def _add_file(hashed: _Hash, path: str) -> None:
    hashed.update(b"%b\0%b\0" % (os.fsencode(path), _content(path).encode()))


def _content(path: str) -> str:
    """A hash of what a regular file holds, which no link stands for."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise _DoubtError(path)
        hashed = hashlib.sha256()
        while part := os.read(file, _AT_ONCE):
            hashed.update(part)
        return hashed.hexdigest()
    finally:
        os.close(file)


def _engine() -> Iterator[Any]:
    """What reads the project: the engine's files and those that come with it, this Python, and its libraries."""
    yield sys.version
    for folder in sys.path:
        # Whatever installs or removes a library changes the folder itself.
        if folder.endswith("-packages"):
            with suppress(OSError):
                yield [folder, os.stat(folder).st_mtime_ns]
    for path in (Path(__file__).parent, resources.shipped() / "schemas", resources.shipped() / "mappings"):
        yield from _dates(str(path))


def _dates(folder: str) -> Iterator[Any]:
    with os.scandir(folder) as entries:
        for each in sorted(entries, key=lambda each: each.name):
            if not each.is_dir():
                found = each.stat()
                yield [each.path, found.st_size, found.st_mtime_ns]
            elif each.name != "__pycache__":
                yield from _dates(each.path)


def _unchanged(states: _States) -> bool:
    return _states((path, content) for path, content, _ in states) == [tuple(each) for each in states]


def _states(paths: Iterable[tuple[str | Path, bool]]) -> _States | None:
    """What is at these paths; None in doubt, and when nothing can be read where the content matters."""
    try:
        return [(str(path), content, _state(str(path), content)) for path, content in paths]
    except (OSError, _DoubtError):
        return None


def _state(path: str, content: bool) -> str:
    real = os.path.realpath(path)
    if content:
        return f"{_content(real)} in {real}"
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return f"error {error.errno}"
    return f"kind {stat.S_IFMT(mode)} in {real}"
