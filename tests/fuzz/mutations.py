"""Files as nobody should write them: a file of the example shop with a few random changes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

NASTY = (
    *("", "null", "~", "true", "-1", "0", "1e999", "9" * 5000, "0x10", ".inf", ".nan", "NaN", "1,5", "1.099,90"),
    *("2026-02-30", "0000-00-00", "9999-12-31", "1-1-1", "24:00", "2026-08-24T25:00", "%d%d", "%", "%Y%", "epoch"),
    *("*", "&a [*a, *a]", "*a", "!!python/object:os.system x", "<<: {a: 1}", "---", "...", "? a", "|", ">", "# x"),
    *("{{", "}}", "{%", "{{ order }}", "{% if %}", "{% include 'x' %}", "{{ order.id | x }}", "{# ", "${params.x}"),
    *("${file:/dev/zero}", "${X}", "../../etc/passwd", "/dev/null", "\x00", "\x1b[31m", "\u202e", "😀", "é", "\ufeff"),
    *("=1+1", "@x", "<b>x</b>", "](javascript:x)", "[a](b)", "\\", "'", '"', "`", "|a|b|\n|-|-|\n" * 50, "*_" * 3000),
    *("10000000 business days", "99999999 years", "0 days", "-3 days", "* * * * *", "0 0 30 2 *", "*/0 * * * *"),
    *(
        "Europe/Nowhere",
        "XX",
        "xx-YY-zz",
        "e" * 300 + "@example.com",
        "a@b@c",
        "a@xn--a",
        "=?utf-8?q?=0A?=",
        "a" * 70_000,
    ),
    *(
        "(" * 60,
        "not " * 60,
        "[" * 60,
        "items" + " + 1" * 300,
        "x or " * 300,
        "a if b else " * 60,
        "max(" * 40,
        ", " * 500,
    ),
)
"""What is put in the place of something sensible."""

_WORD = re.compile(r"[^\W_][\w.@-]*")
Change = Callable[[str, random.Random, Sequence[str]], str]


def _position(text: str, chance: random.Random) -> int:
    return chance.randrange(len(text) + 1)


def _slice(text: str, chance: random.Random, longest: int) -> tuple[int, int]:
    start = _position(text, chance)
    return start, min(len(text), start + chance.randrange(1, longest))


def _insert(text: str, chance: random.Random, others: Sequence[str]) -> str:
    at = _position(text, chance)
    return text[:at] + chance.choice(NASTY) + text[at:]


def _replace_word(text: str, chance: random.Random, others: Sequence[str]) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    return text[: word.start()] + chance.choice(NASTY) + text[word.end() :]


def _swap_words(text: str, chance: random.Random, others: Sequence[str]) -> str:
    words = list(_WORD.finditer(text))
    if not words:
        return text
    word, other = chance.choice(words), chance.choice(words)
    return text[: word.start()] + other[0] + text[word.end() :]


def _delete(text: str, chance: random.Random, others: Sequence[str]) -> str:
    start, end = _slice(text, chance, 200)
    return text[:start] + text[end:]


def _repeat(text: str, chance: random.Random, others: Sequence[str]) -> str:
    start, end = _slice(text, chance, 60)
    return text[:end] + text[start:end] * chance.choice((1, 2, 50, 1500)) + text[end:]


def _lines(text: str, chance: random.Random, others: Sequence[str]) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(4):
        case 0:
            lines.insert(to, lines[at])
        case 1:
            lines[at] = "  " * chance.randrange(1, 4) + lines[at]
        case 2:
            lines[at] = lines[at].lstrip()
        case _:
            lines[at], lines[to] = lines[to], lines[at]
    return "".join(lines)


def _splice(text: str, chance: random.Random, others: Sequence[str]) -> str:
    other = chance.choice(others)
    start, end = _slice(other, chance, 400)
    at = _position(text, chance)
    return text[:at] + other[start:end] + text[at:]


CHANGES: tuple[Change, ...] = (_insert, _replace_word, _replace_word, _swap_words, _delete, _repeat, _lines, _splice)


def mutated(content: bytes, chance: random.Random, others: Sequence[str]) -> bytes:
    """A file with some changes; sometimes it is cut off, or some of its bytes are others."""
    text = content.decode("utf-8", "surrogateescape")
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        text = chance.choice(CHANGES)(text, chance, others)[:2_000_000]
    changed = bytearray(text.encode("utf-8", "surrogateescape"))
    if changed and chance.random() < 0.1:
        for _ in range(chance.randrange(1, 8)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    if chance.random() < 0.05:
        del changed[chance.randrange(len(changed) + 1) :]
    return bytes(changed)
