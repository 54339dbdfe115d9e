"""Scenario and snapshot files as they are written, read and checked against their schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sendplan.dataclass import dataclass
from sendplan.problems import Problem
from sendplan.reading.schemas import validated
from sendplan.reading.source import Document, load


@dataclass(frozen=True, slots=True)
class WrittenTest:
    """A file that says what it shows under the name of its kind: `scenario: TITLE`."""

    title: str
    """The file's name, where there is none."""
    document: Document | None
    """None when it cannot be played; `problems` say why."""
    data: Any = None
    problems: tuple[Problem, ...] = ()


def read_test_file(path: Path, name: str, kind: str, project: Path | None) -> WrittenTest:
    """A file of the kind `scenario` or `snapshot`, shown as `name`."""
    document, problems = load(path, name, project)
    if document is None:
        return WrittenTest(path.stem, None, problems=tuple(problems))
    data, schema_problems = validated(document, kind)
    problems += schema_problems
    title = str(data.get(kind, path.stem)) if isinstance(data, dict) else path.stem
    if any(problem.is_error for problem in problems):
        return WrittenTest(title, None, problems=tuple(problems))
    return WrittenTest(title, document, data)
