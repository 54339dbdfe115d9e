"""Text → expression tree: a small recursive-descent parser whose errors say what to write instead.

See docs/language.md#operators.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import NoReturn

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
    FOREIGN,
    FUNCTIONS,
    INSTEAD,
    KEYWORDS,
    Token,
    bare_item_at,
    date_at,
    token_at,
)
from sendplan.units import UNIT_WORDS, UNITS_HELP, Duration

MAX_DEPTH = 50
"""Nesting of parentheses and `not` that the parser follows."""
MAX_HEIGHT = 150
"""Levels of the tree, which a row of `+` or `.name` makes too: everything that walks down a tree may call itself."""
MAX_PARTS = 20_000
"""Words, numbers, texts and signs of one expression: beyond that it is data, and no condition any more."""
MAX_DIGITS = 40
"""As in the rest of a file; Python itself refuses numbers of thousands of digits."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A syntax or type error at characters `start` to `end` of the expression."""

    start: int
    end: int
    message: str
    help: str = ""
    code: str = "expression-syntax"


_FIRST_OF_TWO = frozenset(words.split()[0] for words in UNIT_WORDS if " " in words)
"""Words that begin a unit of two words."""

_FUNCTION_HELP = (
    'the functions of rules are max(…), min(…) and sent("rule"); mapping files also have sum, count, first, last, join'
)


class _StopError(Exception):
    """The parser cannot go on; its mistake is already noted."""


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
    except _StopError:
        return None, tuple(parser.mistakes)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.mistakes: list[Mistake] = []
        self.position = 0
        self.depth = 0
        self.read = 0
        self.token = Token("start", "", 0, 0)

    # --- tokens ---

    def _next(self) -> Token:
        token = token_at(self.text, self.position)
        self.position = token.end
        self.read += 1
        if self.read > MAX_PARTS:
            help_ = "give these orders a field of their own (`fields:`) and ask for it, or split the rule"
            self._stop(token, f"the expression has more than {MAX_PARTS:,} words and signs", help_)
        if token.kind == "bad":
            message = "the quote is never closed" if token.text in "\"'" else f"`{token.text}` has no meaning here"
            self._stop(token, message, FOREIGN.get(token.text, ""))
        word = token.text.lower()
        if token.kind == "word" and word in KEYWORDS and word != token.text and self._means_keyword(word):
            self._note(token, f"`{token.text}` must be lower case", f"write `{word}` instead")
            return replace(token, text=word)
        return token

    def _means_keyword(self, word: str) -> bool:
        """Whether a word of the language is meant, though not written small: `Max` alone is somebody's column."""
        opening = {"max": "(", "min": "(", "sent": "(", "params": "."}.get(word)
        return opening is None or self._peek().text == opening

    def _peek(self) -> Token:
        """The token after the present one."""
        return token_at(self.text, self.position)

    def _advance(self) -> Token:
        token = self.token
        self.token = self._next()
        return token

    def _at(self, *texts: str) -> bool:
        return self.token.text in texts  # texts keep their quotes, so nothing else reads like a word or an operator

    def _accept(self, *texts: str) -> Token | None:
        return self._advance() if self._at(*texts) else None

    def _expect(self, text: str, where: str) -> Token:
        if not self._at(text):
            self._stop(self.token, f"`{text}` is missing {where}", f"add `{text}`")
        return self._advance()

    def _note(self, token: Token, message: str, help_: str = "") -> None:
        self.mistakes.append(Mistake(token.start, token.end, message, help_))

    def _stop(self, token: Token, message: str, help_: str = "") -> NoReturn:
        self._note(token, message, help_)
        raise _StopError

    def _accept_operator(self, right: str, *wrong: str) -> Token | None:
        """Accept `right`; also its foreign spellings, each noted as a mistake so that the parse can go on."""
        if self.token.text in wrong:
            self._note(self.token, f"`{self.token.text}` is not an operator here", f"write `{right}` instead")
            return self._advance()
        return self._accept(right)

    # --- levels, loosest first ---

    def whole(self) -> Node:
        self._advance()
        if self.token.kind == "end":
            self._stop(self.token, "the expression is empty", "write a condition or a date, such as `shipped + 7 days`")
        node = self._conditional()
        if self.token.kind != "end":
            self._stop(self.token, f"`{self.token.text}` is unexpected here", self._help_unexpected())
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
                self._stop(place, f"the expression is more than {MAX_HEIGHT} levels deep; each `+` is one", help_)
            pending += [(child, height + 1) for child in children(node)]

    def _help_unexpected(self) -> str:
        if self._at(","):
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
        if not self._at("if") or self._peek().text == "set":  # `if set` belongs to the argument of `max` or `min`
            return value
        token = self._advance()
        if self._at(",", ")"):
            self._expect("set", "after `if`")
        condition = self._or()
        otherwise = self._deeper(token, self._conditional) if self._accept("else") else None
        return Conditional(value.start, (otherwise or condition).end, value, condition, otherwise)

    def _or(self) -> Node:
        return self._joined(self._and, Or, "or", "||")

    def _and(self) -> Node:
        return self._joined(self._not, And, "and", "&&")

    def _joined(self, level: Callable[[], Node], make: type[And] | type[Or], word: str, wrong: str) -> Node:
        parts = [level()]
        while self._accept_operator(word, wrong):
            parts.append(level())
        return parts[0] if len(parts) == 1 else make(parts[0].start, parts[-1].end, tuple(parts))

    def _not(self) -> Node:
        token = self._accept_operator("not", "!")
        if token is None:
            return self._comparison()
        with_depth = self._deeper(token, self._not)
        return Not(token.start, with_depth.end, with_depth)

    def _deeper(self, token: Token, level: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._stop(token, f"the expression is nested more than {MAX_DEPTH} deep", "split it into several rules")
        node = level()
        self.depth -= 1
        return node

    def _comparison(self) -> Node:
        left = self._sum()
        node = self._compared(left)
        if node is not left and self._at(*COMPARISONS, *INSTEAD, "in", "has", "is"):
            self._stop(self.token, "comparisons cannot be chained", "write `a < b and b < c`")
        return node

    def _compared(self, left: Node) -> Node:
        if self._at(*INSTEAD):
            wrong = self.token
            self._note(wrong, f"`{wrong.text}` is not an operator here", f"write `{INSTEAD[wrong.text]}` instead")
            return self._right_side(left, INSTEAD[self._advance().text])
        if self._at(*COMPARISONS):
            return self._right_side(left, self._advance().text)
        if self._accept("in"):
            return self._in(left, negated=False)
        if self._at("not"):
            token = self._advance()
            if self._at("set"):
                self._stop(token, "`not` is unexpected here", f"write `{self._source(left)} is not set`")
            if not self._at("in"):
                self._stop(token, "`not` is unexpected here", "write `not in [...]`, or `and not ...`")
            self._advance()
            return self._in(left, negated=True)
        if self._accept("has"):
            right = self._sum()
            return Has(left.start, right.end, left, right)
        if self._accept("is"):
            return self._is_set(left)
        return left

    def _right_side(self, left: Node, operator: str) -> Node:
        if self.token.kind == "word" and self.token.text.lower() in ("null", "none", "nil"):
            form = "is not set" if operator == "==" else "is set"
            self._note(self.token, f"there is no `{self.token.text}`", f"write `{self._source(left)} {form}` instead")
            token = self._advance()
            return IsSet(left.start, token.end, left, operator == "==")
        right = self._sum()
        return Compare(left.start, right.end, operator, left, right)

    def _is_set(self, left: Node) -> Node:
        negated = self._accept("not") is not None
        if self.token.kind == "word" and self.token.text.lower() in ("null", "none", "empty", "missing"):
            form = "is set" if negated else "is not set"
            self._note(self.token, f"there is no `{self.token.text}`", f"write `{self._source(left)} {form}` instead")
        elif not self._at("set"):
            help_ = f"write `{self._source(left)} is set`, or compare with `==`"
            self._stop(self.token, "`is` must be followed by `set` or `not set`", help_)
        token = self._advance()
        return IsSet(left.start, token.end, left, negated)

    def _in(self, left: Node, *, negated: bool) -> Node:
        if self._at("params"):
            param = self._param()
            return In(left.start, param.end, left, param, negated)
        if not self._at("["):
            self._stop(self.token, "`in` must be followed by a list in brackets", "write `in [one, two]`")
        items: list[Item] = []
        while True:
            items.append(self._item())
            if self.token.kind == "operator" and self.token.text == "]":
                break
            if not self._at(","):
                self._stop(self.token, "separate the items of a list with commas", "add `,` or close with `]`")
        closing = self._advance()
        return In(left.start, closing.end, left, tuple(items), negated)

    def _item(self) -> Item:
        if bare := bare_item_at(self.text, self.position):
            self.position = bare.end
            item = Item(bare.start, bare.end, bare.text, bare=True)
        else:
            self.token = self._next()
            if self.token.kind != "text":
                help_ = "write `[one, two]`; quote items with other characters"
                self._stop(self.token, "an item is missing here", help_)
            item = Item(self.token.start, self.token.end, self.token.text[1:-1], bare=False)
        self.token = self._next()
        return item

    def _sum(self) -> Node:
        node = self._product()
        while self._at("+", "-"):
            sign = 1 if self._advance().text == "+" else -1
            right = self._product()
            node = Add(node.start, right.end, node, right, sign)
        return node

    def _product(self) -> Node:
        node = self._part()
        while self._at("*", "/"):
            operator = self._advance().text
            right = self._part()
            node = Multiply(node.start, right.end, operator, node, right)
        return node

    def _part(self) -> Node:
        """A value, then the way into its parts: `.name`, `.col("name")`, `[condition]`."""
        node = self._primary()
        while True:
            if self._at("."):
                node = self._get(node)
            elif self._at("["):
                opening = self._advance()
                condition = self._deeper(opening, self._conditional)
                closing = self._expect("]", "after the condition")
                node = Where(node.start, closing.end, node, condition)
            else:
                return node

    def _get(self, base: Node) -> Node:
        # Behind the dot every word is a name, also one of the language.
        name = self._peek()
        if name.kind != "word":
            self._stop(name, "a name is missing after the `.`", 'write `a.b`, or `a.col("other characters")`')
        self.position = name.end
        self.token = self._next()
        if name.text == "col" and self._at("("):
            column = self._column(name)
            return Get(base.start, column.end, base, column.name)
        return Get(base.start, name.end, base, name.text)

    def _primary(self) -> Node:
        token = self.token
        if token.kind == "number":
            return self._number()
        if token.kind == "text":
            self._advance()
            return Literal(token.start, token.end, token.text[1:-1])
        if self._at("-"):
            self._stop(token, "a value cannot begin with `-`", "write `shipped - 7 days` to go back from a date")
        if self._accept("("):
            inner = self._deeper(token, self._conditional)
            if self.token.kind == "end":
                self._stop(token, "this `(` is never closed", "add `)`")
            closing = self._expect(")", "before this")
            return replace(inner, start=token.start, end=closing.end)
        if token.kind != "word":
            what = f"`{token.text}` is unexpected here" if token.text else "the expression ends too early"
            self._stop(token, what, "a field, a value or a condition is missing" if not token.text else "")
        return self._named(token)

    def _named(self, token: Token) -> Node:
        if token.text in FUNCTIONS and self._peek().text == "(":
            return self._call()
        match token.text:
            case "max" | "min" if self._peek().text == "(":
                return self._extreme()
            case "sent" if self._peek().text == "(":
                return self._sent()
            case "col" if self._peek().text == "(":
                return self._column(self._advance())
            case "params":
                return self._param()
            case "true" | "false":
                self._advance()
                return Literal(token.start, token.end, token.text == "true")
            case "now" | "today":
                self._stop(
                    token,
                    f"there is no `{token.text}`: a rule says when a message is due, and the engine watches the clock",
                    "put the date into `due`, such as `due: shipped + 7 days`",
                )
            case "null" | "none":
                self._stop(token, f"there is no `{token.text}`", "write `FIELD is not set` instead")
            case word if word in KEYWORDS and word not in ("max", "min", "sent"):
                self._stop(
                    token, f"`{word}` is unexpected here", "a field, a value or a condition is missing before it"
                )
        self._advance()
        if self._at("("):
            self._stop(token, f"`{token.text}` is not a function", _FUNCTION_HELP)
        return FieldRef(token.start, token.end, token.text)

    def _number(self) -> Node:
        if date := date_at(self.text, self.token.start):
            help_ = "compare with a field; `orders_from: 2026-08-01` limits a rule to later orders"
            self._stop(date, "an expression cannot contain a fixed date", help_)
        token = self._advance()
        if len(token.text) > MAX_DIGITS:
            self._stop(token, f"a number has at most {MAX_DIGITS} digits")
        unit_token = self.token
        if unit_token.kind == "text" or (unit_token.kind == "word" and unit_token.text not in KEYWORDS):
            return self._duration(token)
        value = Decimal(token.text) if "." in token.text else int(token.text)
        return Literal(token.start, token.end, value)

    def _duration(self, number: Token) -> Node:
        token = self._advance()
        words = token.text.strip("\"'")
        end = token.end
        if words in _FIRST_OF_TWO and self.token.kind == "word":
            words, end = f"{words} {self.token.text}", self.token.end
            self._advance()
        unit = UNIT_WORDS.get(words)
        if unit is None:
            help_ = UNITS_HELP
            if words.lower() in UNIT_WORDS:
                help_ = f"write `{words.lower()}` instead"
            self._stop(Token("word", words, token.start, end), f"`{words}` is not a unit", help_)
        if "." in number.text:
            self._stop(number, "a duration needs a whole number", "use a smaller unit, such as `36 hours`")
        return Literal(number.start, end, Duration(int(number.text), unit))

    def _extreme(self) -> Node:
        name = self._advance()
        self._expect("(", f"after `{name.text}`")
        arguments = [self._argument(name)]
        while self._accept(","):
            arguments.append(self._argument(name))
        closing = self._expect(")", f"after the arguments of `{name.text}`")
        return Extreme(name.start, closing.end, name.text, tuple(arguments))

    def _argument(self, name: Token) -> Argument:
        value = self._deeper(name, self._conditional)
        if self._accept("if"):
            end = self._expect("set", "after `if`").end
            return Argument(value.start, end, value, if_set=True)
        return Argument(value.start, value.end, value, if_set=False)

    def _call(self) -> Node:
        name = self._advance()
        self._expect("(", f"after `{name.text}`")
        arguments = [self._deeper(name, self._conditional)]
        while self._accept(","):
            arguments.append(self._deeper(name, self._conditional))
        closing = self._expect(")", f"after the arguments of `{name.text}`")
        return Call(name.start, closing.end, name.text, tuple(arguments))

    def _column(self, start: Token) -> Column:
        self._expect("(", "after `col`")
        if self.token.kind != "text":
            self._stop(self.token, "`col` takes the quoted name of a column", 'write `col("Paid at")`')
        name = self._advance().text[1:-1]
        closing = self._expect(")", "after the column's name")
        return Column(start.start, closing.end, name)

    def _sent(self) -> Node:
        start = self._advance()
        self._expect("(", "after `sent`")
        if self.token.kind != "text":
            self._stop(self.token, "`sent` takes the quoted id of a rule", 'write `sent("rule-id")`')
        ref = self._advance().text[1:-1]
        if self._at("if"):
            help_ = f'write `max(ordered, sent("{ref}") if set)`'
            self._stop(self.token, "`if set` comes after the parenthesis; it belongs to an argument of `max`", help_)
        closing = self._expect(")", "after the rule's id")
        return Sent(start.start, closing.end, ref)

    def _param(self) -> ParamRef:
        start = self._advance()
        self._expect(".", "after `params`")
        if self.token.kind != "word":
            self._stop(self.token, "the param's name is missing", "write `params.NAME`")
        name = self._advance()
        return ParamRef(start.start, name.end, name.text)

    def _source(self, node: Node) -> str:
        return self.text[node.start : node.end]
