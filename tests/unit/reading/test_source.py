"""YAML is read strictly, and every value knows where it stands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sendplan.problems import Problem
from sendplan.reading import source
from sendplan.reading.source import Document, Plain


def read(text: str) -> Document:
    document, problems = source.parse(textwrap.dedent(text), "file.yaml")
    assert problems == []
    assert document is not None
    return document


def refused(text: str) -> Problem:
    _, problems = source.parse(textwrap.dedent(text), "file.yaml")
    (problem,) = problems
    return problem


def place(document: Document, *path: str | int) -> str:
    """The characters that a span marks."""
    span = document.span(path)
    return span.text[span.column - 1 : span.end_column - 1]


@pytest.mark.parametrize(
    "text", ["NO", "yes", "on", "2026-08-11", "08:00-18:00", "2024/17", ".inf", "1_000", "12:30:00"]
)
def test_words_of_older_yaml_versions_are_text(text: str) -> None:
    """The country NO, a date and a time stay the text they are."""
    value = read(f"key: {text}").data["key"]
    assert value == text
    assert not isinstance(value, Plain)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01067", 1067),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("19.90", Decimal("19.90")),
        ("1e3", Decimal("1e3")),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_core_types_keep_their_characters(text: str, value: object) -> None:
    """The postcode 01067 keeps its zero, and whoever wants a number gets an exact one."""
    plain = read(f"key: {text}").data["key"]
    assert isinstance(plain, Plain)
    assert str(plain) == text
    assert plain.value == value
    assert type(plain.value) is type(value)


def test_quoted_scalars_are_text() -> None:
    """What stands in quotes is text, whatever it looks like."""
    data = read("""{a: "1", b: 'true', c: ""}""").data
    assert data == {"a": "1", "b": "true", "c": ""}
    assert not any(isinstance(value, Plain) for value in data.values())


def test_keys_are_always_text() -> None:
    """Keys such as 1, true and NO are the text they are written as."""
    assert list(read("1: a\ntrue: b\nNO: c\n").data) == ["1", "true", "NO"]


def test_numbers_too_large_to_be_meant_stay_text() -> None:
    """A number of five thousand digits or a huge exponent cannot stop the program."""
    data = read(f"a: {'9' * 5000}\nb: 1e999999999\n").data
    assert not isinstance(data["a"], Plain)
    assert not isinstance(data["b"], Plain)


def test_duplicate_key_names_the_first() -> None:
    """A key that appears twice is an error that names the line of the first."""
    problem = refused("id: a\ntitle: x\nid: b\n")
    assert problem.code == "yaml-duplicate-key"
    assert "line 1" in problem.message
    assert str(problem.span) == "file.yaml:3:1"


@pytest.mark.parametrize("text", ["- " * 3000 + "x", "[" * 3000, "{a: " * 3000])
def test_deep_nesting_is_a_problem(text: str) -> None:
    """Three thousand levels of nesting are refused with a place, not with a crash."""
    assert refused(text).code == "yaml-nesting"


def test_alias_bomb_is_a_problem() -> None:
    """A few lines of aliases that stand for billions of values are refused."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    problem = refused("\n".join(lines))
    assert problem.code == "yaml-alias"
    assert "10,000" in problem.message


def test_aliases_count_towards_the_depth() -> None:
    """Aliases cannot build a deeper structure than plain nesting could."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60))]
    assert refused("\n".join(lines)).code == "yaml-nesting"


def test_alias_repeats_its_value() -> None:
    """An anchor and its alias hold the same value."""
    assert read("a: &x [1, 2]\nb: *x\n").data["b"] == ["1", "2"]


def test_alias_inside_its_own_anchor_is_a_problem() -> None:
    """A list cannot contain itself."""
    assert refused("a: &a [*a]").code == "yaml-alias"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: !!python/object/apply:os.system [x]", "yaml-tag"),
        ("a: !custom x", "yaml-tag"),
        ("base: &b {x: 1}\nrule: {<<: *b}", "yaml-merge-key"),
        ("a: 1\n---\nb: 2\n", "yaml-documents"),
        ("? [a, b]\n: c\n", "yaml-key"),
        ("a: {{ x }}\n", "yaml-key"),
        ("a:\n\tb: 1\n", "yaml-indentation"),
        ("a: \x07\n", "yaml-character"),
        ("", "yaml-empty"),
        ("# only a comment\n", "yaml-empty"),
        ("﻿", "yaml-empty"),
    ],
)
def test_yaml_that_is_not_supported(text: str, code: str) -> None:
    """Tags, merge keys, several documents, tabs and control characters are refused by name."""
    assert refused(text).code == code


def test_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """A file saved with a byte order mark reads like any other."""
    assert read("\ufeffshop: x").data == {"shop": "x"}


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ('trigger: "ebay" == portal', """trigger: '"ebay" == portal'"""),
        ("trigger: !cancelled", "trigger: not cancelled"),
        ("trigger: !cancelled and items < 3", "trigger: not cancelled and items < 3"),
        ('trigger: !sent("x") and paid', 'trigger: not sent("x") and paid'),
        ("due: [shipped] + 7 days", "due: shipped + 7 days"),
        ("due: [shipped, paid] + 7 days", "due: max(shipped, paid) + 7 days"),
        ("{trigger: portal in [ebay, amazon], regions: [x]}", "trigger: 'portal in [ebay, amazon]'"),
        ("{due: max(paid, shipped) + 7 days, id: x}", "due: 'max(paid, shipped) + 7 days'"),
        ("{due: max(a, b, c), id: x}", "due: 'max(a, b, c)'"),
        ("{when: parked, disputed}", "when: 'parked, disputed'"),
        ('{trigger: "ebay" == portal}', """trigger: '"ebay" == portal'"""),
        ('trigger: portal == "a: b"', """trigger: 'portal == "a: b"'"""),
        ('trigger: tags has "no #1"', """trigger: 'tags has "no #1"'"""),
    ],
)
def test_broken_expressions_come_with_the_corrected_line(text: str, correct: str) -> None:
    """An expression that YAML misreads is reported once, with the line to write, and that line is right."""
    problem = refused(f"id: x\n{text}\n" if not text.startswith("{") else text)
    assert f"write `{correct}`" in problem.help
    key, _, _ = correct.partition(":")
    corrected = read(f"{{{correct}}}" if text.startswith("{") else correct).data
    assert list(corrected) == [key]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: Reminder: second", "a colon followed by a space"),
        ("title: 'it's'", "more text follows"),
        ("title: @home", "cannot begin with `@`"),
        ("title: 'open", "this quote is never closed"),
        ("regions: [a, b\nid: x", "this `[` is never closed"),
        ("shop: {a: x\nid: x", "this `{` is never closed"),
        ("a:\n  b: 1\n c: 2\n", "indented like none"),
        ("a:\n  b: 1\n    c: 2\n", "indented deeper"),
        ("a: 1\nb\nc: 2\n", "no colon"),
        ("a:1\nb: 2\n", "a space is missing after the colon"),
        ("-a\nb: 2\n", "a space is missing after the dash"),
        ('a: "\\d"', "escape"),
        ("a: > 5\n", "a meaning of its own"),
        ("a: 1\n- b\n", "a list item appears where a key was expected"),
    ],
)
def test_syntax_errors_speak_plainly(text: str, message: str) -> None:
    """Every syntax error says what is wrong without the parser's jargon."""
    problem = refused(text)
    assert message in problem.message
    assert "while parsing" not in problem.message
    assert problem.span is not None


def test_spans_point_at_keys_and_values() -> None:
    """Keys and values know line and column, and a path that does not exist falls back to what does."""
    document = read("""
        rules:
          - id: dunning
            regions: [domestic, "abroad"]
            empty:
        """)
    assert place(document, "rules", 0, "id") == "dunning"
    assert place(document, "rules", 0, "regions") == '[domestic, "abroad"]'
    assert place(document, "rules", 0, "regions", 1) == '"abroad"'
    assert place(document, "rules", 0, "empty") == "empty"
    assert str(document.key_span(("rules", 0, "regions"))) == "file.yaml:4:5"
    assert document.span(("rules", 0, "nothing", "here")) == document.span(("rules", 0))
    assert str(document.span(())) == "file.yaml:2:1"


def test_holds_tells_which_rule_a_place_belongs_to() -> None:
    """A problem's place tells which rule of a file it spoils."""
    document = read("rules:\n  - id: a\n    due: x\n  - id: b\n    due: y\n")
    second = document.span(("rules", 1, "due"))
    assert document.holds(("rules", 1), second)
    assert document.holds(("rules", 1, "due"), document.key_span(("rules", 1, "due")))
    assert not document.holds(("rules", 0), second)


@pytest.mark.parametrize(
    "text",
    [
        "due: shipped + wrong days",
        "due: 'shipped + wrong days'",
        '{due: "shipped + wrong days"}',
        """due: 'shipped + ''x'' + wrong days'""",
        'due: "shipped + \\"x\\" + wrong days"',
        "due: |\n  shipped +\n  wrong days\n",
        "due: >-\n  shipped\n  + wrong\n  days\n",
        "due: shipped\n  +   wrong\n  days\n",
        'due: "shipped\n  + wrong\n  days"\n',
        "due: ähm 𝄞 + wrong days",
    ],
)
def test_within_finds_the_characters_in_every_kind_of_scalar(text: str) -> None:
    """A word inside an expression is underlined where it stands, whatever the quoting or folding."""
    document = read(text)
    start = document.data["due"].index("wrong")
    span = document.within(("due",), start, start + len("wrong"))
    assert span.text[span.column - 1 : span.end_column - 1] == "wrong"


def test_within_past_the_end_points_behind_the_text() -> None:
    """Something missing at the end of an expression is shown behind its last character."""
    span = read("due: shipped +").within(("due",), 9, 10)
    assert (span.column, span.end_column) == (15, 16)


def test_ignore_comments_are_collected_by_line() -> None:
    """A comment may silence a code for its own line or, on a line of its own, for the next one."""
    document = read("""
        a: 1  # sendplan: ignore[zero-days] sent at once on purpose
        # sendplan: ignore[unused-window, no-scenario] two of them

        b: "# sendplan: ignore[no] this is text"
        """)
    assert {line: each.codes for line, each in document.ignores.items()} == {
        2: ("zero-days",),
        5: ("unused-window", "no-scenario"),
    }
    assert document.ignores[2].reason == "sent at once on purpose"


@pytest.mark.parametrize("comment", ["ignore[zero-days]", "ignore because", "ignore[] because"])
def test_ignore_needs_code_and_reason(comment: str) -> None:
    """An ignore comment without a code or without a reason is a problem."""
    assert refused(f"a: 1  # sendplan: {comment}").code == "ignore-comment"


def test_ignore_names_known_codes() -> None:
    """A misspelled code is a problem, since it would silence nothing."""
    document, problems = source.parse("a: 1  # sendplan: ignore[zero-day] on purpose\n", "rules.yaml")
    assert document is not None
    assert [(each.code, each.message, each.help) for each in problems] == [
        ("ignore-comment", "there is no problem code `zero-day`", "did you mean `zero-days`?")
    ]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder and a file in another encoding are problems with a place."""
    (tmp_path / "latin.yaml").write_bytes("shop:\n  name: Müller\n".encode("latin-1"))
    found = {name: source.load(tmp_path / name, name)[1][0] for name in ("none.yaml", ".", "latin.yaml")}
    assert [problem.code for problem in found.values()] == ["file-missing", "file-unreadable", "yaml-encoding"]
    assert str(found["latin.yaml"].span) == "latin.yaml:2:10"


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Zl", "Zp", "Zs")), min_size=1, max_size=8)
DATA = st.recursive(WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3))


def scalars(data: object, path: source.KeyPath = ()) -> list[tuple[source.KeyPath, str]]:
    if isinstance(data, str):
        return [(path, data)]
    assert isinstance(data, dict | list)
    pairs: Iterable[tuple[str | int, object]] = data.items() if isinstance(data, dict) else enumerate(data)
    return [found for key, inner in pairs for found in scalars(inner, (*path, key))]


@settings(max_examples=150)
@given(DATA, st.sampled_from([True, False, None]))
def test_reading_agrees_with_what_was_written(data: object, flow: bool | None) -> None:
    """Whatever a YAML writer puts down is read back the same, and every place shows the scalar itself."""
    text = yaml.safe_dump(data, allow_unicode=True, default_flow_style=flow, width=1000)
    document = read(text)
    assert document.data == data
    for path, value in scalars(document.data):
        span = document.span(path)
        if "\\" not in span.text:
            assert place(document, *path).strip("'\"").replace("''", "'") == value.strip("'\"")


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [*"abn01:-[]{}!&*'\"#|>%@`,?~.<=\\\t", "\n", "\n  ", ": ", "- ", "trigger: ", "due: ", "{when: "]
        )
    )
)
def test_no_text_stops_the_program(pieces: list[str]) -> None:
    """Whatever stands in a file, reading it gives a document or problems with places, never a crash."""
    document, problems = source.parse("".join(pieces), "file.yaml")
    assert document is not None or problems
    assert all(problem.span is not None and problem.frame() is not None for problem in problems)
