"""Plain sentences for what the YAML parser refuses, with the corrected line wherever it can be told."""

from __future__ import annotations

import re

import yaml

from sendplan.dataclass import dataclass
from sendplan.problems import Problem, Span

EXPRESSION_KEYS = frozenset({"trigger", "due", "when", "requires", "only", "is", "each"})
"""Keys whose value is an expression; in them a leading quote, `[` or `!` belongs to the expression."""

_ENTRY = re.compile(r"\s*(?:- +)*(?P<key>[\w.-]+):[ \t]+(?P<value>\S.*?)\s*$")
_INNER_ENTRY = re.compile(r"[{,]\s*(?P<key>[\w.-]+):[ \t]+")
_REFERENCE_ENTRY = re.compile(r"[{,]\s*(?P<key>[\w.-]+):[ \t]+(?P<value>\$\{[^{}\"']*\})")
_EXPRESSION_ENTRY = re.compile(r"(?:^|[\s{,])(?P<key>trigger|due|when|requires|only|is|each):[ \t]*")
_SAME = "give all keys of one mapping the same indentation"
_QUOTE_IT = "put the text into quotes"
_COMMENT = re.compile(r"\s#.*$")


def quoted(text: str) -> str:
    """The text as a quoted YAML scalar, with the quote character that needs no escapes where there is one."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text and "\\" not in text:
        return f'"{text}"'
    return "'" + text.replace("'", "''") + "'"


def mended(expression: str) -> str:
    """The expression with `not` for `!`, and without a list where a date or field must stand."""
    text = re.sub(r"!(?!=)\s*", "not ", expression)
    text = re.sub(r"^\[\s*([\w.]+)\s*\]", r"\1", text)
    return re.sub(r"^\[([\w\s.,]+)\](?=\s*[-+])", r"max(\1)", text).strip()


def entry(key: str, expression: str, inside: bool) -> str:
    """`key: expression` as YAML reads it, quoted only when needed; `inside` braces more characters need it."""
    text = mended(expression)
    return f"{key}: {text if _stands_alone(text, inside) else quoted(text)}"


def explain(error: yaml.YAMLError, file: str, lines: list[str]) -> Problem:
    """The parser's error as a problem in plain words."""
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return Problem("yaml-syntax", "this is not valid YAML", Span(file, 1, 1, 2, lines[0] if lines else ""))
    fault = _Fault(file, lines, error.problem or "", error.context or "", mark, error.context_mark or mark)
    return fault.expression() or fault.reference() or fault.indentation() or fault.character() or fault.structure()


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of the parser, with the lines around it."""

    file: str
    lines: list[str]
    problem: str
    context: str
    mark: yaml.Mark
    began: yaml.Mark
    """Where the construct began that the parser was reading."""

    def expression(self) -> Problem | None:
        """An expression that YAML takes for something else: a leading quote, `[` or `!`, or a bracket inside `{ }`."""
        found = _expression_at(self._line(self.mark), self.mark.column)
        if found is None:
            return None
        key, value, inside = found
        message = f"YAML does not read the value of `{key}` as one text"
        return self._found("yaml-expression", message, self.mark, f"write `{entry(key, value, inside)}`")

    def reference(self) -> Problem | None:
        """`${NAME}` inside `{ }`, whose own brace YAML takes for one more mapping."""
        for found in _REFERENCE_ENTRY.finditer(self._line(self.mark)):
            if found.start("value") <= self.mark.column <= found.end():
                key, value = found["key"], found["value"]
                message = f"inside {{ }} the value of `{key}` needs quotes"
                return self._found("yaml-syntax", message, self.mark, f'write `{key}: "{value}"`')
        return None

    def indentation(self) -> Problem | None:
        """Tabs, and lines that are indented like none above them."""
        line = self._line(self.mark)
        before = line[: self.mark.column]
        if line[self.mark.column : self.mark.column + 1] == "\t" or ("\t" in before and not before.strip()):
            return self._found("yaml-indentation", "a tab cannot indent YAML", self.mark, "indent with spaces")
        if "document start" in self.problem:
            return self._found(
                "yaml-indentation", "this line belongs to nothing above it", self.mark, "indent it like the first line"
            )
        first = not before.strip(" -")
        if first and self.problem in ("did not find expected key", "did not find expected '-' indicator"):
            if line.lstrip().startswith("-") and "mapping" in self.context:
                return self._found("yaml-indentation", "a list item appears where a key was expected", self.mark)
            message = "this line is indented like none of the lines above it"
            return self._found("yaml-indentation", message, self.mark, _SAME)
        if self.problem.startswith("mapping values are not allowed") and ": " not in before:
            return self._above()
        return None

    def character(self) -> Problem | None:
        """A character that has a meaning to YAML at the start of a text, or an unknown escape."""
        at = self._line(self.mark)[self.mark.column : self.mark.column + 1]
        if "cannot start any token" in self.problem:
            sign = "a backtick" if at == "`" else f"`{at}`"
            return self._found("yaml-syntax", f"a text cannot begin with {sign}", self.mark, self._in_quotes())
        if "unknown escape" in self.problem:
            return self._found(
                "yaml-syntax",
                "in double quotes a backslash begins an escape, and this one does not exist",
                self.mark,
                "use single quotes: in them a backslash is a backslash",
            )
        if (
            "anchor" in self.context
            or "alias" in self.context
            or "block scalar" in self.context
            or "tag" in self.context
        ):
            sign = self._line(self.began)[self.began.column : self.began.column + 1]
            return self._found(
                "yaml-syntax", f"`{sign}` has a meaning of its own in YAML", self.began, self._in_quotes()
            )
        if "undefined tag" in self.problem:
            return self._found("yaml-tag", "tags are not supported", self.mark, self._in_quotes())
        return None

    def structure(self) -> Problem:
        """Quotes and brackets that are not closed, and text where none may stand."""
        if "quoted scalar" in self.context:
            return self._found("yaml-syntax", "this quote is never closed", self.began)
        if "':'" in self.problem:
            return self._without_colon()
        if "',' or" in self.problem:
            sign = "[" if "sequence" in self.context else "{"
            if self.mark.line > self.began.line:
                return self._found("yaml-syntax", f"this `{sign}` is never closed", self.began)
            message = f"a comma or the closing bracket of `{sign}` is missing before this"
            return self._found("yaml-syntax", message, self.mark, "a text with `:`, `,`, `[` or `{` needs quotes here")
        if self.problem.startswith("mapping values are not allowed"):
            message = "a colon followed by a space cannot appear in unquoted text"
            return self._found("yaml-syntax", message, self.mark, self._in_quotes())
        if self.problem == "did not find expected key":
            return self._found(
                "yaml-syntax", "the value ends before this, and more text follows", self.mark, self._in_quotes()
            )
        if "node content" in self.problem:
            return self._found("yaml-syntax", "a value was expected here", self.mark, self._in_quotes())
        if "document" in self.problem:
            return self._found("yaml-documents", "a document marker or directive is not allowed here", self.mark)
        return self._found("yaml-syntax", "this is not valid YAML", self.mark)

    def _without_colon(self) -> Problem:
        """A line that is no `key: value`, or lacks the blank after its colon."""
        line = self._line(self.began).strip()
        match = re.match(r"([\w-]+):?\s*(.*)", line)
        help = f"write `{match[1]}: {match[2] or 'VALUE'}`" if match else ""
        if match is not None and line[match.end(1) : match.end(1) + 1] == ":":
            return self._found("yaml-syntax", "a space is missing after the colon", self.began, help)
        return self._found("yaml-syntax", "this line has no colon", self.began, help)

    def _above(self) -> Problem | None:
        """What the line above lacks (a colon, or the blank after it) when this line is refused for standing deeper."""
        number = next((i for i in range(self.mark.line - 1, -1, -1) if self.lines[i].strip()), None)
        if number is None:
            return None
        line = self.lines[number]
        match = re.match(r"\s*(?:-(?=\w)|[\w-]+:(?=\S))", line)
        if match is not None:
            name = "dash" if match.group().endswith("-") else "colon"
            place = Span(self.file, number + 1, match.end(), match.end() + 1, line)
            correct = f"{line[: match.end()].strip()} {line[match.end() :].strip()}"
            return Problem("yaml-syntax", f"a space is missing after the {name}", place, f"write `{correct}`")
        start = len(line) - len(line.lstrip())
        if ":" not in line:
            place = Span(self.file, number + 1, start + 1, len(line) + 1, line)
            return Problem("yaml-syntax", "this line has no colon", place, f"write `{line.strip()}:`")
        message = "this line is indented deeper than the line above it, which already has a value"
        return self._found("yaml-indentation", message, self.mark, _SAME)

    def _in_quotes(self) -> str:
        """Help: the line's value in quotes; inside braces, the value of the key at the mark."""
        line = self._line(self.mark)
        match = _ENTRY.match(line)
        if line.lstrip(" -").startswith("{") or (match is not None and match["value"].startswith("{")):
            inner = [each for each in _INNER_ENTRY.finditer(line) if each.end() <= self.mark.column]
            return f"write `{inner[-1]['key']}: {quoted(_flow_value(line[inner[-1].end() :]))}`" if inner else _QUOTE_IT
        if match is None:
            return _QUOTE_IT
        value = _COMMENT.sub("", match["value"])
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        return f"write `{match['key']}: {quoted(value)}`"

    def _line(self, mark: yaml.Mark) -> str:
        return self.lines[mark.line] if mark.line < len(self.lines) else ""

    def _found(self, code: str, message: str, mark: yaml.Mark, help: str = "") -> Problem:
        return Problem(
            code, message, Span(self.file, mark.line + 1, mark.column + 1, mark.column + 2, self._line(mark)), help
        )


def _stands_alone(text: str, inside: bool) -> bool:
    """Whether YAML reads the unquoted text as exactly this text, on a line of its own or inside braces."""
    try:
        events = list(yaml.parse(f"{{key: {text}}}" if inside else f"key: {text}", Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return False
    scalars = [event for event in events if isinstance(event, yaml.ScalarEvent)]
    return len(scalars) == 2 and len(events) == 8 and scalars[1].tag is None and scalars[1].value == text


def _expression_at(line: str, column: int) -> tuple[str, str, bool] | None:
    """Key and whole value of the expression that holds the column, and whether it stands inside braces."""
    entries = [match for match in _EXPRESSION_ENTRY.finditer(line) if match.end() <= column]
    if not entries:
        return None
    last = entries[-1]
    inside = "{" in line[: last.start("key")]
    rest = line[last.end() :]
    value = _flow_value(rest) if inside else _COMMENT.sub("", rest).strip()
    return (last["key"], value, inside) if value and column <= last.end() + len(value) else None


def _flow_value(text: str) -> str:
    """The text up to the `, key:` or the closing `}` that follows it."""
    depth, quote = 0, ""
    for index, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and not quote and re.match(r",\s*[\w-]+:", text[index:])):
            return text[:index].strip()
    return text.strip()
