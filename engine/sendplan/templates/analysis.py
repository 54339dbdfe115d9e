"""What is wrong with a template before any order meets it: syntax, names, fields, filters, forbidden constructs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import field

from jinja2 import Template, TemplateSyntaxError, meta, nodes
from jinja2.visitor import NodeVisitor

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, did_you_mean
from sendplan.templates.raw_html import raw_html
from sendplan.templates.sandbox import ELEMENTS, FUNCTIONS, LAYOUT, MailEnvironment, guarded
from sendplan.templates.template_source import TemplateSource
from sendplan.templates.values import line_fields

_FORBIDDEN: Mapping[type[nodes.Node], str] = {
    nodes.AssignBlock: "{% set … %}…{% endset %}",
    nodes.Block: "{% block %}",
    nodes.CallBlock: "{% call %}",
    nodes.Extends: "{% extends %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.FromImport: "{% from … import %}",
    nodes.Import: "{% import %}",
    nodes.Macro: "{% macro %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
}
"""They capture output as text, in which a printed value could no longer be told from markup."""

_ADDRESS = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"[\d_]{4000}")
"""Python refuses numbers of more than 4,300 digits."""
_BRACES = re.compile(
    r"\{[ \t]*\{[^{}\n]*\}[ \t]*\}|\{[ \t]*%[^{}\n]*%[ \t]*\}|\{[ \t]*(?P<name>[a-z_]\w*)(?:\.\w+)*[ \t]*\}+"
    r"|\{[ \t]+[{%]|[%}][ \t]*\}"
)
"""In text, what was meant for Jinja: with a blank between the signs, or with one brace of two."""
_LAYOUT_NAMES = frozenset({"content", "subject", "language"})


@dataclass(slots=True)
class Analysis:
    """One piece of Jinja (a subject, a body, the layout) with every problem found in it."""

    environment: MailEnvironment
    known: Mapping[str, frozenset[str]]
    """The names that templates may use, each with its fields."""
    includable: frozenset[str]
    source: TemplateSource
    problems: list[Problem] = field(default_factory=list)

    def body(self, name: str) -> Template | None:
        """The template of the text, or None when there are problems."""
        text = self.source.body
        if name != LAYOUT:
            self._check_braces(text)
        tree = self._parse(text, name, "" if name != LAYOUT else "write the HTML itself here")
        if tree is not None and name != LAYOUT:
            for line, pattern, help_ in raw_html(self.environment.lex(text, name)):
                self.note("template-html", "HTML in a text prints as letters", line, pattern, help_)
        return self._compiled(tree, text, name)

    def subject(self, name: str) -> Template | None:
        """The template of the subject, like `body`."""
        text = "\n" * (self.source.subject_line - 1) + self.source.subject
        self._check_braces(text)
        return self._compiled(self._parse(text, name, "put it below the front matter"), text, name)

    def file_name(self) -> Template | None:
        """The template of a file's name, like `body`."""
        name, text = "attach", self.source.body
        self._check_braces(text)
        return self._compiled(self._parse(text, name, "a file's name is plain text"), text, name)

    def _check_braces(self, text: str) -> None:
        """Braces that were meant for Jinja and that it takes for text, such as `{ {`, would reach the buyer."""
        raw = False
        with suppress(TemplateSyntaxError):  # `_parse` tells.
            for line, kind, words in self.environment.lex(text):
                raw = kind == "raw_begin" or (raw and kind != "raw_end")
                for found in _BRACES.finditer(words) if kind == "data" and not raw else ():
                    if not found["name"] or found["name"] in self.known:
                        self._note_brace(line + words.count("\n", 0, found.start()), found)

    def _note_brace(self, line: int, found: re.Match[str]) -> None:
        inner = found.group().strip("{}% \t")
        form = "{%% %s %%}" if "%" in found.group() else "{{ %s }}"
        message, help_ = f"`{found.group()}` would be printed as it is", f"write `{form % (inner or '…')}`"
        self.note("template-syntax", message, line, re.escape(found.group()), help_)

    def _parse(self, text: str, name: str, no_elements: str) -> nodes.Template | None:
        """`no_elements` tells what to write instead of a button or picture; empty where they may stand."""
        with self._readable(text):
            tree = self.environment.parse(text, name)
            _Visitor(self, no_elements).visit(tree)
            self._check_names(tree, name)
            return tree
        return None

    def _compiled(self, tree: nodes.Template | None, text: str, name: str) -> Template | None:
        """Only a tree without problems may be compiled."""
        if tree is None or self.problems:
            return None
        with self._readable(text):
            code = self.environment.compile(guarded(tree), name, self.source.file)
            return Template.from_code(self.environment, code, self.environment.globals)
        return None

    @contextmanager
    def _readable(self, text: str) -> Iterator[None]:
        """Whatever Jinja, or Python behind it, cannot read is noted as a problem.

        Python takes 20 loops and 100 levels of `if` inside each other, and about 100 parentheses.
        """
        try:
            yield
        except TemplateSyntaxError as error:
            message, _, help_ = (error.message or "this is not valid Jinja").partition(". ")
            self.note("template-syntax", _sentence(message), error.lineno, help_=help_.rstrip("."))
        except ValueError:
            number = _LONG_NUMBER.search(text)
            line = text.count("\n", 0, number.start()) + 1 if number else 1
            self.note("template-syntax", "a number has too many digits", line, r"\d{99,}")
        except (RecursionError, SyntaxError, MemoryError, OverflowError):
            help_ = "use fewer levels of tags and parentheses, and fewer filters behind one value"
            line = _deepest_line(self.environment, text)
            self.note("template-syntax", "this is nested too deeply", line, help_=help_)

    def note(self, code: str, message: str, line: int, pattern: str = "", help_: str = "") -> None:
        """Record a problem once."""
        problem = Problem(code, message, self.source.locate(line, pattern), help_)
        if problem not in self.problems:
            self.problems.append(problem)

    def _check_names(self, tree: nodes.Template, name: str) -> None:
        layout = name == LAYOUT
        known = (self.known.keys() - {"order"} | _LAYOUT_NAMES) if layout else self.known.keys()
        unknown = meta.find_undeclared_variables(tree) - known - FUNCTIONS
        for node in tree.find_all(nodes.Name):
            if node.name in unknown:
                where = "the layout" if layout else "a template"
                help_ = did_you_mean(node.name, known)
                self.note("unknown-name", f"{where} has no `{node.name}`", node.lineno, _word(node.name), help_)


class _Visitor(NodeVisitor):
    def __init__(self, analysis: Analysis, no_elements: str) -> None:
        self.analysis = analysis
        self.no_elements = no_elements
        self.records = dict(analysis.known)
        """Names that stand for a record → its fields; a loop over `order.lines` adds its own."""

    def visit(self, node: nodes.Node) -> None:
        construct = _FORBIDDEN.get(type(node))
        if construct is not None:
            help_ = "write the text where it belongs, or put it into a file `_NAME.LANG.md` and include that"
            self.analysis.note(
                "template-construct", f"`{construct}` is not available in mails", node.lineno, help_=help_
            )
        super().visit(node)

    def visit_Name(self, node: nodes.Name) -> None:  # noqa: N802
        if node.ctx != "load" and (node.name in self.analysis.known or node.name in FUNCTIONS):
            help_ = "choose another name"
            message = f"`{node.name}` has a meaning of its own here"
            self.analysis.note("template-construct", message, node.lineno, _word(node.name), help_)

    def visit_Getattr(self, node: nodes.Getattr) -> None:  # noqa: N802
        self._check_field(node.node, node.attr, node.lineno)
        self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> None:  # noqa: N802
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            self._check_field(node.node, node.arg.value, node.lineno)
        self.generic_visit(node)

    def _check_field(self, record: nodes.Expr, name: str, line: int) -> None:
        fields = self.records.get(record.name) if isinstance(record, nodes.Name) else None
        if fields is None or name in fields:
            return
        assert isinstance(record, nodes.Name)
        pattern = rf"\b{record.name}\s*(?:\.\s*|\[\s*['\"]){re.escape(name)}\b"
        help_ = did_you_mean(name, fields)
        self.analysis.note("unknown-field", f"`{record.name}` has no field `{name}`", line, pattern, help_)

    def visit_For(self, node: nodes.For) -> None:  # noqa: N802
        self.visit(node.iter)
        outer = dict(self.records)
        for target in _targets(node.target):
            self.records.pop(target, None)
        if isinstance(node.target, nodes.Name) and _is_lines(node.iter):
            self.records[node.target.name] = line_fields()
        for child in (node.target, *node.body, *node.else_, *filter(None, [node.test])):
            self.visit(child)
        self.records = outer

    def visit_Filter(self, node: nodes.Filter) -> None:  # noqa: N802
        filters = self.analysis.environment.filters
        if node.name not in filters:
            help_ = did_you_mean(node.name, filters)
            self.analysis.note(
                "unknown-name", f"there is no filter `{node.name}`", node.lineno, _word(node.name), help_
            )
            node.name = "default"  # so that Jinja can go on looking for unknown names
        self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> None:  # noqa: N802
        tests = self.analysis.environment.tests
        if node.name not in tests:
            help_ = did_you_mean(node.name, tests)
            self.analysis.note("unknown-name", f"there is no test `{node.name}`", node.lineno, _word(node.name), help_)
            node.name = "defined"
        self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> None:  # noqa: N802
        called = node.node.name if isinstance(node.node, nodes.Name) else ""
        if called not in FUNCTIONS:
            help_ = "use a filter: `{{ order.name | upper }}`"
            names = ", ".join(f"`{name}(…)`" for name in sorted(FUNCTIONS))
            self.analysis.note("template-construct", f"only {names} may be called", node.lineno, r"[\w.]+\s*\(", help_)
        elif called in ELEMENTS:
            self._check_element(called, node)
        self.generic_visit(node)

    def _check_element(self, called: str, node: nodes.Call) -> None:
        pattern = rf"\b{called}\s*\("
        if self.no_elements:
            message = f"`{called}` is for the text of a mail"
            self.analysis.note("template-construct", message, node.lineno, pattern, self.no_elements)
            return
        takes = ELEMENTS[called]
        given = {**dict(zip(takes, node.args, strict=False)), **{each.key: each.value for each in node.kwargs}}
        form = f"write `{{{{ {called}({', '.join(takes)}) }}}}`"
        if given.keys() != set(takes) or len(node.args) + len(node.kwargs) != 2 or node.dyn_args or node.dyn_kwargs:
            message = f"`{called}` takes `{takes[0]}` and `{takes[1]}`"
            self.analysis.note("template-construct", message, node.lineno, pattern, form)
            return
        url = given["url"]
        if isinstance(url, nodes.Const) and not _ADDRESS.match(str(url.value)):
            message = "a link's address must begin with `https://`, `mailto:` or `tel:`"
            self.analysis.note("template-value", message, url.lineno, re.escape(str(url.value)), form)

    def visit_Include(self, node: nodes.Include) -> None:  # noqa: N802
        included = node.template.value if isinstance(node.template, nodes.Const) else None
        if included not in self.analysis.includable:
            help_ = did_you_mean(str(included or ""), self.analysis.includable) or "include a file `_NAME.LANG.md`"
            self.analysis.note(
                "unknown-name", "there is no such file to include", node.lineno, "include.*?(?=%})", help_
            )
        if not node.with_context:
            self.analysis.note("template-construct", "`without context` is not available in mails", node.lineno)
        self.generic_visit(node)


def _deepest_line(environment: MailEnvironment, text: str) -> int:
    """The line (from 1) with the most levels of tags around it and signs before it in its tag."""
    blocks, signs, most, deepest = 0, 0, -1, 1
    with suppress(TemplateSyntaxError):  # a sign that Jinja does not know: nothing behind it can be counted
        for line, kind, word in environment.lex(text):
            if kind in ("block_begin", "variable_begin"):
                signs = 0
            blocks += (kind == "name" and word in ("if", "for")) - (kind == "name" and word in ("endif", "endfor"))
            signs += kind in ("operator", "name")
            if blocks + signs > most:
                most, deepest = blocks + signs, line
    return deepest


def _is_lines(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) and node.attr == "lines" and node.node == nodes.Name("order", "load")


def _targets(node: nodes.Node) -> Iterator[str]:
    return (name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name))


def _word(name: str) -> str:
    return rf"\b{re.escape(name)}\b"


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
