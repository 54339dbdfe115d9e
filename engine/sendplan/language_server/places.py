"""Which words fit where the cursor is: from the line up to it, and the keys above that line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sendplan.language_server.names import NameKind

EXPRESSION = (NameKind.FIELD, NameKind.PARAM, NameKind.FUNCTION, NameKind.WORD)
DURATION = (NameKind.UNIT, NameKind.PARAM)
_BY_KEY: dict[str, tuple[NameKind, ...]] = {
    "template": (NameKind.TEMPLATE,),
    "window": (NameKind.WINDOW,),
    "regions": (NameKind.REGION,),
    "region": (NameKind.REGION,),
    "class": (NameKind.CLASS,),
    "sender": (NameKind.SENDER,),
    "account": (NameKind.ACCOUNT,),
    "accounts": (NameKind.ACCOUNT,),
    "portal": (NameKind.PORTAL,),
    "skip": (NameKind.RULE,),
    "rule": (NameKind.RULE,),
    "rules": (NameKind.RULE,),
    "formerly": (NameKind.MESSAGE, NameKind.RULE),
    **dict.fromkeys(("trigger", "due", "when", "requires"), EXPRESSION),
    **dict.fromkeys(("after", "every", "expires", "lookback", "retention"), DURATION),
    "depth": (NameKind.PARAM,),
    "fresh_within": (NameKind.FIELD,),
    "fields": (NameKind.FIELD,),
}
_KEY = re.compile(r"(?:^|[{,\s])-?\s*([a-z_]+):(?=\s)")
_INDENT = re.compile(r"[ ]*(?:- +)*")
_WORD = re.compile(r"[\w.-]*$")


def kinds_at(lines: Sequence[str], line: int, column: int, *, template: bool = False) -> tuple[NameKind, ...]:
    """The kinds of words that fit at a place (both from 0) of a YAML file, or of a template."""
    before = lines[line][:column] if line < len(lines) else ""
    if re.search(r"\bparams\.\w*$", before):
        return (NameKind.PARAM,)
    if re.search(r"""\bsent\(\s*["'][\w/-]*$""", before):
        return (NameKind.RULE, NameKind.MESSAGE)
    if template:
        return (NameKind.FIELD,) if re.search(r"\{[{%][^}]*\border\.\w*$", before) else ()
    if re.search(r"\d +[a-z ]*$", before):
        return (NameKind.UNIT,)
    return _BY_KEY.get(_key_of(lines, line, before), ())


def _key_of(lines: Sequence[str], line: int, before: str) -> str:
    """The key whose value is being written: on this line, else the nearest above with less indentation."""
    found = _KEY.findall(before)
    if found:
        return str(found[-1])
    depth = _depth(before)
    for above in reversed(lines[:line]):
        if above.strip() and not above.lstrip().startswith("#") and _depth(above) < max(depth, 1):
            keys = _KEY.findall(f"{above} ")
            return str(keys[-1]) if keys else ""
    return ""


def _depth(line: str) -> int:
    found = _INDENT.match(line)
    return found.end() if found else 0


def word_at(text: str, column: int) -> str:
    """The word under the cursor, with dots and slashes; empty when there is none."""
    begin = _WORD.search(text[:column])
    end = re.match(r"[\w-]*", text[column:])
    return (begin[0] if begin else "") + (end[0] if end else "")


def typed(before: str) -> str:
    """What of a word stands before the cursor already, after its last dot."""
    found = re.search(r"[\w/-]*$", before)
    return found[0] if found else ""
