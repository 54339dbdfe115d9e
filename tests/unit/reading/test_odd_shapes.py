"""Files of odd shapes: whatever stands anywhere in a project's files, commands report it and never break down."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from sendplan import cli
from sendplan.commands.init_command import copy_example
from sendplan.project import project as projects

NOW = ("--now", "2026-08-24 12:00")
MAPPING = """\
format: csv
delimiter: ","
encoding: utf-8
accounts: [ebay-de, amazon-de]
fields:
  id: id
  account: {column: account}
  portal: {value: ebay}
  email: {template: "{id}@example.com"}
  ordered: {column: ordered, date: "%Y-%m-%d %H:%M"}
  total: {column: total, decimal: "."}
  consent: {column: consent, "true": ["yes", "true"], "false": ["no", "false"]}
"""
COMMANDS = {
    "sendplan.yaml": (("check",), ("plan", *NOW), ("test", "fixtures/scenarios/dunning-ladder.yaml")),
    "rules/dunning.yaml": (("check",), ("plan", *NOW), ("explain", "E-2050", *NOW)),
    "rules/first-contact.yaml": (("check",), ("plan", *NOW)),
    "rules/marketing.yaml": (("check",), ("plan", *NOW), ("preview", "E-2050/feedback-reminder", *NOW)),
    "fixtures/scenarios/feedback-reminder.yaml": (("test", "fixtures/scenarios/feedback-reminder.yaml"),),
    "fixtures/scenarios/dunning-unresolved.yaml": (("test", "fixtures/scenarios/dunning-unresolved.yaml"),),
    "fixtures/scenarios/stale-payments.yaml": (("test", "fixtures/scenarios/stale-payments.yaml"),),
    "mapping.yaml": (("import", "fixtures/orders.csv", "--mapping", "mapping.yaml"),),
    "orders.json": (("import", "orders.json"), ("plan", *NOW)),
    "plan.json": (("diff", "plan.json", "plan.json"), ("send", "plan.json", *NOW, "--to-dir", "mails")),
}
ORDERS = """\
[{"id": "O-1", "account": "ebay-de", "ordered": "2026-08-20 10:00", "email": "b@example.com", "tags": ["a"],
  "lines": [{"name": "A", "quantity": 1, "price": "2.50"}], "total": 20.00, "items": 3, "consent": true, "paid": null,
  "country": "Deutschland", "postcode": "01067", "language": "de"}]
"""
WORDS = r"""
null ~ true 0 -1 1.5 1e999 [] {} [[[]]] {a:[b]} [1,1] {'':''} {1:2} '' "a\0b" "a\nb" "\ud800" % { {0} '{' '{}'
*a &a -- !!int .. ../.. / '@' a@example.com A<a@example.com> ${params.x} ${params.many_items} ${SMTP_PASSWORD}
2026-02-30 2026-08-24 0001-01-01 9999-12-31 9999-12-31T23:59 0001-01-01T00:00:00-14:00 25:00-26:00 mon-fri '*/0****'
sqlite:///x/y.db UTC Mars/Olympus DE en x-y-z utf-16 idna hex all any none ebay-de domestic dunning
E1/dunning E1/a/b/c paid params.many_items sent('dunning') max( '{a.b[c]!r}' first-contact
"""
PHRASES = """
{a: {b: [c]}}
[a, {b: c}, null]
2026-08-24 12:00
7 days
99999999999 days
9999 months
* * 30 2 *
ordered - 3000 months
paid + 99999999 days
tags has tags
sent('dunning/first-dunning')
"""
NINES = "9" * 5000
LONG = (
    *("9" * 39, NINES, f"{NINES} days", f"paid + {NINES} days", f"total > {NINES}", "x" * 20_000),
    *("max(" * 3000, "(" * 3000, "not " * 3000 + "paid", "paid" + " and paid" * 3000),
)
ODD = ("", "' '", "\u200b", *WORDS.split(), *PHRASES.strip().splitlines(), *LONG)
"""What may stand in place of any value or key, from well meant to hostile."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example shop with orders, a mapping, a JSON file of orders and a plan, as the current folder."""
    folder = tmp_path_factory.mktemp("shop")
    copy_example(folder)
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (folder / "orders.json").write_text(ORDERS, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert ended("import", "fixtures/orders.csv") == 0
        assert ended("plan", *NOW, "-o", "plan.json") == 0
        yield folder


def ended(*args: str) -> int:
    """The exit code of a command that prints as to a terminal; an exception passes through."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        return cli.run(list(args))


def places(text: str) -> list[tuple[int, int]]:
    """Where each key, value, list and mapping of a text begins and ends."""
    found: dict[tuple[int, int], None] = {}
    waiting = [yaml.compose(text, Loader=yaml.SafeLoader)]
    while waiting:
        node = waiting.pop()
        assert node is not None
        start, end = node.start_mark.index, node.end_mark.index
        found[start, start + len(text[start:end].rstrip())] = None
        if isinstance(node, yaml.MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
    return list(found)


@budget(max_examples=50)
@given(st.sampled_from(sorted(COMMANDS)), st.integers(0, 10**6), st.sampled_from(ODD))
def test_no_file_breaks_a_command(shop: Path, name: str, number: int, odd: str) -> None:
    """Any value or key of any file may be replaced by anything: commands end with an exit code, never a traceback."""
    path = shop / name
    text = path.read_text(encoding="utf-8")
    start, end = (found := places(text))[number % len(found)]
    path.write_text(text[:start] + odd + text[end:], encoding="utf-8")
    try:
        for command in COMMANDS[name]:
            assert ended(*command) in (0, 1, 2, 3), command
    finally:
        path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("odd", ["{a: b}", "{}", "[{a: b}]"])
@pytest.mark.parametrize("name", ["sendplan.yaml", "rules/dunning.yaml"])
def test_a_mapping_or_list_may_stand_anywhere(tmp_path: Path, name: str, odd: str) -> None:
    """In place of any key or value of the settings and rules, a mapping or list is a problem with a place."""
    copy_example(tmp_path)
    text = (tmp_path / name).read_text(encoding="utf-8")
    for start, end in places(text):
        (tmp_path / name).write_text(text[:start] + odd + text[end:], encoding="utf-8")
        assert all(problem.span for problem in projects.load(tmp_path)[1])


def test_an_item_left_empty_is_a_broken_rule(shop: Path) -> None:
    """A `-` without a rule behind it is reported, and the rules around it are planned."""
    path = shop / "rules" / "marketing.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "  -\n", encoding="utf-8")
    try:
        project, problems = projects.load(shop)
    finally:
        path.write_text(text, encoding="utf-8")
    assert [each.message for each in problems] == ["item 3 of `rules` is empty"]
    assert project is not None
    assert project.rule("cross-selling") is not None


@pytest.mark.parametrize("odd", ['"\\ud800"', "[" * 100_000])
def test_a_plan_file_of_half_characters_or_endless_lists_is_refused(shop: Path, odd: str) -> None:
    """What no plan was ever written with is no plan, whatever it does to a JSON reader."""
    text = (shop / "plan.json").read_text(encoding="utf-8")
    assert '"refused": null' in text
    (shop / "odd.json").write_text(text.replace('"refused": null', f'"refused": {odd}', 1), encoding="utf-8")
    assert ended("send", "odd.json", *NOW, "--to-dir", "mails") in (2, 3)


@pytest.mark.parametrize("format_", ["text", "json"])
@pytest.mark.parametrize("value", ["1e999", "-1e999999999", '"\\ud800"'])
@pytest.mark.parametrize("field", ["items", "total", "tags", "paid", "consent", "lines"])
def test_a_row_of_odd_values_is_a_bad_row(shop: Path, field: str, value: str, format_: str) -> None:
    """Endless numbers and half characters in an order file are told, also where they are printed."""
    row = f'{{"id": "O-2", "account": "ebay-de", "ordered": "2026-08-20", "{field}": {value}}}'
    (shop / "odd.jsonl").write_text(row, encoding="utf-8")
    assert ended("import", "odd.jsonl", "--format", format_) == 1


def test_a_file_name_that_is_no_text_is_imported(shop: Path) -> None:
    """Names of files are bytes, and not all of them are UTF-8."""
    name = os.fsdecode(b"b\xfcro.csv")
    shutil.copy(shop / "fixtures" / "orders.csv", shop / name)
    assert ended("import", name) == 0


@pytest.mark.parametrize("encoding", ["hex", "rot13", "undefined", "no-such", '"a\\0b"'])
def test_an_encoding_that_makes_no_text_is_a_problem(shop: Path, encoding: str) -> None:
    """A mapping's encoding must turn bytes into text."""
    (shop / "odd.yaml").write_text(MAPPING.replace("encoding: utf-8", f"encoding: {encoding}"), encoding="utf-8")
    assert ended("import", "fixtures/orders.csv", "--mapping", "odd.yaml") == 1


def test_a_reason_needs_a_rule(tmp_path: Path) -> None:
    """A scenario of a project without a rule that works is told so."""
    copy_example(tmp_path)
    for path in (tmp_path / "rules").iterdir():
        path.write_text("rules: []\n", encoding="utf-8")
    scenario = tmp_path / "scenario.yaml"
    order = "{id: E1, account: ebay-de, ordered: 2026-08-01}"
    step = "{at: 2026-08-15, expect: none, because: not_due}"
    scenario.write_text(f"scenario: x\norders: [{order}]\nsteps: [{step}]\n", encoding="utf-8")
    assert ended("test", str(scenario), "--project", str(tmp_path)) == 1
