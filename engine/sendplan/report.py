"""Problems as people, programs and GitHub read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sendplan.problems import Problem, Severity
from sendplan.text import clean, counted

_COLORS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m"}
_RESET = "\x1b[0m"


def problems_text(problems: Iterable[Problem], color: bool) -> str:
    """Each problem with place, frame and help, by file and line; the last line counts them."""
    ordered = _ordered(problems)
    return "\n\n".join([*(_paragraph(problem, color) for problem in ordered), _count(ordered)])


def problems_json(problems: Iterable[Problem]) -> dict[str, Any]:
    """`{"problems": […], "errors": n, "warnings": n}`, by file and line; lines and columns count from 1."""
    ordered = _ordered(problems)
    return {
        "problems": [
            {
                "code": problem.code,
                "severity": problem.severity.value,
                "message": problem.message,
                "file": problem.span.file if problem.span else None,
                "line": problem.span.line if problem.span else None,
                "column": problem.span.column if problem.span else None,
                "frame": problem.frame() or None,
                "help": problem.help or None,
            }
            for problem in ordered
        ],
        "errors": sum(problem.is_error for problem in ordered),
        "warnings": sum(not problem.is_error for problem in ordered),
    }


def problems_github(problems: Iterable[Problem]) -> str:
    """One workflow command a problem, which GitHub shows beside the line; empty without problems."""
    return "\n".join(map(_annotation, _ordered(problems)))


def _ordered(problems: Iterable[Problem]) -> list[Problem]:
    def place(problem: Problem) -> tuple[str, int, int]:
        return (problem.span.file, problem.span.line, problem.span.column) if problem.span else ("", 0, 0)

    return sorted(problems, key=place)


def _paragraph(problem: Problem, color: bool) -> str:
    where = f"{problem.span}: " if problem.span else ""
    kind = f"{problem.severity.value}[{problem.code}]"
    if color:
        kind = f"{_COLORS[problem.severity]}{kind}{_RESET}"
    lines = [f"{clean(where)}{kind} {clean(problem.message)}"]
    if frame := problem.frame():
        lines += [f"  {clean(line)}" for line in frame.split("\n")]
    if problem.help:
        lines.append(f"  help: {clean(problem.help)}")
    return "\n".join(lines)


def _count(problems: list[Problem]) -> str:
    if not problems:
        return "no problems found"
    counts = Counter(problem.severity for problem in problems)
    return ", ".join(counted(counts[severity], severity.value) for severity in Severity if counts[severity])


def _annotation(problem: Problem) -> str:
    properties = {"title": problem.code}
    if problem.span:
        span = problem.span
        properties = {"file": span.file, "line": str(span.line), "col": str(span.column), **properties}
    given = ",".join(f"{name}={_escaped(value, property=True)}" for name, value in properties.items())
    message = f"{problem.message}\n{problem.help}" if problem.help else problem.message
    return f"::{problem.severity.value} {given}::{_escaped(message)}"


def _escaped(text: str, *, property: bool = False) -> str:
    """GitHub's escapes for workflow commands; a property also escapes the signs that end it."""
    text = clean(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))
    return text.replace(":", "%3A").replace(",", "%2C") if property else text
