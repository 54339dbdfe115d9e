"""Orders, imports and what people decided: the same over every kind of store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stores import CALENDAR, MINIMUM, NOW, OWN, Stores, intend, lease, order, put, settle

from sendplan.calendar import Calendar
from sendplan.deciding.narrowing import everything
from sendplan.fields import FieldType, Value, catalogue, with_own
from sendplan.ledger import History, RefusedData, Snooze, SnoozeSubject, State
from sendplan.scopes import Scope
from sendplan.store import Store
from sendplan.store.records import (
    Imported,
    ImportProblem,
    ImportRecord,
    Pause,
    Refusal,
    RefusedRow,
    SenderReport,
    Suppression,
)
from sendplan.store.sql.encoding import encode_instant

FULL: dict[str, Value] = {
    **MINIMUM,
    "number": "0001/24",
    "tags": ("wholesale", "vip"),
    "postcode": "01067",
    "items": 3,
    "lines": ({"name": "Mug", "sku": None, "quantity": 2, "price": Decimal("7.50")},),
    "total": Decimal("19.99"),
    "credited": Decimal("-0.0125"),
    "paid": date(2026, 8, 12),
    "shipped": datetime(2026, 8, 13, 9, 30, 5, tzinfo=UTC),
    "consent": True,
    "parked": False,
    "loyalty": "gold",
    "warranty_ends": date(2028, 3, 26),
    "weight": Decimal("0.5"),
}


def values_of(store: Store, id_: str = "E1") -> dict[str, Value]:
    return dict(next(store.orders_by_id([id_])).values)


def test_an_order_comes_back_as_it_was_imported(store: Store) -> None:
    """Every field of an order comes back with its value and type; a field that it lacks is absent."""
    put(store, {"id": "E1", **FULL})

    assert values_of(store) == {"id": "E1", **FULL}
    assert {type(values_of(store)[name]) for name in ("paid", "warranty_ends")} == {date}


def test_orders_come_in_the_order_of_their_ids(store: Store) -> None:
    """All orders are read by id, however many there are and in whatever order they came."""
    ids = [f"E{number:05}" for number in range(4_500)]
    put(store, *(order(id_) for id_ in reversed(ids)))

    assert [each.id for each in store.orders()] == ids
    assert [each.id for each in store.orders_by_id(["E00007", "none", "E00001", "E00007"])] == ["E00001", "E00007"]


def test_cells_are_what_orders_hold(stores: Stores, store: Store) -> None:
    """Compiled rules see each order once, in cells that every store keeps alike, with its ledger rows beside them."""
    put(
        store, order("E1", total=Decimal("94.00"), shipped=date(2026, 8, 13), tags=("a", "b")), order("E2", parked=True)
    )
    token = lease(store)
    intend(store, token)
    settle(store, token, State.DEFERRED, next_attempt=NOW + timedelta(minutes=5))
    fields = ("total", "shipped", "tags", "parked", "loyalty")
    every = (everything({"ebay-de"}), everything({"ebay-de", "other"}))
    cells = stores.reader().cells(every, fields, {"feedback-reminder", "other"})
    assert cells is not None
    at = encode_instant(NOW)
    assert sorted(cells) == [
        (
            "E1",
            "ebay-de",
            f"feedback-reminder||deferred|{at}|{at + 300_000}",
            0,
            940_000,
            encode_instant(CALENDAR.instant(date(2026, 8, 13))) + 1,
            '["a","b"]',
            None,
            None,
        ),
        ("E2", "ebay-de", None, 0, None, None, None, 1, None),
    ]


def test_an_import_counts_what_it_changed(store: Store) -> None:
    """An import tells how many orders were new, how many changed, and how many came again as they were."""
    put(store, order("E1"), order("E2", total=Decimal(5)))

    assert put(store, order("E1"), order("E2", total=Decimal(6)), order("E3")) == Imported(1, 1, 1)


def test_the_version_rises_when_the_order_changes(store: Store) -> None:
    """Only an import that changes an order raises its version, so a decision survives the same file coming again."""
    put(store, order(paid=date(2026, 8, 12)))
    put(store, order(paid=date(2026, 8, 12)))
    assert next(store.orders()).version == 1

    put(store, order(paid=None))
    assert next(store.orders()).version == 2


def test_a_bare_date_differs_from_its_midnight(store: Store) -> None:
    """A date that becomes the instant of its local start is a change, and each is read back as what it was."""
    midnight = CALENDAR.instant(date(2026, 8, 12))
    put(store, order(paid=date(2026, 8, 12)))

    assert put(store, order(paid=midnight)) == Imported(0, 1, 0)
    assert values_of(store)["paid"] == midnight


def test_an_absent_column_leaves_and_an_empty_cell_clears(store: Store) -> None:
    """A field that the file does not carry stays as it was; one that it carries empty is cleared."""
    put(store, order(total=Decimal(5), loyalty="gold"))
    put(store, {"id": "E1", "loyalty": None})

    assert values_of(store) == order(total=Decimal(5))


def test_a_file_of_payments_needs_no_more_than_ids(store: Store) -> None:
    """Known orders are updated by a file without their account; an unknown id in it is refused as incomplete."""
    put(store, order("E1"))
    with store.importing("payments.csv", NOW) as run:
        refused = run.upsert(("id", "paid"), [(2, ("E1", date(2026, 8, 12))), (3, ("E9", date(2026, 8, 12)))])
        run.carried(["paid"], None)
        assert run.finish(1) == Imported(0, 1, 0)

    assert refused == (RefusedRow(3, "E9", Refusal.INCOMPLETE, "account"),)
    assert store.imported()["ebay-de"]["paid"] == NOW


def test_an_import_cannot_change_an_account(store: Store) -> None:
    """An order that is there under another account is refused, the other rows of the file are taken."""
    put(store, order("E1"))
    with store.importing("orders.csv", NOW) as run:
        names = ("id", "account", "ordered")
        ordered = MINIMUM["ordered"]
        refused = run.upsert(names, [(2, ("E1", "amazon-de", ordered)), (3, ("E2", "amazon-de", ordered))])
        run.finish(1)

    assert refused == (RefusedRow(2, "E1", Refusal.ACCOUNT_CHANGED, "ebay-de"),)
    assert [(each.id, each.account) for each in store.orders()] == [("E1", "ebay-de"), ("E2", "amazon-de")]


def test_an_id_that_comes_twice_in_a_file_is_refused(store: Store) -> None:
    """The second row with an id is refused and told the line of the first, also across batches."""
    row = ("ebay-de", MINIMUM["ordered"])
    names = ("id", "account", "ordered")
    with store.importing("orders.csv", NOW) as run:
        assert run.upsert(names, [(2, ("E1", *row)), (3, ("E2", *row)), (4, ("E1", *row))]) == (
            RefusedRow(4, "E1", Refusal.DUPLICATE, "2"),
        )
        assert run.upsert(names, [(5, ("E2", *row))]) == (RefusedRow(5, "E2", Refusal.DUPLICATE, "3"),)
        assert run.finish(2) == Imported(2, 0, 0)


def test_an_import_that_breaks_off_changes_nothing(stores: Stores) -> None:
    """When an import ends with an error, no order and no freshness of it is kept."""
    store = stores.store()

    def break_off() -> None:
        with store.importing("orders.csv", NOW) as run:
            run.upsert(("id", "account", "ordered"), [(2, ("E1", "ebay-de", MINIMUM["ordered"]))])
            run.carried(["id"], ["ebay-de"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()

    assert list(stores.reader().orders()) == []
    assert store.imported() == {}


def test_freshness_is_kept_per_account_and_field(store: Store) -> None:
    """Each account knows when each field last came, and an older file does not turn the clock back."""
    put(store, order("E1", paid=None), at=NOW)
    put(store, order("E1"), at=NOW + timedelta(hours=2))
    put(store, {"id": "E2", **MINIMUM, "account": "amazon-de"}, at=NOW - timedelta(hours=1))

    imported = store.imported()
    assert imported["ebay-de"]["paid"] == NOW
    assert imported["ebay-de"]["account"] == NOW + timedelta(hours=2)
    assert imported["amazon-de"]["account"] == NOW - timedelta(hours=1)


def test_a_file_counts_for_the_accounts_it_names(store: Store) -> None:
    """A file that is complete for an account makes it fresh even without a row for it."""
    with store.importing("empty.csv", NOW) as run:
        run.carried(["paid"], ["shop-de"])
        run.finish(0)

    assert store.imported() == {"shop-de": {"paid": NOW}}


def test_imports_are_logged(store: Store) -> None:
    """The log of imports tells when each came, from which file, and what it changed."""
    first = ImportRecord(
        NOW, "orders.csv", Imported(1, 2, 3), 1, refused=(ImportProblem("orders.csv:7:1", "bad-row", "no id"),)
    )
    second = ImportRecord(NOW + timedelta(days=1), "pay.csv", source="payments", stored=False)
    third = ImportRecord(NOW + timedelta(days=2), "pay.csv", Imported(4), source="payments")
    for each in (first, second, third):
        store.note_import(each)

    assert store.import_records() == (third, second, first)
    assert store.import_records(1) == (third,)


def test_the_last_import_of_each_source_is_known(store: Store) -> None:
    """What was repaired since does not count: each source has its latest import, files named by hand are one source."""
    assert store.last_imports() == ()
    records = [
        ImportRecord(NOW, "a.csv"),
        ImportRecord(NOW, "pay.csv", source="payments", stored=False),
        ImportRecord(NOW, "b.csv"),
        ImportRecord(NOW, "pay.csv", Imported(4), source="payments"),
        ImportRecord(NOW, "web.csv", bad=3, source="web"),
    ]
    for each in records:
        store.note_import(each)

    assert store.last_imports() == (records[4], records[3], records[2])


def test_suppressed_addresses_are_mailboxes(store: Store) -> None:
    """A domain may be written as people read it or as the network does."""
    assert store.suppress("b@xn--bcher-kva.example", at=NOW)
    assert not store.suppress("B@b\u00fccher.example", at=NOW)
    assert store.overrides().suppressed == {"b@b\u00fccher.example": {"": ""}}
    assert store.unsuppress("b@BU\u0308CHER.example")


def test_suppressed_addresses_ignore_case(store: Store) -> None:
    """An address can be suppressed, listed and released again, in any spelling of its case."""
    assert store.suppress("Buyer@Example.com", at=NOW, reason="bounced")
    assert not store.suppress("buyer@example.com", at=NOW)
    assert store.suppressions() == (Suppression("buyer@example.com", NOW, "bounced"),)
    assert store.overrides().suppressed == {"buyer@example.com": {"": "bounced"}}

    assert store.unsuppress("BUYER@example.com")
    assert not store.unsuppress("buyer@example.com")
    assert store.overrides().suppressed == {}


def test_suppressions_are_of_all_mail_or_of_a_class(store: Store) -> None:
    """An address may be suppressed for all mail and for classes; each is lifted by itself."""
    assert store.suppress("buyer@example.com", at=NOW)
    assert store.suppress("buyer@example.com", at=NOW, klass="marketing", reason="unsubscribed")
    assert not store.suppress("Buyer@example.com", at=NOW, klass="marketing")
    assert store.overrides().suppressed == {"buyer@example.com": {"": "", "marketing": "unsubscribed"}}

    assert store.unsuppress("buyer@example.com")
    assert store.suppressions() == (Suppression("buyer@example.com", NOW, "unsubscribed", "marketing"),)
    assert store.unsuppress("buyer@example.com", "marketing")
    assert not store.unsuppress("buyer@example.com", "marketing")


def test_snoozes_begin_and_end(store: Store) -> None:
    """An order or address is snoozed for all rules or for one; a later snooze replaces the earlier one."""
    order = Snooze(SnoozeSubject.ORDER, "E1", date(2026, 9, 1), NOW, reason="promised")
    rule = Snooze(SnoozeSubject.ORDER, "E1", date(2026, 9, 5), NOW, rule="dunning")
    buyer = Snooze(SnoozeSubject.ADDRESS, "buyer@example.com", date(2026, 9, 3), NOW)
    assert [store.snooze(each) for each in (order, rule, buyer)] == [True, True, True]
    assert store.snoozes() == (buyer, order, rule)
    found = store.overrides().snoozed("E1", "buyer@example.com", ["dunning"])
    assert list(found) == [order, rule, buyer]
    assert list(store.overrides().snoozed("E1", "", ["reminder"])) == [order]

    assert not store.snooze(replace(rule, until=date(2026, 9, 6)))
    assert store.wake(SnoozeSubject.ORDER, "E1", "dunning")
    assert not store.wake(SnoozeSubject.ORDER, "E1", "dunning")
    assert store.wake(SnoozeSubject.ORDER, "E1")
    assert store.snoozes() == (buyer,)


def test_the_first_run_of_a_rule_is_kept(store: Store) -> None:
    """It is known since when a rule takes part in runs; later runs, and those of other rules, do not change that."""
    store.note_run(["dunning"], NOW)
    store.note_run(["dunning", "reminder"], NOW + timedelta(days=1))
    assert store.first_runs() == {"dunning": NOW, "reminder": NOW + timedelta(days=1)}


def test_the_first_import_of_an_order_is_kept(stores: Stores, store: Store) -> None:
    """It is known when an import first brought an order, however old its file was and whatever changed it later."""
    put(store, order("E1"), at=NOW - timedelta(days=9))
    first = stores.seconds
    stores.seconds += 86_400
    put(store, order("E1", total=Decimal(5)), order("E2"))
    times = [datetime.fromtimestamp(each, UTC) for each in (first, first + 86_400)]
    assert [each.stored_at for each in store.orders()] == times


def test_pauses_begin_and_end(store: Store) -> None:
    """A sender, a rule or everything can be paused once and resumed once."""
    assert store.pause("office", at=NOW, automatic=True)
    assert store.pauses() == (Pause("office", NOW, "", automatic=True),)
    assert store.resume("office")
    assert store.pause("dunning", at=NOW, reason="wrong amounts")
    assert not store.pause("dunning", at=NOW)
    assert store.pauses() == (Pause("dunning", NOW, "wrong amounts"),)
    assert store.overrides().paused == {"dunning"}

    assert store.resume("dunning")
    assert not store.resume("dunning")
    assert store.pauses() == ()


def test_a_report_on_a_sender_keeps_its_beginning(stores: Stores) -> None:
    """A sender that cannot send is reported since the first time, with the latest reply, until it works again."""
    store = stores.store()
    began = datetime.fromtimestamp(stores.seconds, UTC)
    store.report_sender("main", Scope.HOST, "nobody answers")
    stores.seconds += 600
    store.report_sender("main", Scope.LOGIN, "535 5.7.8 wrong")
    later = datetime.fromtimestamp(stores.seconds, UTC)
    expected = (SenderReport("main", Scope.LOGIN, "535 5.7.8 wrong", began, later),)
    assert store.sender_reports() == stores.reader().sender_reports() == expected

    assert store.clear_sender("main")
    assert not store.clear_sender("main")
    assert store.sender_reports() == ()


def test_a_reported_sender_is_tried_after_a_rest(stores: Stores) -> None:
    """A try counts for everybody: the next one has to wait, unless the sender works again."""
    store, other = stores.store(), stores.store()
    assert store.try_sender("main", 3600)
    store.report_sender("main", Scope.LOGIN, "535 5.7.8 wrong")
    stores.seconds += 3599
    assert not store.try_sender("main", 3600)
    stores.seconds += 1
    assert store.try_sender("main", 3600)
    assert not other.try_sender("main", 3600)
    assert other.sender_reports()[0].tried_at == datetime.fromtimestamp(stores.seconds, UTC)
    store.clear_sender("main")
    assert other.try_sender("main", 3600)


def test_notes_are_kept_and_replaced(store: Store) -> None:
    """A store has an identity of its own from the start, and keeps notes for the project."""
    assert store.meta("identity")
    assert store.meta("orders_from") is None

    store.set_meta("orders_from", "2026-08-01")
    store.set_meta("orders_from", "2026-08-24")
    assert store.meta("orders_from") == "2026-08-24"


def test_a_missing_store_reads_as_empty(stores: Stores) -> None:
    """Where nothing was imported yet there is nothing to read, and reading does not create it."""
    reader = stores.reader()

    assert list(reader.orders()) == []
    assert reader.counts()["orders"] == 0
    assert reader.histories(["E1"]) == {}
    assert reader.imported() == {}
    assert reader.plan_records() == ()
    assert reader.high_water() == 0
    assert list(stores.folder.iterdir()) == []


def test_a_reader_sees_what_was_written_after_it_opened(stores: Stores) -> None:
    """A reader opened before an import sees its orders afterwards, written by a process that is still there or gone."""
    store = stores.store()
    put(store, order("E1"))
    store.close()
    early = stores.reader()
    assert [each.id for each in early.orders()] == ["E1"]

    writer = stores.store()
    put(writer, order("E2"))
    writer.close()

    assert [each.id for each in early.orders()] == ["E1", "E2"]


def test_a_new_own_field_is_missing_until_it_comes(stores: Stores) -> None:
    """A field that the project adds later is missing for the orders that are there, and kept from then on."""
    old = stores.store(with_own({}))
    put(old, order("E1"))
    old.close()

    reader = stores.reader()
    assert [dict(each.values) for each in reader.orders()] == [order("E1")]

    put(stores.store(), order("E1", loyalty="gold"))
    assert values_of(stores.store())["loyalty"] == "gold"


def test_a_field_of_another_type_starts_afresh(stores: Stores) -> None:
    """When a project changes an own field's type, its old values are missing and stale, never misread."""
    first = stores.store()
    put(first, order("E1", loyalty="gold"))
    first.close()
    fields = with_own({**OWN, "loyalty": FieldType.INTEGER})

    assert [dict(each.values) for each in stores.reader(fields).orders()] == [order("E1")]

    changed = stores.store(fields)
    assert "loyalty" not in changed.imported()["ebay-de"]
    put(changed, order("E1", loyalty=3))
    assert values_of(changed)["loyalty"] == 3


def test_an_own_field_may_have_any_name(stores: Stores) -> None:
    """An own field may be called as the store calls something of its own."""
    store = stores.store(with_own({"version": FieldType.TEXT, "order": FieldType.TEXT}))
    put(store, order("E1", version="2.1", order="x"))

    assert values_of(store) == order("E1", version="2.1", order="x")
    assert next(store.orders()).version == 1


def test_a_bare_date_survives_a_move_to_another_zone(stores: Stores) -> None:
    """A shop that corrects its time zone keeps its bare dates, read before and after the store is next written."""
    first = stores.store()
    put(first, order("E1", paid=date(2026, 8, 12)))
    first.close()
    new_york = Calendar(ZoneInfo("America/New_York"), "US")

    assert [each.values["paid"] for each in stores.reader(calendar=new_york).orders()] == [date(2026, 8, 12)]
    assert [each.values["paid"] for each in stores.store(calendar=new_york).orders()] == [date(2026, 8, 12)]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=8)
DECIMALS = st.integers(-(10**17), 10**17).map(lambda scaled: Decimal(scaled).scaleb(-4))
MOMENTS = st.dates(date(1900, 1, 1), date(2200, 1, 1)) | st.datetimes(
    datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)
).map(lambda instant: instant.replace(microsecond=0))
VALUES = {
    FieldType.TEXT: TEXTS,
    FieldType.INTEGER: st.integers(-(2**63), 2**63 - 1),
    FieldType.DECIMAL: DECIMALS,
    FieldType.MOMENT: MOMENTS,
    FieldType.FLAG: st.booleans(),
    FieldType.LIST: st.lists(TEXTS, max_size=3).map(tuple),
    FieldType.RECORDS: st.just(({"name": "Mug", "quantity": 2, "price": Decimal("7.50")},)),
}
OPTIONAL = {
    name: each for name, each in with_own(OWN).items() if name not in ("id", "account") and not each.derived_from
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["E1", "E2"]),
        st.fixed_dictionaries(
            {}, optional={n: st.none() | VALUES[f.type] for n, f in OPTIONAL.items() if n != "ordered"}
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(rows=ROWS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_imports_behave_like_a_dictionary(store: Store, rows: list[tuple[str, dict[str, Value | None]]]) -> None:
    """After any sequence of files every order holds what the last file that carried a field said about it."""
    model: dict[str, dict[str, Value]] = {}
    clear = dict.fromkeys((name for name in OPTIONAL if name != "ordered"), None)
    for id_ in ("E1", "E2"):
        put(store, order(id_, **clear))
        model[id_] = {"id": id_, **MINIMUM}
    for id_, values in rows:
        put(store, order(id_, **values))
        merged = {**model[id_], **values}
        model[id_] = {name: value for name, value in merged.items() if value is not None}

    assert {each.id: dict(each.values) for each in store.orders()} == model


def test_every_field_type_is_tried() -> None:
    """The property above covers each type that the catalogue knows."""
    assert {each.type for each in catalogue().values()} <= VALUES.keys()


def test_changes_that_are_broken_off_together_leave_nothing_behind(stores: Stores, store: Store) -> None:
    """Neither what was changed until then, nor a transaction in which later changes would be lost."""

    def break_off() -> None:
        with store.together():
            store.set_meta("first", "lost")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        break_off()
    store.set_meta("second", "kept")
    reader = stores.reader()
    assert (reader.meta("first"), reader.meta("second")) == (None, "kept")


def test_a_mark_lasts_until_all_its_fields_came(store: Store) -> None:
    """A refused row marks its order, also an unknown one, until stored rows brought each field that it waits for."""
    put(store, order("E1"))
    with store.importing("payments.csv", NOW) as run:
        refused = RefusedData("payments.csv", 7, frozenset({"paid", "country"}))
        run.mark({"E1": refused, "E9": refused})
    assert store.histories(["E1", "E9"]) == {"E1": History(refused=refused), "E9": History(refused=refused)}
    assert next(store.orders_by_id(["E1"])).version == 2

    with store.importing("payments.csv", NOW) as run:
        run.mark({"E1": RefusedData("more.csv", 3, frozenset({"shipped"}))})
        run.brought(["E1"], {"paid"})
    assert store.histories(["E1"])["E1"].refused == RefusedData("more.csv", 3, frozenset({"country", "shipped"}))
    assert next(store.orders_by_id(["E1"])).version == 2

    with store.importing("orders.csv", NOW) as run:
        run.brought(["E1"], {"country", "shipped"})
    assert store.histories(["E1", "E9"]).keys() == {"E9"}
    assert store.unmark("E9")
    assert not store.unmark("E9")


def test_an_import_sees_what_it_has_stored(store: Store) -> None:
    """Within an import its orders are found by id, and by any text; an order's id is its number where it has none."""
    with store.importing("orders.csv", NOW) as run:
        names = ("id", "account", "ordered", "number")
        moment = date(2026, 3, 1)
        numbers = {"X1": "R1", "X2": None, "X3": "X2"}
        run.upsert(names, [(at, (id_, "web", moment, number)) for at, (id_, number) in enumerate(numbers.items())])
        stored = run.stored(["X1", "X2", "X9"])
        assert {id_: each.values.get("number") for id_, each in stored.items()} == {"X1": "R1", "X2": None}
        assert run.stored(["X1"])["X1"].account == "web"
        found = run.matching("number", ["R1", "X2", "R9"])
        assert {text: sorted(each) for text, each in found.items()} == {
            "R1": [("X1", "web")],
            "X2": [("X2", "web"), ("X3", "web")],
        }
        run.finish(0)
