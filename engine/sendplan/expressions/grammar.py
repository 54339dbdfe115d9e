"""Text → expression tree: a small recursive-descent parser whose errors say what to write instead.

See docs/language.md#operators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from sendplan.expressions.cursor import Cursor, Mistake, StopError
from sendplan.expressions.nodes import (
    Add,
    And,
    Argument,
    Call,
    Column,
    Compare,
    Conditional,
    Extreme,
    FieldRef,
    Get,
    Has,
    In,
    IsSet,
    Item,
    Literal,
    Multiply,
    Node,
    Not,
    Or,
    ParamRef,
    Sent,
    Where,
    children,
)
from sendplan.expressions.tokens import (
    COMPARISONS,
    FUNCTIONS,
    INSTEAD,
    KEYWORDS,
    Token,
    bare_item_at,
    date_at,
)
from sendplan.units import UNIT_WORDS, UNITS_HELP, Duration

MAX_DEPTH = 50
"""Nesting of parentheses and `not` that the parser follows."""
MAX_HEIGHT = 150
"""Levels of the tree, which a row of `+` or `.name` makes too: everything that walks down a tree may call itself."""
MAX_DIGITS = 40
"""As in the rest of a file; Python itself refuses numbers of thousands of digits."""


_FIRST_OF_TWO = frozenset(words.split()[0] for words in UNIT_WORDS if " " in words)
"""Words that begin a unit of two words."""

_FUNCTION_HELP = (
    'the functions of rules are max(…), min(…) and sent("rule"); mapping files also have sum, count, first, last, join'
)


def parse(text: str) -> tuple[Node | None, list[Mistake]]:
    """The tree of an expression, or None, with everything that is wrong with its syntax."""
    root, mistakes = _parsed(text)
    return root, list(mistakes)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[Node | None, tuple[Mistake, ...]]:
    """Many rules say the same."""
    parser = _Parser(text)
    try:
        return parser.whole(), tuple(parser.mistakes)
    except StopError:
        return None, tuple(parser.mistakes)


class _Parser(Cursor):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    # --- levels, loosest first ---

    def whole(self) -> Node:
        self.advance()
        if self.token.kind == "end":
            self.stop(self.token, "the expression is empty", "write a condition or a date, such as `shipped + 7 days`")
        node = self._conditional()
        if self.token.kind != "end":
            self.stop(self.token, f"`{self.token.text}` is unexpected here", self._help_unexpected())
        self._measure(node)
        return node

    def _measure(self, root: Node) -> None:
        """Stop where the tree is higher than what walks down it can bear."""
        pending = [(root, 1)]
        while pending:
            node, height = pending.pop()
            if height > MAX_HEIGHT:
                place = Token("part", self._source(node), node.start, node.end)
                help_ = "add fewer durations, or split the expression into several rules"
                self.stop(place, f"the expression is more than {MAX_HEIGHT} levels deep; each `+` is one", help_)
            pending += [(child, height + 1) for child in children(node)]

    def _help_unexpected(self) -> str:
        if self.at(","):
            between = self.text[self.token.start - 1 : self.token.end + 1]
            decimal = between[:1].isdigit() and between[-1:].isdigit()
            return "write decimals with a point: `1.50`" if decimal else "join conditions with `and` or `or`"
        if self.token.kind == "word" and self.token.text in ("after", "later", "from", "since", "plus"):
            return "write the date first: `shipped + 7 days`"
        if self.token.kind in ("number", "text") or (self.token.kind == "word" and self.token.text not in KEYWORDS):
            return "an operator such as `and`, `==` or `+` is missing before it"
        return ""

    def _conditional(self) -> Node:
        value = self._or()
        if not self.at("if") or self.peek().text == "set":  # `if set` belongs to the argument of `max` or `min`
            return value
        token = self.advance()
        if self.at(",", ")"):
            self.expect("set", "after `if`")
        condition = self._or()
        otherwise = self._deeper(token, self._conditional) if self.accept("else") else None
        return Conditional(value.start, (otherwise or condition).end, value, condition, otherwise)

    def _or(self) -> Node:
        return self._joined(self._and, Or, "or", "||")

    def _and(self) -> Node:
        return self._joined(self._not, And, "and", "&&")

    def _joined(self, level: Callable[[], Node], make: type[And] | type[Or], word: str, wrong: str) -> Node:
        parts = [level()]
        while self.accept_operator(word, wrong):
            parts.append(level())
        return parts[0] if len(parts) == 1 else make(parts[0].start, parts[-1].end, tuple(parts))

    def _not(self) -> Node:
        token = self.accept_operator("not", "!")
        if token is None:
            return self._comparison()
        with_depth = self._deeper(token, self._not)
        return Not(token.start, with_depth.end, with_depth)

    def _deeper(self, token: Token, level: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.stop(token, f"the expression is nested more than {MAX_DEPTH} deep", "split it into several rules")
        node = level()
        self.depth -= 1
        return node

    def _comparison(self) -> Node:
        left = self._sum()
        node = self._compared(left)
        if node is not left and self.at(*COMPARISONS, *INSTEAD, "in", "has", "is"):
            self.stop(self.token, "comparisons cannot be chained", "write `a < b and b < c`")
        return node

    def _compared(self, left: Node) -> Node:
        if self.at(*INSTEAD):
            wrong = self.token
            self.note(wrong, f"`{wrong.text}` is not an operator here", f"write `{INSTEAD[wrong.text]}` instead")
            return self._right_side(left, INSTEAD[self.advance().text])
        if self.at(*COMPARISONS):
            return self._right_side(left, self.advance().text)
        if self.accept("in"):
            return self._in(left, negated=False)
        if self.at("not"):
            token = self.advance()
            if self.at("set"):
                self.stop(token, "`not` is unexpected here", f"write `{self._source(left)} is not set`")
            if not self.at("in"):
                self.stop(token, "`not` is unexpected here", "write `not in [...]`, or `and not ...`")
            self.advance()
            return self._in(left, negated=True)
        if self.accept("has"):
            right = self._sum()
            return Has(left.start, right.end, left, right)
        if self.accept("is"):
            return self._is_set(left)
        return left

    def _right_side(self, left: Node, operator: str) -> Node:
        if self.token.kind == "word" and self.token.text.lower() in ("null", "none", "nil"):
            form = "is not set" if operator == "==" else "is set"
            self.note(self.token, f"there is no `{self.token.text}`", f"write `{self._source(left)} {form}` instead")
            token = self.advance()
            return IsSet(left.start, token.end, left, operator == "==")
        right = self._sum()
        return Compare(left.start, right.end, operator, left, right)

    def _is_set(self, left: Node) -> Node:
        negated = self.accept("not") is not None
        if self.token.kind == "word" and self.token.text.lower() in ("null", "none", "empty", "missing"):
            form = "is set" if negated else "is not set"
            self.note(self.token, f"there is no `{self.token.text}`", f"write `{self._source(left)} {form}` instead")
        elif not self.at("set"):
            help_ = f"write `{self._source(left)} is set`, or compare with `==`"
            self.stop(self.token, "`is` must be followed by `set` or `not set`", help_)
        token = self.advance()
        return IsSet(left.start, token.end, left, negated)

    def _in(self, left: Node, *, negated: bool) -> Node:
        if self.at("params"):
            param = self._param()
            return In(left.start, param.end, left, param, negated)
        if not self.at("["):
            self.stop(self.token, "`in` must be followed by a list in brackets", "write `in [one, two]`")
        items: list[Item] = []
        while True:
            items.append(self._item())
            if self.token.kind == "operator" and self.token.text == "]":
                break
            if not self.at(","):
                self.stop(self.token, "separate the items of a list with commas", "add `,` or close with `]`")
        closing = self.advance()
        return In(left.start, closing.end, left, tuple(items), negated)

    def _item(self) -> Item:
        if bare := bare_item_at(self.text, self.position):
            self.position = bare.end
            item = Item(bare.start, bare.end, bare.text, bare=True)
        else:
            self.token = self.next_token()
            if self.token.kind != "text":
                help_ = "write `[one, two]`; quote items with other characters"
                self.stop(self.token, "an item is missing here", help_)
            item = Item(self.token.start, self.token.end, self.token.text[1:-1], bare=False)
        self.token = self.next_token()
        return item

    def _sum(self) -> Node:
        node = self._product()
        while self.at("+", "-"):
            sign = 1 if self.advance().text == "+" else -1
            right = self._product()
            node = Add(node.start, right.end, node, right, sign)
        return node

    def _product(self) -> Node:
        node = self._part()
        while self.at("*", "/"):
            operator = self.advance().text
            right = self._part()
            node = Multiply(node.start, right.end, operator, node, right)
        return node

    def _part(self) -> Node:
        """A value, then the way into its parts: `.name`, `.col("name")`, `[condition]`."""
        node = self._primary()
        while True:
            if self.at("."):
                node = self._get(node)
            elif self.at("["):
                opening = self.advance()
                condition = self._deeper(opening, self._conditional)
                closing = self.expect("]", "after the condition")
                node = Where(node.start, closing.end, node, condition)
            else:
                return node

    def _get(self, base: Node) -> Node:
        # Behind the dot every word is a name, also one of the language.
        name = self.peek()
        if name.kind != "word":
            self.stop(name, "a name is missing after the `.`", 'write `a.b`, or `a.col("other characters")`')
        self.position = name.end
        self.token = self.next_token()
        if name.text == "col" and self.at("("):
            column = self._column(name)
            return Get(base.start, column.end, base, column.name)
        return Get(base.start, name.end, base, name.text)

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "number":
            return self._number()
        if token.kind == "text":
            self.advance()
            return Literal(token.start, token.end, token.text[1:-1])
        if self.at("-"):
            self.stop(token, "a value cannot begin with `-`", "write `shipped - 7 days` to go back from a date")
        if self.accept("("):
            inner = self._deeper(token, self._conditional)
            if self.token.kind == "end":
                self.stop(token, "this `(` is never closed", "add `)`")
            closing = self.expect(")", "before this")
            return replace(inner, start=token.start, end=closing.end)
        if token.kind != "word":
            what = f"`{token.text}` is unexpected here" if token.text else "the expression ends too early"
            self.stop(token, what, "a field, a value or a condition is missing" if not token.text else "")
        return self._named(token)

    def _named(self, token: Token) -> Node:
        if token.text in FUNCTIONS and self.peek().text == "(":
            return self._call()
        match token.text:
            case "max" | "min" if self.peek().text == "(":
                return self._extreme()
            case "sent" if self.peek().text == "(":
                return self._sent()
            case "col" if self.peek().text == "(":
                return self._column(self.advance())
            case "params":
                return self._param()
            case "true" | "false":
                self.advance()
                return Literal(token.start, token.end, token.text == "true")
            case "now" | "today":
                self.stop(
                    token,
                    f"there is no `{token.text}`: a rule says when a message is due, and the engine watches the clock",
                    "put the date into `due`, such as `due: shipped + 7 days`",
                )
            case "null" | "none":
                self.stop(token, f"there is no `{token.text}`", "write `FIELD is not set` instead")
            case word if word in KEYWORDS and word not in ("max", "min", "sent"):
                self.stop(token, f"`{word}` is unexpected here", "a field, a value or a condition is missing before it")
        self.advance()
        if self.at("("):
            self.stop(token, f"`{token.text}` is not a function", _FUNCTION_HELP)
        return FieldRef(token.start, token.end, token.text)

    def _number(self) -> Node:
        if date := date_at(self.text, self.token.start):
            help_ = "compare with a field; `orders_from: 2026-08-01` limits a rule to later orders"
            self.stop(date, "an expression cannot contain a fixed date", help_)
        token = self.advance()
        if len(token.text) > MAX_DIGITS:
            self.stop(token, f"a number has at most {MAX_DIGITS} digits")
        unit_token = self.token
        if unit_token.kind == "text" or (unit_token.kind == "word" and unit_token.text not in KEYWORDS):
            return self._duration(token)
        value = Decimal(token.text) if "." in token.text else int(token.text)
        return Literal(token.start, token.end, value)

    def _duration(self, number: Token) -> Node:
        token = self.advance()
        words = token.text.strip("\"'")
        end = token.end
        if words in _FIRST_OF_TWO and self.token.kind == "word":
            words, end = f"{words} {self.token.text}", self.token.end
            self.advance()
        unit = UNIT_WORDS.get(words)
        if unit is None:
            help_ = UNITS_HELP
            if words.lower() in UNIT_WORDS:
                help_ = f"write `{words.lower()}` instead"
            self.stop(Token("word", words, token.start, end), f"`{words}` is not a unit", help_)
        if "." in number.text:
            self.stop(number, "a duration needs a whole number", "use a smaller unit, such as `36 hours`")
        return Literal(number.start, end, Duration(int(number.text), unit))

    def _extreme(self) -> Node:
        name = self.advance()
        self.expect("(", f"after `{name.text}`")
        arguments = [self._argument(name)]
        while self.accept(","):
            arguments.append(self._argument(name))
        closing = self.expect(")", f"after the arguments of `{name.text}`")
        return Extreme(name.start, closing.end, name.text, tuple(arguments))

    def _argument(self, name: Token) -> Argument:
        value = self._deeper(name, self._conditional)
        if self.accept("if"):
            end = self.expect("set", "after `if`").end
            return Argument(value.start, end, value, if_set=True)
        return Argument(value.start, value.end, value, if_set=False)

    def _call(self) -> Node:
        name = self.advance()
        self.expect("(", f"after `{name.text}`")
        arguments = [self._deeper(name, self._conditional)]
        while self.accept(","):
            arguments.append(self._deeper(name, self._conditional))
        closing = self.expect(")", f"after the arguments of `{name.text}`")
        return Call(name.start, closing.end, name.text, tuple(arguments))

    def _column(self, start: Token) -> Column:
        self.expect("(", "after `col`")
        if self.token.kind != "text":
            self.stop(self.token, "`col` takes the quoted name of a column", 'write `col("Paid at")`')
        name = self.advance().text[1:-1]
        closing = self.expect(")", "after the column's name")
        return Column(start.start, closing.end, name)

    def _sent(self) -> Node:
        start = self.advance()
        self.expect("(", "after `sent`")
        if self.token.kind != "text":
            self.stop(self.token, "`sent` takes the quoted id of a rule", 'write `sent("rule-id")`')
        ref = self.advance().text[1:-1]
        if self.at("if"):
            help_ = f'write `max(ordered, sent("{ref}") if set)`'
            self.stop(self.token, "`if set` comes after the parenthesis; it belongs to an argument of `max`", help_)
        closing = self.expect(")", "after the rule's id")
        return Sent(start.start, closing.end, ref)

    def _param(self) -> ParamRef:
        start = self.advance()
        self.expect(".", "after `params`")
        if self.token.kind != "word":
            self.stop(self.token, "the param's name is missing", "write `params.NAME`")
        name = self.advance()
        return ParamRef(start.start, name.end, name.text)

    def _source(self, node: Node) -> str:
        return self.text[node.start : node.end]
