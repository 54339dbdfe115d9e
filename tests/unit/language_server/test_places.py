"""Which words an editor proposes where somebody writes."""

from __future__ import annotations

import pytest

from sendplan.language_server.names import NameKind
from sendplan.language_server.places import DURATION, EXPRESSION, kinds_at, word_at


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("    trigger: not ", EXPRESSION),
        ("    due: max(ship", EXPRESSION),
        ("    due: ordered + 7 ", (NameKind.UNIT,)),
        ("    due: ordered + 7 busi", (NameKind.UNIT,)),
        ("    due: ordered + params.", (NameKind.PARAM,)),
        ('    due: sent("', (NameKind.RULE, NameKind.MESSAGE)),
        ("    template: ", (NameKind.TEMPLATE,)),
        ("    - {id: a, template: pay", (NameKind.TEMPLATE,)),
        ("    regions: [domestic, ", (NameKind.REGION,)),
        ("    regions:\n      - dom", (NameKind.REGION,)),
        ("    regions:\n    - dom", (NameKind.REGION,)),
        ("  web: {portal: shop, sender: ", (NameKind.SENDER,)),
        ("  web: {skip: [", (NameKind.RULE,)),
        ("    window: ", (NameKind.WINDOW,)),
        ("    class: ", (NameKind.CLASS,)),
        ("    expires: ", DURATION),
        ("    title: ", ()),
        ("", ()),
    ],
)
def test_only_words_that_fit_are_proposed(text: str, kinds: tuple[NameKind, ...]) -> None:
    """A key or an expression gets the names that it takes, and free text none."""
    lines = text.split("\n")
    assert kinds_at(lines, len(lines) - 1, len(lines[-1])) == kinds


def test_a_template_gets_the_orders_fields() -> None:
    """After `order.` in a template the fields fit; in the text around it nothing does."""
    assert kinds_at(["Hallo {{ order."], 0, 15, template=True) == (NameKind.FIELD,)
    assert kinds_at(["order."], 0, 6, template=True) == ()
    assert kinds_at([], 3, 0) == ()


@pytest.mark.parametrize(("column", "word"), [(4, "trigger"), (15, "open_amount"), (2, ""), (26, "")])
def test_the_word_under_the_cursor(column: int, word: str) -> None:
    """Pointing anywhere at a word means the whole of it."""
    assert word_at("    trigger: open_amount >= 1", column) == word
