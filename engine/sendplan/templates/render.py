"""`templates/`: checks every file, and renders one for one order."""

from __future__ import annotations

import os
import re
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, Environment, Template, UndefinedError
from markupsafe import Markup

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, Severity, Span, UserError, did_you_mean
from sendplan.project import languages
from sendplan.project.settings import Settings
from sendplan.templates.analysis import Analysis
from sendplan.templates.localise import Localiser, PrintError, is_known
from sendplan.templates.sandbox import LAYOUT, RENDERING, LimitError, MailEnvironment, Rendering, RenderLimits
from sendplan.templates.template_source import TemplateSource, is_part, read_template
from sendplan.templates.values import Context, Namespace, Personal, known_fields, namespace

if TYPE_CHECKING:
    from css_inline import CSSInliner

_BARE_LAYOUT = (
    '<!DOCTYPE html>\n<html lang="{{ language }}">\n<head><meta charset="utf-8"><title>{{ subject }}</title>\n'
    "<style>img { max-width: 100%; } a.button { font-weight: bold; }</style></head>\n"
    "<body>\n{{ content }}</body>\n</html>\n"
)
"""For a project without a `layout.html`."""


class TemplateError(UserError):
    """A template cannot give this mail; `problems` say why and where."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail's content."""

    subject: str
    text: str
    html: str
    language: str
    """BCP 47."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    source: TemplateSource
    problems: tuple[Problem, ...]
    subject: Template | None
    """None for a part and the layout; both are None while there are problems."""
    body: Template | None


class Templates:
    """The files of `templates/`, each read and compiled once; safe to use from several threads."""

    def __init__(self, folder: Path, settings: Settings, limits: RenderLimits = RenderLimits()) -> None:  # noqa: B008
        self._folder = folder
        self._settings = settings
        self._limits = limits
        self._paths = languages.listing(folder)
        self._environment = MailEnvironment(_Loader(self))
        self._known = known_fields(settings)
        self._compiled: dict[str, _Compiled] = {}
        self._file_names: dict[str, tuple[Template, TemplateSource]] = {}
        """File names to attach, as they are written."""
        self._lock = threading.RLock()

    def check(self) -> list[Problem]:
        """Everything that is wrong with any file: front matter, syntax, names, unknown fields."""
        paths = sorted(self._paths) + [LAYOUT] * os.path.lexists(self._folder / LAYOUT)
        misplaced = [problem for path in paths if path != LAYOUT for problem in self._name_problems(path)]
        usable = [path for path in paths if path == LAYOUT or is_part(path) or languages.language_of(path)]
        return [*misplaced, *(problem for path in usable for problem in self._load(path).problems)]

    def _name_problems(self, path: str) -> Iterator[Problem]:
        """Files that no lookup ever finds."""
        account, _, _ = path.rpartition("/")
        file = f"{self._folder.name}/{path}"
        if account and account not in self._settings.account_names:
            help_ = did_you_mean(account, self._settings.accounts)
            yield _warning(f"`{file}` is never used: there is no account `{account}`", file, help_)
        if is_part(path):
            return
        language = languages.language_of(path)
        if language is None:
            yield _warning(f"`{file}` is never used", file, "call it `NAME.LANG.md`, as in `first-contact.de.md`")
        elif not is_known(language):
            yield _warning(f"the language `{language}` is unknown: money and dates print in English", file)

    def render(self, path: str, language: str, context: Context) -> Rendered:
        """The mail for one order; `path` and `language` come from `languages.choose`.

        Raises TemplateError for a file with problems, for a field that is printed but missing, and beyond the limits.
        """
        from sendplan.templates import markdown, plaintext

        compiled = self._usable(path)
        names = namespace(context, self._settings.fields, self._settings.calendar.zone)
        currency = context.facts.values.get("currency")
        rendering = Rendering(Localiser(language, currency if isinstance(currency, str) else None), self._limits)
        with self._problems_of(compiled.source):
            assert compiled.subject is not None
            assert compiled.body is not None
            subject = self._run(compiled.subject, names, rendering).lstrip("\n")
            subject = re.sub(" +", " ", markdown.fill_text(subject, rendering.printed)).strip(" ")
            body = self._run(compiled.body, names, rendering)
            rendering.readable(body)
            document = markdown.parse(body, rendering.tick)
            text, values = plaintext.to_text(document.tree, rendering.printed), document.values(rendering.printed)
            rendering.tick()
        content = {"content": Markup(document.html), "subject": Personal(subject), "language": language}
        html = self._page({**names, **content}, replace(rendering, printed=values, size=0))
        return Rendered(subject, text, html, language)

    def file_name(self, source: str, language: str, context: Context) -> str:
        """The name of a file to attach, which is a template of one line; raises TemplateError like `render`.

        What an order holds stays within one part of the path: a value with a slash is refused.
        """
        from sendplan.templates.markdown import fill_text

        template, read = self._file_name(source)
        names = namespace(context, self._settings.fields, self._settings.calendar.zone)
        rendering = Rendering(Localiser(language), self._limits)
        with self._problems_of(read):
            made = self._run(template, names, rendering)
            strange = [each.text for each in rendering.printed if not each.trusted and re.search(r"[/\\]", each.text)]
            if strange:
                raise PrintError(f'`{strange[0]}` contains a slash, write `| replace("/", "-")` behind the field')
            return fill_text(made, rendering.printed)

    def check_file_name(self, source: str) -> list[Problem]:
        """What is wrong with the name of a file to attach; the places are in the name itself."""
        try:
            self._file_name(source)
        except TemplateError as error:
            return list(error.problems)
        return []

    def _file_name(self, source: str) -> tuple[Template, TemplateSource]:
        with self._lock:
            if source not in self._file_names:
                read = TemplateSource(source, (source,), "", source)
                analysis = Analysis(self._environment, self._known, frozenset(), read)
                template = analysis.file_name()
                if template is None:
                    raise TemplateError(analysis.problems)
                self._file_names[source] = template, read
            return self._file_names[source]

    def _page(self, names: Namespace, rendering: Rendering) -> str:
        """The layout around the content: the same for most mails, but for the values."""
        from sendplan.templates import markdown

        layout = self._usable(LAYOUT)
        with self._problems_of(layout.source):
            assert layout.body is not None
            merchant = {name: value for name, value in names.items() if name != "order"}
            page = inline_css(self._run(layout.body, merchant, rendering))
            return markdown.fill_text(page, rendering.printed)

    def _run(self, template: Template, names: Namespace, rendering: Rendering) -> str:
        chunks = []
        for chunk in template.generate({**names, RENDERING: rendering}):
            rendering.emit(len(chunk))
            chunks.append(chunk)
        return "".join(chunks)

    def body_of(self, path: str) -> Template:
        """The compiled body of a part, for `{% include %}`."""
        body = self._usable(path).body
        assert body is not None
        return body

    def _usable(self, path: str) -> _Compiled:
        if path not in self._paths and path != LAYOUT:
            raise TemplateError(Problem("missing-template", f"there is no template `{self._folder.name}/{path}`"))
        compiled = self._load(path)
        if compiled.problems:
            raise TemplateError(compiled.problems)
        return compiled

    def _load(self, path: str) -> _Compiled:
        with self._lock:
            if path not in self._compiled:
                self._compiled[path] = self._compile(path)
            return self._compiled[path]

    def _compile(self, path: str) -> _Compiled:
        if path == LAYOUT and not os.path.lexists(self._folder / LAYOUT):
            read, problems = TemplateSource(LAYOUT, (_BARE_LAYOUT,), "", _BARE_LAYOUT), list[Problem]()
        else:
            read, problems = read_template(self._folder, path)
        has_subject = path != LAYOUT and not is_part(path)
        if problems:
            return _Compiled(read, tuple(problems), None, None)
        # Parts are Markdown, which the layout is not.
        parts = frozenset(each for each in self._paths if is_part(each) and path != LAYOUT)
        analysis = Analysis(self._environment, self._known, parts, read)
        subject = analysis.subject(path) if has_subject else None
        body = analysis.body(path)
        if analysis.problems:
            return _Compiled(read, tuple(analysis.problems), None, None)
        return _Compiled(read, (), subject, body)

    @contextmanager
    def _problems_of(self, outer: TemplateSource) -> Iterator[None]:
        """Whatever goes wrong inside a template is its author's to know, with the line."""
        try:
            yield
        except TemplateError:
            raise
        except Exception as error:  # a sandbox lets any exception of an expression through
            raise TemplateError(self._problem(error, outer)) from error

    def _problem(self, error: Exception, outer: TemplateSource) -> Problem:
        read, line = self._place(error, outer)
        if isinstance(error, UndefinedError):
            message = error.message or "a value is missing"
            field = re.match(r"`([\w.-]+)` is missing", message)
            if field is None:
                return Problem("template-value", message, read.locate(line))
            help_ = f"print it only inside `{{% if {field[1]} is defined %}}` … `{{% endif %}}`"
            return Problem("missing-field", message, read.locate(line, re.escape(field[1])), help_)
        if isinstance(error, RecursionError):
            message = "this template includes itself endlessly, or is nested too deeply"
            return Problem("template-limit", message, read.locate(line))
        if isinstance(error, LimitError):
            return Problem("template-limit", f"the template was cut off: {error}", read.locate(line))
        return Problem("template-value", f"the template cannot print this: {error}", read.locate(line))

    def _place(self, error: Exception, outer: TemplateSource) -> tuple[TemplateSource, int]:
        """The template's line that raised the error: Jinja puts the templates' own lines into the traceback."""
        sources = {compiled.source.file: compiled.source for compiled in self._compiled.values()}
        place = outer, 1
        for frame, line in traceback.walk_tb(error.__traceback__):
            place = (sources[frame.f_code.co_filename], line) if frame.f_code.co_filename in sources else place
        return place


class _Loader(BaseLoader):
    """Gives `{% include %}` the parts that `Templates` has compiled."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        return self._templates.body_of(name)


@lru_cache(maxsize=256)
def inline_css(html: str) -> str:
    """The page with its style sheet written into the elements, as mail programs need it; nothing is fetched."""
    return _inliner().inline(html)


@cache
def _inliner() -> CSSInliner:
    from css_inline import CSSInliner

    return CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


def _warning(message: str, file: str, help_: str = "") -> Problem:
    return Problem("template-name", message, Span(file, 1, 1, 2), help_, Severity.WARNING)
