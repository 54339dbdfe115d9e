"""A template file: front matter and Markdown, with a place for every problem in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, Span, did_you_mean
from sendplan.reading import source
from sendplan.reading.project_file import read_project_file

_FENCE = "---"
_KEYS = ("subject",)
_INLINE_TAG_END = re.compile(r"(?<![-+])%\}[ \t]*$")


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """A file's text in its parts."""

    file: str
    """The name that is shown: `templates/first-contact.de.md`."""
    lines: tuple[str, ...]
    subject: str
    """Empty for a part and for the layout, which have none."""
    body: str
    """Jinja; preceded by empty lines, so that its lines count like the file's."""

    def locate(self, line: int, pattern: str = "") -> Span:
        """A line (from 1), narrowed to the first match of a regular expression in it."""
        line = min(max(line, 1), len(self.lines))
        text = self.lines[line - 1]
        whole = Span(self.file, line, 1, len(text) + 1, text)
        match = re.search(pattern, text) if pattern else None
        if match is None:
            indent = len(text) - len(text.lstrip())
            return whole.narrowed(indent, len(text))
        return whole.narrowed(match.start(), match.end())

    @property
    def subject_line(self) -> int:
        """The line (from 1) of the subject."""
        return next((n for n, line in enumerate(self.lines, 1) if re.match(r"['\"]?subject['\"]?\s*:", line)), 1)


def is_part(path: str) -> bool:
    """Whether a file is only for `{% include %}`: its name begins with `_`, and it has no front matter."""
    return path.rsplit("/", 1)[-1].startswith("_")


def read_template(folder: Path, path: str) -> tuple[TemplateSource, list[Problem]]:
    """The file `path` below `folder` in its parts, and what is wrong with them."""
    file = f"{folder.name}/{path}"
    raw = read_project_file(folder / path, file, folder.parent)
    if isinstance(raw, Problem):
        return _broken(file, raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 (byte {error.start + 1})"
        return _broken(file, Problem("yaml-encoding", message, Span(file, 1, 1, 2), "save it as UTF-8"))
    lines = tuple(re.split("\r\n|\r|\n", text))
    if is_part(path) or not path.endswith(".md"):
        # A part ends its last line, so that an empty line behind `{% include %}` still is one.
        return TemplateSource(file, lines, "", _body(lines).removesuffix("\n") + "\n"), []
    return _split(file, lines)


def _split(file: str, lines: tuple[str, ...]) -> tuple[TemplateSource, list[Problem]]:
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if lines[0].rstrip() != _FENCE or end is None:
        help_ = "begin the file with `---`, a line `subject: …` and `---`"
        problem = Problem("template-subject", "the front matter is missing", Span(file, 1, 1, 2, lines[0]), help_)
        return TemplateSource(file, lines, "", "\n".join(lines)), [problem]
    document, problems = source.parse("\n".join(("", *lines[1:end], "")), file)
    data = document.data if document is not None else {}
    if document is not None:
        problems += _front_matter_problems(document, file, lines)
    subject = data.get("subject") if isinstance(data, Mapping) else None
    body = "\n" * (end + 1) + _body(lines[end + 1 :])
    return TemplateSource(file, lines, str(subject) if isinstance(subject, str) else "", body), problems


def _body(lines: Iterable[str]) -> str:
    """The lines, keeping the line end after a tag that stands behind text.

    The environment drops the line end after every tag, so that a tag on a line of its own leaves no empty line, which
    would end a table or a paragraph. Behind text that would glue two words together; `+%}` keeps it there.
    """
    return "\n".join(_INLINE_TAG_END.sub("+%}", line) if _has_text(line) else line for line in lines)


def _has_text(line: str) -> bool:
    outside = re.sub(r"\{%.*?%\}", "", line).strip()
    return bool(outside) and "%}" not in outside


def _front_matter_problems(document: source.Document, file: str, lines: tuple[str, ...]) -> list[Problem]:
    data = document.data
    if not isinstance(data, Mapping):
        return [Problem("template-subject", "the front matter must be `subject: …`", document.span(()))]
    problems = [
        Problem("unknown-key", f"front matter has no key `{key}`", document.key_span((key,)), did_you_mean(key, _KEYS))
        for key in data
        if key not in _KEYS
    ]
    subject = data.get("subject")
    if not isinstance(subject, str) or not subject.strip():
        span = document.span(("subject",)) if "subject" in data else Span(file, 1, 1, 4, lines[0])
        help_ = 'write `subject: "…"`; a text that begins with `{` needs the quotes'
        return [*problems, Problem("template-subject", "the subject is missing", span, help_)]
    span = document.span(("subject",))
    if span.text[span.end_column - 1 :].lstrip().startswith("#"):
        message = "YAML takes the rest of this line for a comment"
        cut = Span(file, span.line, span.end_column, len(span.text) + 1, span.text)
        problems.append(Problem("template-subject", message, cut, "put the whole subject in quotes"))
    return problems


def _broken(file: str, problem: Problem) -> tuple[TemplateSource, list[Problem]]:
    return TemplateSource(file, ("",), "", ""), [problem]
