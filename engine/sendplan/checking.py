"""Everything that `check` looks at, in one list: settings, rules, templates; `ignore` comments are honoured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.problems import Problem, Severity
from sendplan.project import project as projects
from sendplan.project.project import Project
from sendplan.project.project_folder import FILE, TEMPLATES
from sendplan.reading.source import Document

if TYPE_CHECKING:
    from sendplan.templates import Templates


def check(folder: Path) -> list[Problem]:
    """All problems of a project's folder, errors and warnings."""
    return examine(folder, lambda paths: None)


def examine(folder: Path, beside: Callable[[Mapping[Path, bool]], None]) -> list[Problem]:
    """All problems, as `check` tells them.

    Before they are looked at, `beside` is told the paths outside the project's own folders on which they depend, and
    whether by what is in them; it is not called when nobody knows them, since the settings cannot be used.
    """
    from sendplan.lint import lint, read_subject
    from sendplan.templates import Templates

    project, problems = projects.load(folder, thorough=True)
    if project is None:
        return problems
    beside(dict(_looked_at(project)))
    templates = Templates(folder / TEMPLATES, project.settings)
    problems += templates.check()
    problems += _attached(project, templates)
    problems += _imports(project)
    problems += _shared_fields(project)
    if not any(problem.is_error for problem in problems):
        # With a rule broken nobody can tell what is unused, or what the others do.
        problems += lint(read_subject(project))
    return list(_not_ignored(problems, project.documents))


def _looked_at(project: Project) -> Iterator[tuple[Path, bool]]:
    """The paths that the settings and rules name, and whether their content matters or only what is there."""
    settings = project.settings
    for sender in settings.senders.values():
        if sender.ca_file is not None:
            yield sender.ca_file, True  # It was there when the settings were read.
    if settings.attachments:
        folder = settings.folder / settings.attachments
        yield folder, False
        for rule in project.rules:
            yield from ((folder / each.source, False) for each in rule.attach)
    for source in settings.imports:
        # Without a mapping the file's own header says what it writes.
        yield source.file, source.mapping is None
        if source.mapping is not None:
            yield source.mapping, True


def _attached(project: Project, templates: Templates) -> Iterable[Problem]:
    """What is wrong with the names of files to attach, and a file that is the same for everybody and not there."""
    settings = project.settings
    folder = settings.folder / settings.attachments
    if settings.attachments and not folder.is_dir():
        where = project.documents[FILE].span(("attachments",))
        help_ = "make it: mails with attachments stay open until their files are there"
        yield Problem("file-missing", f"there is no folder `{settings.attachments}`", where, help_, Severity.WARNING)
    for each in dict.fromkeys(each for rule in project.rules for each in rule.attach):
        wrong = templates.check_file_name(each.source)
        yield from (replace(problem, span=each.span) for problem in wrong)
        if folder.is_dir() and "{" not in each.source and not (folder / each.source).is_file():
            message = f"there is no file `{settings.attachments}/{each.source}`"
            help_ = "its mails stay open until it is there"
            yield Problem("file-missing", message, each.span, help_, Severity.WARNING)


def _imports(project: Project) -> Iterable[Problem]:
    """The files under `imports:` that are not there, and what is wrong in their mappings."""
    settings, document = project.settings, project.documents[FILE]
    for source in settings.imports:
        place = document.data["imports"][source.name]
        if not source.file.exists():
            message = f"there is no file `{place['file']}`"
            help_ = "a run would tell so and go on without it; look whether whatever writes it does"
            where = document.span(("imports", source.name, "file"))
            yield Problem("file-missing", message, where, help_, Severity.WARNING)
        if source.mapping is None:
            continue
        if not source.mapping.exists():
            where = document.span(("imports", source.name, "mapping"))
            yield Problem("file-missing", f"there is no file `{place['mapping']}`", where, "paths begin at this folder")
            continue
        from sendplan.importing.mapping_file import read_mapping

        for problem in read_mapping(source.mapping, settings, source.file)[1]:
            span = problem.span and replace(problem.span, file=place["mapping"])
            yield replace(problem, span=span)


def _shared_fields(project: Project) -> Iterable[Problem]:
    """Fields on which mail depends, and which two files under `imports:` write for the same orders."""
    from sendplan.importing.shared_fields import clashes

    settings, document = project.settings, project.documents[FILE]
    for first, second, fields in clashes(settings):
        one, other = (first, second) if second.matches else (second, first)
        named = ", ".join(f"`{each}`" for each in fields)
        mapping = next((each.mapping for each in settings.imports if each.name == one.name), None)
        where = f"`{shown_path(mapping, settings.folder)}`" if mapping else f"the file of `{one.name}`"
        if other.matches:
            effect = "until then an empty cell of one clears nothing, and it is as old as the older of both files"
            help_ = f"leave {named} out of {where}, so that the other alone says it; {effect}"
        else:
            help_ = (
                "say by `accounts:` in each mapping whose orders it has, or leave it out of one: an empty cell of one "
                "clears what the other brought, and either file makes it fresh"
            )
        message = f"the imports `{first.name}` and `{second.name}` both write {named}, perhaps of the same orders"
        place = document.key_span(("imports", second.name))
        yield Problem("shared-field", message, place, help_, Severity.WARNING)


def shown_path(path: Path, folder: Path) -> str:
    """A path as the settings name it."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _not_ignored(problems: Iterable[Problem], documents: Mapping[str, Document]) -> Iterable[Problem]:
    """Without the warnings that a comment on their line asks to ignore; an error cannot be ignored."""
    for problem in problems:
        document = documents.get(problem.span.file) if problem.span else None
        ignore = document.ignores.get(problem.span.line) if document and problem.span else None
        if problem.is_error or ignore is None or problem.code not in ignore.codes:
            yield problem
