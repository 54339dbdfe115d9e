"""The plan: its order, its bytes, its id, and the keys of messages (docs/commands.md#sendplan-plan)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sendplan.plan import STATUS_OF, Entry, Plan, Reason, Status, canonical, key_of, parse_key
from sendplan.reading import schemas

SEND = Entry(
    key="E1/thanks",
    status=Status.SEND,
    reason=Reason.SEND,
    why="due 2026-08-22, and every condition holds",
    rule="thanks",
    step=None,
    order="E1",
    account="web",
    region="domestic",
    klass="transactional",
    sender="main",
    template="mail",
    language="de",
    due="2026-08-22",
    send_at="2026-08-22T12:00:00+02:00",
    to="m…@example.com",
    facts={"ordered": "2026-08-21", "total": "20.00", "cancelled": None, "tags": ["x"], "parked": False},
)
HELD = replace(SEND, key="E2/thanks", order="E2", status=Status.HELD, reason=Reason.HELD, send_at=None)
LATER = replace(SEND, key="E3/thanks", order="E3", status=Status.LATER, reason=Reason.OUTSIDE_WINDOW)
BROKEN = Entry("odd", Status.ERROR, Reason.ERROR, "rules/a.yaml:1:1: odd", "odd", None, None)
PLAN = Plan("2026-08-22T12:00:00+02:00", "Europe/Berlin", "abc", (SEND, LATER, HELD, BROKEN)).identified()


def test_the_file_follows_its_schema() -> None:
    """A plan's JSON is what `schemas/plan.schema.json` describes."""
    assert schemas.valid(json.loads(PLAN.to_bytes()), "plan")


def test_there_and_back() -> None:
    """A plan read from its file is the plan that was written, byte by byte."""
    read = Plan.from_json(json.loads(PLAN.to_bytes()))
    assert read == PLAN
    assert read.to_bytes() == PLAN.to_bytes()


TEXTS = st.none() | st.text(max_size=5)
FACTS = st.dictionaries(
    st.text(max_size=4), TEXTS | st.integers() | st.booleans() | st.lists(st.text(max_size=3)), max_size=4
)


@example(texts=["%d", "100 %s", "%%", "%"], facts={"%s": "%"})
@given(texts=st.lists(TEXTS, min_size=4, max_size=4), facts=FACTS)
def test_an_entry_is_written_as_json_writes_it(texts: list[str | None], facts: dict[str, object]) -> None:
    """Whatever buyers typed, an entry's bytes in hash and file are those of its JSON."""
    entry = replace(SEND, order=texts[0], region=texts[1], language=texts[2], to=texts[3], facts=facts)
    assert entry.canonical() == canonical(entry.to_json())
    lines = json.dumps(entry.to_json(), ensure_ascii=False, indent=1).replace("\n", "\n  ")
    assert entry.filed() == f"\n  {lines}".encode()


@pytest.mark.parametrize("plan", [PLAN, replace(PLAN, entries=()).identified()], ids=["entries", "none"])
def test_written_piece_by_piece(plan: Plan) -> None:
    """A plan of any length is written and hashed entry by entry; the bytes are those of its JSON as a whole."""
    assert plan.to_bytes().decode() == json.dumps(plan.to_json(), ensure_ascii=False, indent=1) + "\n"
    assert plan.id == hashlib.sha256(canonical({**plan.to_json(), "id": ""})).hexdigest()[:16]


def test_keys_of_the_file_in_order() -> None:
    """The file begins with what a person looks for, and `class` is called so."""
    data = PLAN.to_json()
    assert list(data) == ["format", "id", "now", "timezone", "digest", "refused", "summary", "warnings", "entries"]
    assert " ".join(data["entries"][0]) == (
        "key status reason why rule step order account region class sender template language due send_at to facts"
    )


def test_summary() -> None:
    """Counts by status, and by rule."""
    assert PLAN.summary() == {
        "send": 1,
        "later": 1,
        "held": 1,
        "error": 1,
        "by_rule": {"odd": {"error": 1}, "thanks": {"held": 1, "later": 1, "send": 1}},
    }


def test_with_status() -> None:
    """The entries of one status keep their order."""
    assert PLAN.with_status(Status.LATER) == (LATER,)


def test_entries_sort_by_time_rule_step_and_order_with_null_last() -> None:
    """What leaves first stands first; what has no time stands last, and so does what has no step."""
    first = replace(SEND, send_at="2026-08-21T12:00:00+02:00", rule="z")
    second_step = replace(SEND, step="b")
    first_step = replace(SEND, step="a", order="E9")
    expected = [first, first_step, second_step, SEND, BROKEN, HELD]
    assert sorted([HELD, second_step, BROKEN, first_step, SEND, first], key=Entry.sort_key) == expected


def test_the_id_is_the_contents_hash() -> None:
    """The same content has the same id; any other content another one, and an id does not count itself."""
    assert replace(PLAN, id="").identified() == PLAN
    assert PLAN.identified() == PLAN
    others = {
        replace(PLAN, now="2026-08-22T12:00:01+02:00").identified().id,
        replace(PLAN, digest="abd").identified().id,
        replace(PLAN, refused="per_run").identified().id,
        replace(PLAN, warnings=("x",)).identified().id,
        replace(PLAN, entries=(replace(SEND, to="n…@example.com"), LATER, HELD, BROKEN)).identified().id,
    }
    assert len(others | {PLAN.id}) == 6


def test_every_listed_reason_has_a_status() -> None:
    """A plan lists what matters now; all other reasons are for `explain`."""
    listed = {"send", "outside_window", "retry_later", "held", "paused", "stale_data", "error"}
    assert {reason.value for reason, status in STATUS_OF.items() if status} == listed


def test_the_closed_list_of_reasons() -> None:
    """The reasons in the order in which the first that applies wins."""
    assert " ".join(Reason) == (
        "error account_skips_rule disabled already_sent in_flight unresolved predecessor_unsent before_start too_old "
        "trigger_false trigger_unknown region_excluded class_blocked suppressed no_address waiting not_due expired "
        "held paused stale_data retry_later outside_window send"
    )


RULES = {"thanks": (), "dunning": ("first", "second"), "first": ()}


@pytest.mark.parametrize(
    ("key", "parsed"),
    [
        ("E1/thanks", ("E1", "thanks", None)),
        ("E1/dunning/first", ("E1", "dunning", "first")),
        ("2024/17/thanks", ("2024/17", "thanks", None)),
        ("2024/17/dunning/second", ("2024/17", "dunning", "second")),
        ("dunning/first", ("dunning", "first", None)),
        ("E1/dunning/first/first", ("E1/dunning/first", "first", None)),
        ("E1/dunning", None),
        ("E1/dunning/third", None),
        ("E1/thanks/first", ("E1/thanks", "first", None)),
        ("E1/nothing", None),
        ("thanks", None),
        ("", None),
    ],
)
def test_reading_keys(key: str, parsed: tuple[str, str, str | None] | None) -> None:
    """Keys are read from the right, since an order's id may hold slashes; a ladder needs its step."""
    assert parse_key(key, RULES) == parsed


@given(st.from_regex(r"[A-Za-z0-9/]{1,12}", fullmatch=True), st.sampled_from([("thanks", None), ("dunning", "second")]))
def test_keys_there_and_back(order: str, message: tuple[str, str | None]) -> None:
    """A written key names the message that it was written for."""
    assert parse_key(key_of(order, *message), RULES) == (order, *message)
