"""Everything that `check` looks at, in one list: settings, rules, templates; `ignore` comments are honoured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sendplan.problems import Problem
from sendplan.project import project as projects
from sendplan.reading.source import Document


def check(folder: Path) -> list[Problem]:
    """All problems of a project's folder, errors and warnings."""
    from sendplan.lint import lint, read_subject
    from sendplan.templates import Templates

    project, problems = projects.load(folder, thorough=True)
    if project is None:
        return problems
    problems += Templates(folder / projects.TEMPLATES, project.settings).check()
    if not any(problem.is_error for problem in problems):
        # With a rule broken nobody can tell what is unused, or what the others do.
        problems += lint(read_subject(project))
    return list(_not_ignored(problems, project.documents))


def _not_ignored(problems: Iterable[Problem], documents: Mapping[str, Document]) -> Iterable[Problem]:
    """Without the warnings that a comment on their line asks to ignore; an error cannot be ignored."""
    for problem in problems:
        document = documents.get(problem.span.file) if problem.span else None
        ignore = document.ignores.get(problem.span.line) if document and problem.span else None
        if problem.is_error or ignore is None or problem.code not in ignore.codes:
            yield problem
