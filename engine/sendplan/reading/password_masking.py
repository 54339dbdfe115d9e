"""Passwords that stand in a file by mistake: hidden before the file is parsed, so that no report can show them."""

from __future__ import annotations

import re

_DOT = "•"
_KEY = r"(?:[a-z]+[_-])?(?:p\w?s+\w{0,2}w\w{1,4}|pass|passphrase|pwd|kennwort|secret)"
"""`password`, also misspelled, and `secret`: an unknown key's line is shown to the user like any other."""
_GIVEN = re.compile(
    rf"""(?:^|[{{,])[ \t]*(?:-[ \t]+)*(?P<key>["']?{_KEY}["']?)[ \t]*:(?=\s|\Z)[ \t]*
    | ^[ \t]*{_KEY}(?:[ \t]*=|:|[ \t])[ \t]*(?P<only>[^\s:]+)[ \t]*$""",
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_REFERENCE = re.compile(r"""(["']?)\$\{(?:[A-Za-z_]\w*|file:[^{}\r\n]+)\}\1(?=[\s,}]|\Z)""")
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'""", re.DOTALL)
_END_IN_BRACES = re.compile(r"\s*(?:,\s*[\w\"'-]+\s*:|\})")
_LINE = re.compile(r"(?:\r\n|\r|\n)([ \t]*)([^\r\n]*)")
_URL = re.compile(r"(?<=://)([^/\s:@]*:)([^/\s@]+)(?=@)")


def masked(text: str) -> str:
    """The YAML text with a dot for each character of a password, so that everything keeps its place.

    References such as `${SMTP_PASSWORD}` and `${file:PATH}` stay. A password may be quoted, and go on below its line.
    """
    parts: list[str] = []
    done = 0
    for match in _GIVEN.finditer(text):
        if match.start() < done or _REFERENCE.match(text, match.end()):
            continue
        start, end = match.span("only") if match["only"] else (match.end(), _end(text, match))
        parts += (text[done:start], _dotted(text[start:end]))
        done = end
    return "".join((*parts, text[done:]))


def without_url_password(line: str) -> str:
    """The line with dots for the password in an address such as `postgresql://user:password@host`."""
    return _URL.sub(lambda match: match[1] + _DOT * len(match[2]), line)


def _end(text: str, key: re.Match[str]) -> int:
    """Where the value after a key ends: at its quote, in braces before the next key, else with the lines below it."""
    if quoted := _QUOTED.match(text, key.end()):
        return quoted.end()
    if text[key.start()] in "{,":
        found = _END_IN_BRACES.search(text, key.end())
        return found.start() if found else len(text)
    line_start = max(text.rfind("\n", 0, key.start("key")), text.rfind("\r", 0, key.start("key"))) + 1
    column = key.start("key") - line_start
    end = next((each.start() for each in _LINE.finditer(text, key.end())), len(text))
    for below in _LINE.finditer(text, end):
        if below[2] and len(below[1]) <= column:
            break
        end = below.end()
    return end


def _dotted(value: str) -> str:
    """Dots for all but blanks, the quotes around and the signs of braces behind, so that it stays one YAML value."""
    kept = re.search(r"[\s,}]*\Z", value)
    assert kept is not None
    inner = value[: kept.start()]
    if _QUOTED.fullmatch(inner):
        return f"{inner[0]}{_hidden(inner[1:-1])}{inner[-1]}{kept[0]}"
    return _hidden(inner) + kept[0]


def _hidden(text: str) -> str:
    return re.sub(r"\S", _DOT, text)
