"""What is wrong with a template before any order meets it: syntax, names, fields, filters, forbidden constructs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.visitor import NodeVisitor

from sendplan.problems import Problem, did_you_mean
from sendplan.templates.sandbox import LAYOUT, MailEnvironment
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

    def parse(self, text: str, name: str) -> nodes.Template | None:
        """The tree, or None when the text cannot be parsed; only a tree without problems may be compiled."""
        try:
            tree = self.environment.parse(text, name)
        except TemplateSyntaxError as error:
            message, _, help_ = (error.message or "this is not valid Jinja").partition(". ")
            self.note("template-syntax", _sentence(message), error.lineno, help_=help_.rstrip("."))
            return None
        _Visitor(self).visit(tree)
        self._check_names(tree, name)
        return tree

    def note(self, code: str, message: str, line: int, pattern: str = "", help_: str = "") -> None:
        """Record a problem once."""
        problem = Problem(code, message, self.source.locate(line, pattern), help_)
        if problem not in self.problems:
            self.problems.append(problem)

    def _check_names(self, tree: nodes.Template, name: str) -> None:
        layout = name == LAYOUT
        known = (self.known.keys() - {"order"} | _LAYOUT_NAMES) if layout else self.known.keys()
        unknown = meta.find_undeclared_variables(tree) - known - {"range"}
        for node in tree.find_all(nodes.Name):
            if node.name in unknown:
                where = "the layout" if layout else "a template"
                help_ = did_you_mean(node.name, known)
                self.note("unknown-name", f"{where} has no `{node.name}`", node.lineno, _word(node.name), help_)


class _Visitor(NodeVisitor):
    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
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
        if node.ctx != "load" and (node.name in self.analysis.known or node.name == "range"):
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
        if not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            help_ = "use a filter: `{{ order.name | upper }}`"
            self.analysis.note(
                "template-construct", "only `range(…)` may be called", node.lineno, r"[\w.]+\s*\(", help_
            )
        self.generic_visit(node)

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


def _is_lines(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Getattr) and node.attr == "lines" and node.node == nodes.Name("order", "load")


def _targets(node: nodes.Node) -> Iterator[str]:
    return (name.name for name in (node, *node.find_all(nodes.Name)) if isinstance(name, nodes.Name))


def _word(name: str) -> str:
    return rf"\b{re.escape(name)}\b"


def _sentence(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
