"""Random projects, orders and ledgers, for the properties of planning that must hold whatever the rules say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sendplan.calendar import Calendar
from sendplan.deciding.decision import Decision
from sendplan.expressions import Expression, Kind, Names, ParamValue, compile_expression, stored_fields
from sendplan.fields import EVENTS, FieldType, Value, with_own
from sendplan.ledger import (
    ANY_STEP,
    History,
    MessageKey,
    Overrides,
    Record,
    RefusedData,
    Snooze,
    SnoozeSubject,
    Standing,
    State,
)
from sendplan.planning.planner import Clock, decide_order
from sendplan.problems import Span
from sendplan.project.postcodes import parse_postcodes
from sendplan.project.project import Project
from sendplan.project.regions import Region, RegionEntry
from sendplan.project.rules import Attached, Rule, Step
from sendplan.project.settings import Account, Hold, Languages, MessageClass, Settings, Shop
from sendplan.store.records import StoredOrder
from sendplan.units import Duration, Unit
from sendplan.windows import Window

FIELDS = with_own(
    {
        "loyalty": FieldType.TEXT,
        "warranty_ends": FieldType.MOMENT,
        "weight": FieldType.DECIMAL,
        "points": FieldType.INTEGER,
        "vip": FieldType.FLAG,
        "labels": FieldType.LIST,
    }
)
MOMENTS = ("ordered", "payment_due", *EVENTS, "warranty_ends")
NUMBERS = ("items", "total", "paid_amount", "credited", "shipping_cost", "open_amount", "weight", "points")
TEXTS = ("portal", "country", "billing_country", "number", "customer", "loyalty", "status", "email", "account")
FLAGS = ("parked", "disputed", "consent", "vip")
ANY = (*TEXTS, *NUMBERS, *FLAGS, *EVENTS, "tags", "labels")
WORDS = (
    "DE",
    "AT",
    "CH",
    "FR",
    "ebay",
    "amazon",
    "gold",
    "silver",
    "O1",
    "web",
    "shop",
    "webshop",
    "shop a@example.com",
    "webshop a@example.com",
)

# Days around which a zone does something odd, midnight changes among them.
PLACES = (
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2016, 2, 21, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2015, 10, 18, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2022, 10, 30, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2026, 7, 1, tzinfo=UTC)),
)
WEEKENDS = (frozenset({5, 6}), frozenset({4, 5}), frozenset[int]())
SPAN = Span("rules/random.yaml", 1, 1, 2)


@dataclass(frozen=True, slots=True)
class World:
    """A project with everything that a plan depends on."""

    project: Project
    clock: Clock
    orders: tuple[Mapping[str, Value], ...]
    records: tuple[Record, ...]
    imported: Mapping[tuple[str, str], datetime]
    overrides: Overrides
    first_runs: Mapping[str, datetime]
    arrivals: tuple[datetime | None, ...]
    """When each order first came."""
    refused: Mapping[str, RefusedData]
    """By order, a row that an import could not take."""


def decisions(world: World) -> Iterator[Decision]:
    """What is decided on every order of the world."""
    imported: dict[str, dict[str, datetime]] = {}
    for (account, name), at in world.imported.items():
        imported.setdefault(account, {})[name] = at
    for values in world.orders:
        id_ = str(values["id"])
        rows = {(each.rule, each.step): each for each in world.records if each.order == id_}
        history = History(records=rows, refused=world.refused.get(id_))
        order = StoredOrder(id_, str(values["account"]), 1, values)
        standing = Standing(imported, world.overrides)
        decided = decide_order(world.project, order, history, standing, world.clock)
        yield from decided.decisions if decided else ()


class Maker:
    """Makes one random world; small pools of values, so that many things coincide."""

    def __init__(self, random: Random) -> None:
        self.random = random
        zone, self.center = random.choice(PLACES)
        self.calendar = Calendar(ZoneInfo(zone), "DE", None, self.closed(), random.choice(WEEKENDS))
        self.now = self.center + timedelta(minutes=random.choice((0, 1, 60, 240, 241, 720, 1380, 1439, 1440)))
        self.params: dict[str, ParamValue] = {
            "wait": self.duration_value(),
            "limit": Decimal(random.choice(("1.00", "10.005", "0"))),
            "few": random.choice((1, 3)),
            "on": random.random() < 0.7,
            "places": ("DE", "AT"),
        }

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def closed(self) -> tuple[tuple[date, date], ...]:
        if self.random.random() < 0.5:
            return ()
        first = self.center.date() + timedelta(days=self.random.randint(-20, 5))
        return ((first, first + timedelta(days=self.random.randint(0, 15))),)

    # --- expressions ---

    def duration_value(self) -> Duration:
        unit = self.random.choice(tuple(Unit))
        large = {
            Unit.MINUTES: 600,
            Unit.HOURS: 100,
            Unit.MONTHS: 3,
            Unit.WEEKS: 4,
            Unit.QUARTERS: 2,
            Unit.YEARS: 1,
        }.get(unit, 30)
        return Duration(self.random.choice((0, 1, 2, self.random.randint(0, large))), unit)

    def duration(self) -> str:
        if self.chance(0.003):
            return f"{self.random.choice((99999, 3000000))} {self.random.choice(('days', 'months', 'hours'))}"
        return "params.wait" if self.chance(0.2) else str(self.duration_value())

    def moment(self, depth: int, sent: tuple[str, ...]) -> str:
        kind = self.random.random()
        if sent and kind < 0.15:
            return f'sent("{self.random.choice(sent)}")'
        if depth == 0 or kind < 0.4:
            return self.random.choice(MOMENTS)
        if kind < 0.7:
            return f"{self.moment(depth - 1, sent)} {self.random.choice('++-')} {self.duration()}"
        if kind < 0.78:
            return f"({self.moment(depth - 1, sent)} if {self.condition(0)} else {self.moment(depth - 1, sent)})"
        if kind < 0.84:
            chosen = f"({self.duration()} if {self.condition(0)} else {self.duration()})"
            return f"{self.moment(depth - 1, sent)} {self.random.choice('+-')} {chosen}"
        arguments = [
            self.moment(depth - 1, sent) + self.random.choice(("", "", " if set"))
            for _ in range(self.random.randint(1, 3))
        ]
        return f"{self.random.choice(('max', 'max', 'min'))}({', '.join(arguments)})"

    def due(self, sent: tuple[str, ...]) -> str:
        if self.chance(0.15):
            chosen = f"{self.duration()} if {self.condition(0)} else {self.duration()}"
            return f"{self.random.choice(('ordered', 'payment_due'))} + ({chosen})"
        return self.moment(self.random.choice((0, 1, 1, 2)), sent)

    def number(self, depth: int) -> str:
        kind = self.random.random()
        if depth == 0 or kind < 0.6:
            return self.random.choice((*NUMBERS, "open_amount"))
        if kind < 0.8:
            return f"{self.number(depth - 1)} {self.random.choice('+-')} {self.constant()}"
        if kind < 0.9:
            return f"{self.constant()} - {self.number(0)}"
        return f"{self.random.choice(('max', 'min'))}({self.number(0)}, {self.number(0)} if set)"

    def constant(self) -> str:
        return self.random.choice(("0", "1", "1.00", "3", "10.005", "20", "params.limit", "params.few"))

    def condition(self, depth: int, sent: tuple[str, ...] = ()) -> str:
        if depth > 0 and self.chance(0.6):
            joined = [self.condition(depth - 1, sent) for _ in range(self.random.randint(2, 3))]
            text = f" {self.random.choice(('and', 'and', 'or'))} ".join(f"({each})" for each in joined)
            return f"not ({text})" if self.chance(0.3) else text
        negation = "not " if self.chance(0.4) else ""
        comparison = self.random.choice(("==", "!=", "<", "<=", ">", ">="))
        equality = self.random.choice(("==", "!="))
        membership = self.random.choice(("in", "not in"))
        choices = (
            lambda: self.random.choice(EVENTS),
            lambda: self.random.choice(("cancelled", "paid", "shipped", "buyer_feedback")),
            lambda: self.random.choice(FLAGS),
            lambda: self.moment(1, sent),
            lambda: f"{self.number(1)} {comparison} {self.constant()}",
            lambda: f"open_amount {comparison} {self.constant()}",
            lambda: f"{self.constant()} {comparison} {self.number(1)}",
            lambda: f"{self.number(0)} {comparison} {self.number(0)}",
            lambda: f"{self.moment(1, sent)} {comparison} {self.moment(1, sent)}",
            lambda: f'{self.random.choice(TEXTS)} {comparison} "{self.random.choice(WORDS)}"',
            lambda: f'{self.random.choice(TEXTS)} {membership} ["{self.random.choice(WORDS)}", "DE", "ebay"]',
            lambda: f"country {membership} params.places",
            lambda: (
                f"{self.random.choice(('items', 'total', 'points', 'open_amount'))} {membership} [1, 3, 20.00, 10.005]"
            ),
            lambda: f"{self.random.choice(ANY)} is {self.random.choice(('', 'not '))}set",
            lambda: f'{self.random.choice(("tags", "labels"))} has "gold"',
            lambda: f"{self.random.choice(FLAGS)} {equality} {self.random.choice(('true', 'false', 'params.on'))}",
            lambda: self.random.choice(("true", "false", "params.on")),
        )
        return f"{negation}({self.random.choice(choices)()})"

    def compiled(self, text: str, kind: Kind, messages: Mapping[str, tuple[MessageKey, ...]]) -> Expression:
        scope = Names(FIELDS, self.params, messages, frozenset())
        expression, problems = compile_expression(text, kind, scope, lambda start, end: SPAN)
        assert expression is not None, (text, problems)
        return expression

    # --- project ---

    def settings(self) -> Settings:
        asked = self.compiled(self.condition(1), Kind.CONDITION, {})
        holds = tuple(
            Hold(
                f"h{number}",
                self.compiled(self.random.choice(("parked", self.condition(1))), Kind.CONDITION, {}),
                "held",
            )
            for number in range(self.random.randint(0, 2))
        )
        accounts = {
            "shop": Account("shop", "web", "main", params=self.params, formerly=("webshop", "old")),
            "bay": Account(
                "bay", "ebay", "main", skip=frozenset({"r1"} if self.chance(0.2) else ()), params=self.params
            ),
            "zon": Account(
                "zon", "amazon", "main", params={**self.params, "few": 2, "on": True}, closed=self.chance(0.1)
            ),
        }
        return Settings(
            folder=Path(),
            shop=Shop("Shop", self.calendar.zone.key, "DE"),
            calendar=self.calendar,
            store="sqlite:///var/shop.db",
            languages=Languages(),
            params=self.params,
            senders={},
            accounts=accounts,
            regions=self.regions(),
            classes={"transactional": MessageClass("transactional"), "marketing": MessageClass("marketing", asked)},
            windows={
                "office": Window("office", frozenset(range(5)), ((8 * 60, 12 * 60), (13 * 60, 18 * 60)), True),
                "night": Window("night", frozenset(range(6)), ((22 * 60, 30 * 60),), True),
                "always": Window("always"),
                "sundays": Window("sundays", frozenset({6})),
                "odd": Window("odd", cron="*/20 6-9 1-20 * mon,tue,sat"),
            },
            holds=holds,
            fields=FIELDS,
            fresh_within={"paid": Duration(36, Unit.HOURS)} if self.chance(0.2) else {},
        )

    def regions(self) -> tuple[Region, ...]:
        ranges = [
            parsed
            for text in ("25980-25999", "10000-19999", "80*", "8000", "HS*", "9500-321", "AB1-AB9")
            if (parsed := parse_postcodes(text, ()))
        ]
        entries = (
            RegionEntry(frozenset({"DE"}), (self.random.choice(ranges),)),
            RegionEntry(frozenset({"DE"}), (), ("Packstation",)),
            RegionEntry(frozenset({"DE"})),
            RegionEntry(frozenset({"AT", "CH"})),
            RegionEntry(postcodes=tuple(self.random.sample(ranges, 2))),
        )
        named = [
            Region(f"g{number}", tuple(self.random.sample(entries, self.random.randint(1, 2))))
            for number in range(self.random.randint(1, 3))
        ]
        return (*named, Region("abroad", None)) if self.chance(0.6) else tuple(named)

    def rules(self, settings: Settings) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        messages: dict[str, tuple[MessageKey, ...]] = {}
        for number in range(self.random.randint(1, 3)):
            rule = self.rule(f"r{number}", settings, messages)
            rules.append(rule)
            for step in rule.written:
                messages["/".join(filter(None, (rule.id, step.id)))] = step.keys
        return tuple(rules)

    def rule(self, id_: str, settings: Settings, messages: Mapping[str, tuple[MessageKey, ...]]) -> Rule:
        sent = tuple(messages)
        trigger = self.compiled(self.condition(self.random.choice((0, 0, 1, 2)), sent), Kind.CONDITION, messages)
        due = self.compiled(self.due(sent), Kind.MOMENT, messages)
        ladder = self.chance(0.4)
        written = tuple(
            self.step(id_, number if ladder else None, trigger, settings, messages)
            for number in range(self.random.randint(1, 4) if ladder else 1)
        )
        enabled = tuple(step for step in written if self.chance(0.85)) or written[:1]
        depth = self.random.randint(1, len(enabled))
        requires = (settings.classes[step.klass].requires for step in enabled)
        asked = (due, *(each for step in enabled for each in step.triggers), *filter(None, requires))
        return Rule(
            id=id_,
            ids=(id_, f"old-{id_}"),
            title=id_,
            enabled=self.chance(0.95),
            due=due,
            steps=enabled[:depth],
            beyond=enabled[depth:],
            written=written,
            ladder=ladder,
            depth=None,
            lookback=self.duration_value() if self.chance(0.5) else None,
            orders_from=self.center.date() - timedelta(days=self.random.randint(0, 40)) if self.chance(0.2) else None,
            reads=stored_fields(frozenset().union(*(each.fields() for each in asked)), FIELDS),
            description="",
            span=SPAN,
            attach=(Attached("invoice-{{ order.number }}.pdf", SPAN),) if self.chance(0.1) else (),
        )

    def step(
        self,
        rule: str,
        number: int | None,
        trigger: Expression,
        settings: Settings,
        messages: Mapping[str, tuple[MessageKey, ...]],
    ) -> Step:
        triggers = [trigger]
        if number and self.chance(0.3):
            triggers.append(self.compiled(self.condition(1, tuple(messages)), Kind.CONDITION, messages))
        names = [region.name for region in settings.regions]
        id_ = "" if number is None else f"s{number}"
        earlier = ((f"old-{rule}", id_ or ANY_STEP), ("other", "first"), ("other", ""))
        inherited = ((rule, ""),) if number == 0 else () if number else ((rule, ANY_STEP),)
        keys = ((rule, id_), *(key for key in earlier if self.chance(0.2)), *inherited)
        return Step(
            id=id_,
            template="mail",
            triggers=tuple(triggers),
            regions=frozenset(self.random.sample(names, self.random.randint(0, len(names))))
            if self.chance(0.4)
            else None,
            klass="marketing" if self.chance(0.2) else "transactional",
            window=self.random.choice(tuple(settings.windows)) if self.chance(0.4) else None,
            expires=self.duration_value() if self.chance(0.5) else None,
            after=None if number is None or (number == 0 and self.chance(0.5)) else self.duration_value(),
            keys=keys,
        )

    # --- data ---

    def a_moment(self) -> date | datetime:
        instant = self.now + timedelta(
            days=self.random.choice((0, 0, -1, -2, -3, -7, -14, -31, 1, self.random.randint(-100, 10))),
            minutes=self.random.choice((0, 0, 1, -1, -60, 60, 719, self.random.randint(-1440, 1440))),
        )
        return self.calendar.day(instant) if self.chance(0.5) else instant.replace(microsecond=0)

    def amount(self) -> Decimal:
        return Decimal(self.random.choice(("0.00", "1.00", "0.99", "10.00", "10.01", "20.00", "-5.00", "10.0051")))

    def order(self, number: int) -> Mapping[str, Value]:
        values: dict[str, Value] = {
            "id": f"O{number}",
            "account": self.random.choice(("shop", "webshop", "bay", "zon")),
        }
        if self.chance(0.02):
            values["account"] = "gone"
        values["ordered"] = self.a_moment()
        for name in (*MOMENTS[1:],):
            if self.chance(0.4):
                values[name] = self.a_moment()
        for name in ("total", "paid_amount", "credited", "shipping_cost", "weight"):
            if self.chance(0.6):
                values[name] = self.amount()
        for name in ("items", "points"):
            if self.chance(0.7):
                values[name] = self.random.choice((1, 2, 3, 20, -4))
        for name in FLAGS:
            if self.chance(0.5):
                values[name] = self.chance(0.5)
        for name in ("portal", "number", "customer", "loyalty", "status"):
            if self.chance(0.4):
                values[name] = self.random.choice(WORDS)
        for name in ("country", "billing_country"):
            if self.chance(0.8):
                values[name] = self.random.choice(("DE", "DE", "AT", "CH", "FR"))
        if self.chance(0.9):
            values["email"] = self.random.choice(("a@example.com", "b@example.org", "broken"))
        if self.chance(0.7):
            values["postcode"] = self.random.choice(
                ("25980", "D-25985", "10115", "259 90", "8000", "80331-1234", "HS1 2XX", "CH 8001", "9500-321", "ab 2")
            )
        if self.chance(0.7):
            values["street"] = self.random.choice(("Hauptstr. 1", "Packstation 123"))
        for name in ("tags", "labels"):
            if self.chance(0.4):
                values[name] = tuple(self.random.sample(("gold", "silver"), self.random.randint(0, 2)))
        return values

    def records(self, rules: tuple[Rule, ...], orders: int) -> tuple[Record, ...]:
        found = {}
        for rule in rules:
            gone = [(id_, step) for id_ in rule.ids for step in ("gone", "") if self.chance(0.3)]
            keys = [key for step in rule.written for key in step.keys if key[1] != ANY_STEP]
            for key in (*keys, *gone):
                for order in range(orders):
                    if self.chance(0.25):
                        found[order, key] = self.record(f"O{order}", key)
        return tuple(found.values())

    def overrides(self, rules: tuple[Rule, ...], orders: int) -> Overrides:
        classes = ("", "marketing", "transactional", "gone")
        suppressed = {"b@example.org": {self.random.choice(classes): ""}} if self.chance(0.3) else {}
        snoozes: dict[tuple[SnoozeSubject, str], tuple[Snooze, ...]] = {}
        for subject in [
            (SnoozeSubject.ADDRESS, "a@example.com"),
            *((SnoozeSubject.ORDER, f"O{n}") for n in range(orders)),
        ]:
            if self.chance(0.1):
                until = self.calendar.day(self.now) + timedelta(days=self.random.randint(-9, 3))
                rule = self.random.choice(("", *rules[0].ids))
                snoozes[subject] = (Snooze(*subject, until, self.now, rule),)
        paused = [name for name in ("main", rules[0].id, "*") if self.chance(0.03)]
        adopted = self.now - timedelta(days=self.random.randint(0, 30)) if self.chance(0.05) else None
        return Overrides(suppressed=suppressed, snoozes=snoozes, paused=frozenset(paused), orders_from=adopted)

    def first_runs(self, rules: tuple[Rule, ...]) -> Mapping[str, datetime]:
        return {rule.ids[0]: self.now - timedelta(days=self.random.choice((1, 8, 90))) for rule in rules}

    def record(self, order: str, key: MessageKey) -> Record:
        state = self.random.choice((State.SENT, State.SENT, State.SENT, *State))
        retry = (
            self.now + timedelta(minutes=self.random.choice((-30, 0, 30, 5000))) if state is State.DEFERRED else None
        )
        at = self.calendar.instant(self.a_moment())
        return Record(key[0], key[1], order, state, at, attempts=1, next_attempt=retry)

    def world(self) -> World:
        settings = self.settings()
        shared = self.rules(settings)
        by_account = dict.fromkeys(settings.accounts, shared)
        project = Project(settings, shared, by_account, (), {}, frozenset({"mail.en.md"}), "digest", {})
        orders = tuple(self.order(number) for number in range(self.random.randint(1, 12)))
        names = frozenset().union(*(rule.reads for rule in shared))
        imported = {
            (account, name): self.now - timedelta(hours=self.random.choice((1, 35, 36, 37)))
            for account in (*settings.accounts, "webshop")
            for name in sorted(names)
            if self.chance(0.8)
        }
        clock = Clock(self.now, replay=self.chance(0.3))
        return World(
            project,
            clock,
            orders,
            self.records(shared, len(orders)),
            imported,
            self.overrides(shared, len(orders)),
            self.first_runs(shared),
            tuple(self.random.choice((None, self.now - timedelta(days=2), self.now)) for _ in orders),
            {
                f"O{number}": RefusedData("orders.csv", 2, frozenset({"paid"}))
                for number in range(len(orders))
                if self.chance(0.05)
            },
        )
