"""Narrowing loses nothing: a plan made from candidates equals one made from every order, byte for byte."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import ge, gt, le, lt
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from random_projects import FIELDS, Maker
from small_projects import ONE_ACCOUNT, fill, loaded, write_project
from world_files import write

from sendplan.calendar import Calendar
from sendplan.deciding.candidates import indexes
from sendplan.deciding.narrowing import Index, Narrowing
from sendplan.deciding.region_bounds import FOLDED, in_regions
from sendplan.expressions.bounds import Absent, AllOf
from sendplan.expressions.inverse import before_adding
from sendplan.fields import EVENTS, Value
from sendplan.planning.planner import Clock, decide_orders, make_plan, plan_from
from sendplan.project.postcodes import Postcodes, parse_postcodes
from sendplan.project.regions import ADDRESS_FIELDS, Region, RegionEntry, locate
from sendplan.store import open_store
from sendplan.store.sql import candidate_queries
from sendplan.store.sql.candidate_queries import CandidateQueries
from sendplan.store.sql.reader import SqlReader
from sendplan.store.sqlite.dialect import SQLITE
from sendplan.store.sqlite.files import ReadOnlyFile
from sendplan.units import Duration, Unit

EXAMPLES = int(os.environ.get("SENDPLAN_EXAMPLES", "150"))
"""How many random worlds are tried."""


COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge}


@dataclass(frozen=True)
class Files:
    """An empty store to copy, and where the copy goes."""

    empty: Path
    copy: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("worlds")
    calendar = Maker(Random(1)).calendar
    open_store("sqlite:///empty.db", folder, FIELDS, calendar).close()
    with sqlite3.connect(folder / "empty.db") as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
    connection.close()
    return Files(folder / "empty.db", folder / "world.db")


def compare_plans(files: Files, seed: int, *, indexed: bool, days_back: int | None = None) -> None:
    """The plan of a random world, made from candidates, is the one made from all orders."""
    world = Maker(Random(seed)).world()
    if days_back is not None:
        world = replace(world, clock=Clock(world.clock.now - timedelta(days=days_back), replay=True))
    shutil.copy(files.empty, files.copy)
    write(world, files.copy, indexed=indexed)
    reader = SqlReader(ReadOnlyFile(files.copy), FIELDS, world.project.settings.calendar)
    try:
        scanned = plan_from(world.project, reader, world.clock, decide_orders(world.project, reader, world.clock))
        assert make_plan(world.project, reader, world.clock).to_bytes() == scanned.to_bytes()
    finally:
        reader.close()


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0), indexed=st.booleans())
def test_plan_of_candidates_is_the_plan_of_all_orders(files: Files, seed: int, indexed: bool) -> None:
    """Whatever the rules, orders, ledger and clock, looking only at candidates changes no byte of the plan."""
    compare_plans(files, seed, indexed=indexed)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0), indexed=st.booleans(), days=st.integers(0, 30))
def test_a_clock_that_is_set_back_finds_who_was_open_then(files: Files, seed: int, indexed: bool, days: int) -> None:
    """Orders of which something has happened since are among the candidates of a plan for an earlier day."""
    compare_plans(files, seed, indexed=indexed, days_back=days)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("event", EVENTS)
def test_what_has_happened_since_had_not_happened_then(tmp_path: Path, event: str, indexed: bool) -> None:
    """A plan for an earlier day finds the order that has come to an event since, and passes over one placed since."""
    rule = f"{{id: thanks, title: T, trigger: not {event}, due: ordered + 1 day, template: mail, expires: 30 days}}"
    project = loaded(write_project(tmp_path, f"rules: [{rule}]\n", settings=ONE_ACCOUNT))
    now = datetime(2026, 8, 24, 10, tzinfo=UTC)
    both: dict[str, Value] = {"account": "web", "email": "a@example.com", event: now + timedelta(days=2)}
    fill(project, {"id": "then", "ordered": now - timedelta(days=3), **both})
    fill(project, {"id": "since", "ordered": now + timedelta(hours=1), **both})
    store = open_store(project.settings.store, tmp_path, project.settings.fields, project.settings.calendar)
    if indexed:
        store.ensure_indexes(indexes(project, now))
    with closing(store):
        assert [each.key for each in make_plan(project, store, Clock(now, replay=True)).entries] == ["then/thanks"]
        assert not make_plan(project, store, Clock(now)).entries


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0), terms=st.integers(0, 4), values=st.integers(0, 6))
def test_bounds_that_a_statement_cannot_bear_are_left_out(files: Files, seed: int, terms: int, values: int) -> None:
    """However little of a rule's conditions goes into the store's statement, the plan keeps every byte."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidate_queries, "MOST_TERMS", terms)
        patch.setattr(candidate_queries, "MOST_PARAMETERS", values)
        compare_plans(files, seed, indexed=True)


WORDS = st.sampled_from(["Packstation", "Postfiliale", "strasse", "kiosk", "Süd", "i", "a-b"])
STREETS = st.lists(WORDS | st.sampled_from([*FOLDED, " ", "s", "x", "STATION", "kIoSK", "\u0307"]), max_size=4).map(
    "".join
)
WRITTEN = ("25980-25999", "8000", "10115", "AB1-AB9", "1000-1299", "95*", "AB*", "9500-321", "00-950", "1*")
RANGES = st.sampled_from([parsed for text in WRITTEN if (parsed := parse_postcodes(text, ()))])
ISLANDS = Postcodes("25980", "25999", leading=True)
POSTCODES = st.text("0125809 D-ABab\t\u2013\uff11", max_size=9) | st.sampled_from(
    ["25980", "D-25985", "259 90", " 8000", "d-8000", "ab2", "8000-123", "25980-4711", "DE 10115", "00\u2013950"]
)


def found_in(entries: Sequence[RegionEntry], addresses: Sequence[Mapping[str, Value]]) -> list[int]:
    """Which of the addresses are candidates of a rule for the region of these entries."""
    regions = (Region("here", tuple(entries)), Region("elsewhere", None))
    queries = CandidateQueries([FIELDS[name] for name in ADDRESS_FIELDS], frozenset(), SQLITE, has_ledger=False)
    walks = queries.walks([Narrowing(in_regions(regions, frozenset({"here"})), ())])
    if not walks:
        return []
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE orders ({' TEXT, '.join(ADDRESS_FIELDS)} TEXT)")
        rows = [[each.get(name) for name in ADDRESS_FIELDS] for each in addresses]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        found = connection.execute(f"SELECT rowid {walks[0].source}", walks[0].parameters)
        return [rowid - 1 for (rowid,) in found]


@settings(max_examples=2 * EXAMPLES)
@given(
    entry=st.builds(
        RegionEntry,
        st.frozensets(st.sampled_from(["DE", "AT"]), max_size=1),
        st.lists(RANGES, max_size=2).map(tuple),
        st.lists(WORDS, max_size=2).map(tuple),
    ),
    address=st.fixed_dictionaries({"country": st.just("DE")}, optional={"postcode": POSTCODES, "street": STREETS}),
)
@example(RegionEntry(postcodes=(ISLANDS,)), {"country": "DE", "postcode": "D-259 85"})
@example(RegionEntry(street_words=("kiosk",)), {"country": "DE", "street": "Am \u212aio\u017fk 1"})
def test_an_address_in_a_region_is_found(entry: RegionEntry, address: dict[str, Value]) -> None:
    """However a postcode or street is written, an order of an allowed region is among the candidates."""
    located = locate((Region("here", (entry,)), Region("elsewhere", None)), address)
    assert found_in([entry], [address]) or located.region != "here"


def test_every_character_that_folds_to_a_letter_is_known() -> None:
    """No character beyond those listed becomes an ASCII letter when case is ignored."""
    assert {chr(n) for n in range(128, 0x110000) if any(map(str.isascii, chr(n).casefold()))} == set(FOLDED)


def test_regions_are_told_apart_by_postcode_and_street() -> None:
    """An everyday address elsewhere is no candidate of a region of islands and parcel stations."""
    island = [RegionEntry(frozenset({"DE"}), (ISLANDS,)), RegionEntry(street_words=("Packstation",))]
    city = {"country": "DE", "postcode": "10115", "street": "Hauptstraße 5"}
    assert found_in(island, [city, city | {"postcode": "25985"}, city | {"street": "PACKSTATION 7"}]) == [1, 2]


DURATIONS = st.builds(Duration, st.integers(0, 40), st.sampled_from(Unit))


@settings(max_examples=EXAMPLES)
@given(
    seed=st.integers(min_value=0),
    duration=DURATIONS,
    sign=st.sampled_from((1, -1)),
    operator=st.sampled_from(("<", "<=", ">", ">=")),
    minutes=st.lists(st.integers(-100_000, 100_000), min_size=5, max_size=20),
)
def test_limit_on_a_sum_becomes_a_limit_on_the_moment(
    seed: int, duration: Duration, sign: int, operator: str, minutes: list[int]
) -> None:
    """Whether a moment plus a duration lies before a limit can be asked of the moment itself, in every zone."""
    maker = Maker(Random(seed))
    calendar = maker.calendar
    turned, limit = before_adding(calendar, operator, maker.now, duration, sign)
    for each in minutes:
        instant = maker.now + timedelta(minutes=each)
        for moment in (instant, calendar.day(instant)):
            due = calendar.instant(calendar.add(moment, duration, sign))
            if COMPARE[operator](due, maker.now):
                assert COMPARE[turned](calendar.instant(moment), limit)


def test_limit_is_exact_on_ordinary_days() -> None:
    """What is due at midnight tomorrow is no candidate today."""
    maker = Maker(Random(1))
    calendar = Calendar(maker.calendar.zone, "DE")
    now = calendar.instant(datetime(2026, 8, 24, tzinfo=UTC).date()) + timedelta(hours=6)
    operator, limit = before_adding(calendar, "<=", now, Duration(7, Unit.DAYS), 1)
    assert (operator, calendar.day(limit)) == ("<", datetime(2026, 8, 18, tzinfo=UTC).date())
    assert limit == calendar.instant(calendar.day(limit))


def test_rules_that_wait_for_an_event_share_an_index_of_the_orders_that_wait(tmp_path: Path) -> None:
    """Rules for unpaid or unshipped orders look through these alone, and share their index whatever else they ask."""
    rules = (
        ("checkout", "not paid and not cancelled and total >= 3.50", "ordered + 3 days"),
        ("basket", "not paid and not cancelled and items < 4", "ordered + 5 days"),
        ("delay", "not shipped and country in [DE, AT]", "payment_due + 1 day"),
    )
    text = "\n".join(
        f'  - {{id: {id_}, title: Hello, trigger: "{trigger}", due: {due}, template: mail, expires: 9 days}}'
        for id_, trigger, due in rules
    )
    project = loaded(write_project(tmp_path, f"rules:\n{text}\n"))
    found = indexes(project, datetime(2026, 1, 5, 12, tzinfo=UTC))
    unpaid = AllOf((Absent("paid"), Absent("cancelled")))
    assert [each for each in found if each.only == unpaid] == [Index(("ordered",), unpaid)]
    assert any(each.only == Absent("shipped") for each in found)
