"""The Jinja2 environment of mail templates: strict, sandboxed, and bounded in time and size.

Jinja's own sandbox keeps templates from Python; what it lacks are bounds. Here loops look at a deadline, every operator
and filter that makes something larger looks at the size first, and nothing but `FUNCTIONS` may be called.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Undefined, nodes, pass_context
from jinja2.runtime import Context as JinjaContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from sendplan.dataclass import dataclass
from sendplan.templates.localise import Localiser, PrintError
from sendplan.templates.values import Joined, Personal, Trusted, View

LAYOUT = "layout.html"
RENDERING = "a rendering"
"""Where a template's context keeps its `Rendering`; being no identifier, no template can name it."""

BUTTON = "\ue002"
"""The title by which `markdown.py` and `plaintext.py` know a button among the links; nobody can type it."""

ELEMENTS: Mapping[str, tuple[str, str]] = {"button": ("text", "url"), "image": ("url", "alt")}
"""What a mail's body may call to get Markdown, each with the names of what it takes."""
FUNCTIONS = frozenset({"range", *ELEMENTS})

MAX_RANGE = 1_000
MOST_MARKS = 5_000
MOST_CELLS = 200
MOST_LINES = 10_000
_MAX_INTEGER_BITS = 4_096

JINJA_FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "first", "int", "last", "length", "list", "lower", "map", "max"),
    *("min", "reject", "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "title", "trim", "truncate"),
    *("unique", "upper"),
)
"""Jinja's filters that only look or shorten: none makes markup, draws lots or multiplies sizes."""


class LimitError(Exception):
    """The template ran too long or grew too large."""


@dataclass(frozen=True, slots=True)
class RenderLimits:
    """When a template is cut off."""

    seconds: float = 2.0
    """Of the processor: a computer that is busy with other things cuts no template off."""
    elapsed: float = 60.0
    """Seconds by the clock, for what waits."""
    characters: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Printed:
    """One value that a template printed."""

    text: str
    trusted: bool
    """The merchant wrote it, so it may begin a link."""


@dataclass(frozen=True, slots=True)
class Element:
    """A link or picture in Markdown, with stand-ins for its values: the one thing that prints as markup."""

    source: str


@dataclass(slots=True)
class Rendering:
    """One template at work: how values print, what has been printed, and how much is left."""

    localiser: Localiser
    limits: RenderLimits = RenderLimits()
    printed: list[Printed] = field(default_factory=list)
    size: int = 0
    started: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.thread_time)
    """The thread's processor time at the start: a rendering stays in its thread."""

    def tick(self) -> None:
        """Called at the start of each template and of each turn of a loop."""
        if time.thread_time() - self.used > self.limits.seconds:
            raise LimitError(f"it ran for more than {self.limits.seconds:g} seconds")
        if time.monotonic() - self.started > self.limits.elapsed:
            raise LimitError(f"it ran for more than {self.limits.elapsed:g} seconds")

    def fits(self, size: int) -> None:
        """Refuse a text or list before it is made."""
        if size > self.limits.characters:
            raise LimitError(f"it made more than {self.limits.characters:,} characters")

    def readable(self, markdown: str) -> None:
        """Refuse a text with so many marks or lines that reading it as Markdown takes long; values do not count."""
        marks = sum(map(markdown.count, "*_[`<~"))
        if marks > MOST_MARKS:
            raise LimitError(f"it has more than {MOST_MARKS:,} marks such as `*` and `[`")
        lines = markdown.splitlines()
        if len(lines) > MOST_LINES:
            raise LimitError(f"it has more than {MOST_LINES:,} lines")
        if any(line.count("|") > MOST_CELLS for line in lines):
            raise LimitError(f"a line of a table has more than {MOST_CELLS:,} cells")

    def emit(self, size: int) -> None:
        """Count what leaves the template."""
        self.size += size
        self.fits(self.size)

    def mark(self, value: object) -> str:
        """The stand-in for a printed value, or one for each of its pieces (see `markdown.py`)."""
        return "".join(map(self._mark, value.pieces)) if isinstance(value, Joined) else self._mark(value)

    def _mark(self, value: object) -> str:
        text = self.localiser.text(value)
        self.emit(len(text))
        self.printed.append(Printed(text, isinstance(value, Trusted)))
        return f"\ue000{len(self.printed) - 1}\ue001"


def _rendering(context: JinjaContext) -> Rendering:
    rendering = context.resolve(RENDERING)
    assert isinstance(rendering, Rendering)
    return rendering


@pass_context
def _finalize(context: JinjaContext, value: object) -> object:
    """What `{{ … }}` puts out: Markdown gets a stand-in, the layout the text, which Jinja escapes."""
    rendering = _rendering(context)
    if isinstance(value, Undefined):
        return str(value)  # raises, naming the field
    if context.name == LAYOUT:
        if isinstance(value, Personal):
            return rendering.mark(Trusted(escape(value)))
        return value if isinstance(value, Markup) else rendering.localiser.text(value)
    return Markup(value.source) if isinstance(value, Element) else rendering.mark(value)


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Compiles and runs mail templates; only templates that `analysis.py` found clean."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self, loader: BaseLoader) -> None:
        super().__init__(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=True,
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self.filters = {name: self.filters[name] for name in JINJA_FILTERS} | FILTERS
        self.globals = {"range": _range, "button": _button, "image": _image}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A record's field, which no method can hide (`order.items`); of other values what the sandbox allows."""
        return self._field(obj, attribute) if isinstance(obj, View) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`order["items"]` is `order.items`."""
        return self._field(obj, argument) if isinstance(obj, View) else super().getitem(obj, argument)

    def _field(self, view: View, name: str) -> Any:
        if name in view.fields:
            return view.fields[name]
        return self.undefined(hint=f"`{view.label}.{name}` is missing", obj=view, name=name)

    def call_binop(self, context: JinjaContext, operator: str, left: Any, right: Any) -> Any:
        """Exact arithmetic, within bounds."""
        left, right = _exact(left, operator), _exact(right, operator)
        if operator == "**" or (operator == "%" and isinstance(left, str)):
            raise PrintError(f"`{operator}` is not available here")
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _joined(context, (left, right))
        if operator == "+" and isinstance(left, list | tuple) and isinstance(right, list | tuple):
            _rendering(context).fits(len(left) + len(right))
        if operator == "*":
            self._check_product(context, left, right)
        return super().call_binop(context, operator, left, right)

    def _check_product(self, context: JinjaContext, left: Any, right: Any) -> None:
        if isinstance(left, int) and isinstance(right, int):
            if left.bit_length() + right.bit_length() > _MAX_INTEGER_BITS:
                raise LimitError("a number became too large")
            return
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, str | list | tuple) and isinstance(times, int):
                _rendering(context).fits(len(sequence) * times)

    @pass_context
    def tick(self, context: JinjaContext) -> None:
        """What `guarded` puts into every loop and before every part."""
        _rendering(context).tick()

    @pass_context
    def joined(self, context: JinjaContext, *parts: object) -> str:
        """What `guarded` makes of `a ~ b`: values join as they print."""
        return _joined(context, parts)

    def literal(self, text: str) -> str:
        """What `guarded` makes of a text written in the template, where it may become part of a link."""
        return Trusted(text)


def guarded(tree: nodes.Template) -> nodes.Template:
    """The template with its loops and parts under the deadline and `~` within bounds."""
    guarded_tree: nodes.Template = _Guard().visit(tree)
    return guarded_tree


class _Guard(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802
        self.generic_visit(node)
        node.body.insert(0, _tick(node.lineno))
        return node

    def visit_Include(self, node: nodes.Include) -> list[nodes.Node]:  # noqa: N802
        return [_tick(node.lineno), node]

    def visit_Concat(self, node: nodes.Concat) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        return _call("joined", list(map(_literal, node.nodes)), node.lineno)

    def visit_Add(self, node: nodes.Add) -> nodes.Add:  # noqa: N802
        self.generic_visit(node)
        node.left, node.right = _literal(node.left), _literal(node.right)
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Assign:  # noqa: N802
        self.generic_visit(node)
        if isinstance(node.node, nodes.Expr):
            node.node = _literal(node.node)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Call:  # noqa: N802
        self.generic_visit(node)
        node.args = list(map(_literal, node.args))
        for keyword in node.kwargs:
            keyword.value = _literal(keyword.value)
        return node


def _tick(line: int) -> nodes.ExprStmt:
    return nodes.ExprStmt(_call("tick", [], line), lineno=line)


def _call(method: str, arguments: list[nodes.Expr], line: int) -> nodes.Call:
    function = nodes.EnvironmentAttribute(method, lineno=line)
    return nodes.Call(function, arguments, [], None, None, lineno=line)


def _literal(node: nodes.Expr) -> nodes.Expr:
    """A text written in the template, marked as the merchant's own."""
    if isinstance(node, nodes.CondExpr):
        node.expr1 = _literal(node.expr1)
        node.expr2 = node.expr2 and _literal(node.expr2)
        return node
    is_text = isinstance(node, nodes.Const) and isinstance(node.value, str)
    return _call("literal", [node], node.lineno) if is_text else node


@pass_context
def _button(context: JinjaContext, text: object, url: object) -> Element:
    rendering = _rendering(context)
    return Element(f'[{rendering.mark(_present(text))}]({rendering.mark(_present(url))} "{BUTTON}")')


@pass_context
def _image(context: JinjaContext, url: object, alt: object) -> Element:
    rendering = _rendering(context)
    return Element(f"![{rendering.mark(_present(alt))}]({rendering.mark(_present(url))})")


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise LimitError(f"a range holds at most {MAX_RANGE:,} numbers")
    return numbers


def _exact(value: Any, operator: str) -> Any:
    """Money never meets a float: `order.total * 1.19` is decimal, and so is a quotient."""
    if isinstance(value, float):
        return Decimal(repr(value))
    return Decimal(value) if operator == "/" and isinstance(value, int) else value


def _texts(context: JinjaContext, parts: Iterable[object], separator: str = "") -> list[str]:
    """The values as they print, if they fit together."""
    rendering = _rendering(context)
    texts = [rendering.localiser.text(_present(part)) for part in parts]
    rendering.fits(sum(map(len, texts)) + len(separator) * len(texts))
    return texts


def _joined(context: JinjaContext, parts: Iterable[object]) -> Joined:
    pieces = [piece for part in parts for piece in (part.pieces if isinstance(part, Joined) else (part,))]
    texts = zip(pieces, _texts(context, pieces), strict=True)
    return Joined(tuple(Trusted(text) if isinstance(piece, Trusted) else text for piece, text in texts))


@pass_context
def _join_filter(context: JinjaContext, values: Iterable[object], separator: str = "") -> str:
    return separator.join(_texts(context, values, separator))


@pass_context
def _replace(context: JinjaContext, text: str, old: str, new: str) -> str:
    _rendering(context).fits(len(text) + text.count(old) * len(new))
    return text.replace(old, new)


def _round(value: Decimal | int, digits: int = 0) -> Decimal:
    if not 0 <= digits <= 10:
        raise PrintError("`round` takes 0 to 10 digits")
    return Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


@pass_context
def _money(context: JinjaContext, value: object) -> str:
    return _rendering(context).localiser.money(_present(value))


@pass_context
def _date(context: JinjaContext, value: object, form: str = "long") -> str:
    return _rendering(context).localiser.date(_present(value), form)


@pass_context
def _datetime(context: JinjaContext, value: object, form: str = "long") -> str:
    return _rendering(context).localiser.datetime(_present(value), form)


@pass_context
def _country(context: JinjaContext, value: object) -> str:
    return _rendering(context).localiser.country(_present(value))


def _present(value: object) -> object:
    if isinstance(value, Undefined):
        str(value)  # raises, naming the field
    return value


FILTERS: dict[str, Callable[..., Any]] = {
    "country": _country,
    "date": _date,
    "datetime": _datetime,
    "join": _join_filter,
    "money": _money,
    "replace": _replace,
    "round": _round,
}
"""sendplan's own filters, and its bounded versions of Jinja's."""
