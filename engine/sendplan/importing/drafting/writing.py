"""A draft → the text of a mapping file, with comments where it guessed (docs/mapping.md#draft)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from sendplan.importing.drafting.draft import Draft, DraftedField
from sendplan.importing.drafting.matching import draft
from sendplan.importing.drafting.sampling import sample_of
from sendplan.project.settings import Settings

_PLAIN = re.compile(r"[^\W\d_][\w./@-]*(?: [\w./@()-]+)*")
_RESERVED = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"))
_ORDER = (
    *("format", "encoding", "delimiter", "quotes", "sheet", "header", "orders", "only", "group", "accounts"),
    *("decimal", "thousands", "dates", "timezone", "months", "empty"),
)
_FIELDS = (
    *("id", "number", "account", "customer", "status", "payment_method", "tags", "email", "name", "language"),
    *("street", "postcode", "city", "country", "billing_country", "items", "lines", "total", "paid_amount"),
    *("credited", "shipping_cost", "currency", "ordered", "payment_due", "paid", "shipped", "delivered", "cancelled"),
    *("returned", "parked", "disputed", "consent"),
)


def first_mapping(path: Path, name: str, settings: Settings) -> str:
    """The text of a mapping for a file, from a look at its first orders; `name` is how messages call the file.

    Raises UserError when it cannot be read, or holds no orders.
    """
    return _text(draft(sample_of(path, name), settings), Path(name).name)


def _text(draft: Draft, file: str) -> str:
    lines = [f"# A first mapping for {file}, from a look at it. What is marked with `guess` wants your eye."]
    for key in _ORDER:
        if key in draft.options:
            said = _expression(draft.options[key]) if key == "only" else _value(draft.options[key])
            lines.append(_with_guess(f"{key}: {said}", draft.guesses.get(key)))
    if draft.let:
        lines.append("let:")
        for name, text in draft.let.items():
            lines.append(_with_guess(f"  {name}: {_expression(text)}", draft.guesses.get(name)))
    lines.append(_with_guess("fields:", draft.guesses.get("fields")))
    for name in _FIELDS:
        if name in draft.fields:
            source = draft.fields[name]
            lines.append(_with_guess(f"  {name}: {_source(source)}", source.guess))
        elif name in draft.left_out:
            lines.append(f"  # {name}: guess: {draft.left_out[name]}")
    return "\n".join(lines) + "\n"


def _with_guess(line: str, guess: str | None) -> str:
    return f"{line}  # guess: {' '.join(guess.split())}" if guess else line


def _source(source: DraftedField) -> str:
    if not source.options:
        return _block(source.text)
    named = {("is" if source.text.startswith("=") else "column"): source.text.removeprefix("=")} if source.text else {}
    return _value({**named, **source.options})


def _block(text: str) -> str:
    """A name, or an expression behind `=`, on a line of its own."""
    return _expression(text) if text.startswith("=") else _scalar(text)


def _expression(text: str) -> str:
    unsafe = re.search(r": | #|\t|[^\x20-\uffff]", text) or not (text[0].isalpha() or text[0] == "=")
    return "'" + text.replace("'", "''") + "'" if unsafe else text


def _value(value: Any) -> str:
    """A value in flow style."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.casefold() not in _RESERVED
    return text if plain else json.dumps(text, ensure_ascii=False)
