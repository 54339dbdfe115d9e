"""Comments behind expressions: a blank before `#` makes YAML drop the rest of the line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sendplan.lint.subject import Subject, warning
from sendplan.problems import Problem
from sendplan.project.project_folder import FILE
from sendplan.reading.source import Document, KeyPath

_OPERATOR = re.compile(
    r"\+|[=!<>]=|[<>]|(?<!\S)-\s*(?:\d|params\.)|^(?:-|and|or|not|in|has|is|if|else)(?!\S)|\b(?:max|min|sent)\("
)
"""What looks like the rest of an expression, and not like prose."""
_EXPRESSIONS = ("trigger", "due")


def cut_expressions(subject: Subject) -> Iterator[Problem]:
    """An expression whose rest may have become a comment."""
    for rule in subject.project.rules:
        document, path = subject.places[rule.id]
        yield from _cut(document, [(*path, key) for key in _EXPRESSIONS])
        if rule.ladder:
            count = len(subject.written(rule)["ladder"]["steps"])
            yield from _cut(document, [(*path, "ladder", "steps", number, "trigger") for number in range(count)])
    settings, written = subject.project.settings, subject.project.documents[FILE]
    yield from _cut(written, [("holds", hold.name, "when") for hold in settings.holds])
    yield from _cut(written, [("classes", name, "requires") for name in settings.classes])


def _cut(document: Document, paths: list[KeyPath]) -> Iterator[Problem]:
    for path in paths:
        found = document.comment_after(path)
        if found is None or not _OPERATOR.search(found[0]) or found[0].startswith("sendplan:"):
            continue
        message = "what stands behind ` #` is a comment, no part of the expression"
        yield warning(
            "expression-cut", message, found[1], "leave the `#` away, or put the comment on a line of its own"
        )
