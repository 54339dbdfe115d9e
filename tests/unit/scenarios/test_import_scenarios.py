"""Scenarios that import a file: what must come of it, and what is planned on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendplan.commands.init_command import copy_example
from sendplan.project.project import load
from sendplan.scenarios import tests
from sendplan.scenarios.play import ScenarioResult

EXPORT = """Nr,Date,E-Mail,Country,Total,Paid
1001,2026-11-02 09:15,anna@example.com,DE,50.40,
1002,2026-11-02 18:45,jean@example.com,FR,fifty,
1003,2026-11-02 18:45,cleo@example.com,DE,15.00,2026-11-03
"""
MAPPING = """accounts: [shop-de]
fields: {id: Nr, ordered: Date, email: E-Mail, country: Country, total: Total, paid: Paid}
"""
HEAD = "scenario: An export\nrules: [dunning]\nimport: {file: export.csv, mapping: mappings/export.yaml}\n"
REFUSED = "refused: {3: wrong-number}\n"
STEP = 'steps: [{at: 2026-11-16 12:00, expect: [{order: "1001", rule: dunning, step: payment-reminder}]}]\n'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The example shop's folder, with an export and its mapping."""
    copy_example(tmp_path)
    (tmp_path / "fixtures" / "scenarios" / "export.csv").write_text(EXPORT)
    (tmp_path / "mappings").mkdir(exist_ok=True)
    (tmp_path / "mappings" / "export.yaml").write_text(MAPPING)
    return tmp_path


def _run(shop: Path, text: str) -> ScenarioResult:
    path = shop / "fixtures" / "scenarios" / "export.yaml"
    path.write_text(text)
    project, problems = load(shop)
    assert project is not None, problems
    result = tests.run(tests.read(path, shop), project)
    assert isinstance(result, ScenarioResult)
    return result


def test_a_scenario_plays_on_the_orders_of_a_file(shop: Path) -> None:
    """The file is imported at the first time, its good rows are planned, its bad row is as expected."""
    imported = 'imported: [{id: "1001", total: 50.40, account: shop-de, paid: null}, {id: "1003", paid: 2026-11-03}]\n'
    result = _run(shop, HEAD + imported + REFUSED + STEP)
    assert result.passed, tests.failure_text(result)
    assert len(result.steps) == 2


def test_steps_may_change_what_was_imported(shop: Path) -> None:
    """An order of the file is changed by its id like one that the scenario lists."""
    paid = "steps: [{at: 2026-11-16 12:00, change: {1001: {paid: 2026-11-15}}, expect: none, because: "
    result = _run(shop, HEAD + REFUSED + paid + "{1001: {dunning: trigger_false}}}]\n")
    assert result.passed, tests.failure_text(result)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("", "refused: line 3: expected nothing, got wrong-number"),
        ("refused: {3: wrong-date}\n", "refused: line 3: expected wrong-date, got wrong-number"),
        ("refused: {3: wrong-number, 2: wrong-date}\n", "refused: line 2: expected wrong-date, got nothing"),
        (REFUSED + "imported: [{id: '1001', total: 50.41}]\n", "imported: 1001: total: expected 50.41, got 50.40"),
        (REFUSED + "imported: [{id: '1003', paid: null}]\n", "imported: 1003: paid: expected nothing, got 2026-11-03"),
        (REFUSED + "imported: [{id: '1001', paid: soon}]\n", "imported: 1001: paid: what is expected is not a date"),
        (REFUSED + "imported: [{id: '1002'}]\n", "imported: there is no order `1002`"),
        (REFUSED + "imported: [{id: '1001', totl: 1}]\n", "an order has no field `totl`; did you mean `total`"),
        (REFUSED + "imported: []\n", "imported: expected none, got 1001, 1003"),
    ],
)
def test_what_comes_otherwise_than_expected_is_told(shop: Path, expected: str, told: str) -> None:
    """A mapping that reads a file otherwise than its owner says fails the scenario, with both sides."""
    result = _run(shop, HEAD + expected + STEP)
    assert not result.passed
    assert told in result.steps[0].message


def test_a_refused_row_of_an_order_that_was_there_holds_its_mail(shop: Path) -> None:
    """Listed orders are in the store when the file comes; one whose row is refused waits as stale."""
    orders = "orders: [{id: '1002', account: shop-de, ordered: 2026-11-01, total: 50.00, email: b@example.com}]\n"
    steps = (
        "steps: [{at: 2026-11-16 12:00, expect: [{order: '1001', rule: dunning, step: payment-reminder}], "
        "because: {1002: {dunning: stale_data}}}]\n"
    )
    result = _run(shop, HEAD + orders + REFUSED + steps)
    assert result.passed, tests.failure_text(result)


def test_a_file_that_is_refused_fails_the_scenario(shop: Path) -> None:
    """A column that the file lacks is told as the import tells it."""
    (shop / "fixtures" / "scenarios" / "export.csv").write_text("Nr,Date\n1001,2026-11-02\n")
    result = _run(shop, HEAD + STEP)
    assert not result.passed
    assert "the file has no column `E-Mail`" in result.steps[0].message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD.replace("export.csv", "exprt.csv") + STEP, "there is no file `exprt.csv`"),
        (HEAD + "refused: {3: wrong-nmber}\n" + STEP, "wrong-number"),
        ("scenario: Nothing\nrefused: {3: wrong-number}\n" + STEP, "import"),
    ],
)
def test_a_scenario_that_cannot_be_played_says_why(shop: Path, text: str, told: str) -> None:
    """A missing file, a code that does not exist, and orders of nowhere are told with their place."""
    result = _run(shop, text)
    assert not result.passed
    assert any(told in f"{each.message} {each.help}" for each in result.problems), result.problems
