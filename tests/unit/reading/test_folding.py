"""Lines that fit: the text part of a mail, and the tables of the command line."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sendplan.commands.output import print_table
from sendplan.templates.plaintext import _wrapped

WORDS = st.lists(st.sampled_from(["a", "to", "order", "a-hyphen", "x" * 30, "ä", " ", "  "]), max_size=30).map(" ".join)


@given(WORDS, st.integers(1, 40))
@example("x" * 90, 40)
def test_a_paragraph_is_folded_as_textwrap_folds_it(line: str, width: int) -> None:
    """The text part breaks its lines where the standard library would, and never within a word."""
    expected = textwrap.fill(line.strip(), width, break_long_words=False, break_on_hyphens=False)
    assert _wrapped(line, width) == expected


def test_a_wide_table_loses_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    """What does not fit into a piped table's width goes on in the next line of its column."""
    words = [f"word{number}" for number in range(60)]
    print_table(("Order", "Why"), [("E1", " ".join(words)), ("E2", "日本")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 160
    assert [word for line in lines for word in line.split() if word.startswith("word")] == words
    column = lines[0].index("Why")
    assert lines[2].startswith("E1")
    assert {line[:column].strip() for line in lines[3:]} == {"", "E2"}
