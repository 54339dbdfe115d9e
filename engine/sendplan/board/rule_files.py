"""The project's files, read-only: what is wrong in them with frames, and the scenarios that do not hold."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sendplan.board.board import Board
from sendplan.board.guard import SEEN
from sendplan.comparing.diff import ChangeKind
from sendplan.problems import UserError
from sendplan.project.project_folder import FILE

_SHOWN = (FILE, "rules/*.yaml", "templates/**/*.md", "templates/layout.html", "mappings/*.yaml")


_MOST_CHANGES = 10


def rules(board: Board, request: Request) -> Response:
    """Every rule and file, with what is wrong; a page that looks for news gets the problems first."""
    if SEEN not in request.headers:
        board.wait_for(request, board.current.difference, board.current.failed_tests)
    files = board.current.files()
    difference, failed = board.current.difference(seconds=0), board.current.failed_tests(seconds=0)
    wrong: dict[str, int] = {}
    for problem in files.problems:
        if problem.span is not None:
            wrong[problem.span.file] = wrong.get(problem.span.file, 0) + 1
    return board.page(
        request,
        "rules.html",
        rules=files.project.rules,
        problems=sorted(files.problems, key=lambda each: (not each.is_error, str(each.span))),
        names=_names(board),
        difference=None if isinstance(difference.value, UserError) else difference.value,
        is_compared=difference.is_present,
        kinds=list(ChangeKind),
        most=_MOST_CHANGES,
        failed=failed.value,
        is_played=failed.is_present,
        wrong=wrong,
    )


def tests(board: Board, request: Request) -> Response:
    """The scenarios and snapshots that do not hold; they are played when this is asked for."""
    return board.page(request, "tests.html", failed=board.current.failed_tests().value)


def file(board: Board, request: Request) -> Response:
    """One file with its problems; it is edited in an editor, not here."""
    name = request.query_params.get("name", "")
    if name not in _names(board):
        raise HTTPException(404)
    text = (board.current.folder / name).read_text(encoding="utf-8", errors="replace")
    problems = [each for each in board.current.files().problems if each.span is not None and each.span.file == name]
    return board.page(
        request,
        "file.html",
        name=name,
        lines=text.splitlines(),
        problems=problems,
        wrong={each.span.line for each in problems if each.span is not None},
    )


def _names(board: Board) -> list[str]:
    """The files that a page may show, relative to the project's folder; none outside it."""
    folder = board.current.folder.resolve()
    found = sorted({path for pattern in _SHOWN for path in folder.glob(pattern)})
    return [_name(path, folder) for path in found if path.is_file() and path.resolve().is_relative_to(folder)]


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
