"""A group of intents or outcomes is answered as if they came one after the other."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from stores import KEY, NOW, Stores, lease, order, put

from sendplan.ledger import Record, Snooze, SnoozeSubject, State
from sendplan.project.settings import Limits
from sendplan.store import Store
from sendplan.store.claims import ClaimResult, ClaimStatus, Intent, Settlement

ORDERS = tuple(f"E{number}" for number in range(12))
KEYS = (KEY, ("dunning", "first"), ("dunning", "second"))
CLASSES = ("transactional", "marketing")


def filled(store: Store, chance: Random) -> tuple[str, ...]:
    """Orders, what people decided and what happened already; the tokens of two leases, and of none."""
    put(store, *(order(each) for each in ORDERS))
    put(store, *(order(each, items=2) for each in ORDERS if chance.random() < 0.1))
    tokens = (lease(store), lease(store, "second"))
    for name in ("dunning", "other"):
        if chance.random() < 0.2:
            store.pause(name, at=NOW)
    store.suppress("a@example.com", at=NOW, klass=chance.choice(("*", "marketing", "gone")))
    day = NOW.date() + timedelta(days=chance.randrange(-1, 3))
    store.snooze(Snooze(SnoozeSubject.ORDER, chance.choice(ORDERS), day, NOW))
    store.snooze(Snooze(SnoozeSubject.ADDRESS, "b@example.com", day, NOW, rule="dunning"))
    for each in ORDERS:
        if chance.random() < 0.3:
            state, again = chance.choice(((State.FAILED, None), (State.DEFERRED, NOW), (State.DEFERRED, LATER)))
            store.refuse(each, KEY, state, token=tokens[0], sender="main", at=NOW, reply="4", next_attempt=again)
    return (*tokens, tokens[0], "nobody's")


LATER = NOW + timedelta(hours=1)


def some_intents(chance: Random, tokens: tuple[str, ...]) -> list[Intent]:
    return [
        Intent(
            chance.choice((*ORDERS, "unknown")),
            chance.choice(KEYS),
            version=chance.choice((1, 1, 1, 2)),
            token=chance.choice(tokens),
            sender=chance.choice(("main", "other")),
            address=chance.choice(("a@example.com", "B@Example.com", "c@example.com")),
            klass=chance.choice(CLASSES),
            classes=CLASSES,
            recipients=chance.choice((1, 2)),
            limits=chance.choice((Limits(), Limits(per_minute=6), Limits(per_minute=9, per_day=7))),
            at=chance.choice((NOW, LATER)),
        )
        for _ in range(chance.randrange(1, 25))
    ]


def some_outcomes(chance: Random, intents: list[Intent]) -> list[Settlement]:
    outcomes = []
    for each in intents:
        to = chance.choice((State.SENT, State.DEFERRED, State.FAILED, State.UNCERTAIN))
        again = LATER if to is State.DEFERRED else None
        token = chance.choice((each.token, each.token, "another"))
        charged = chance.random() < 0.8
        outcomes.append(Settlement(each.order, each.key, token, to, LATER, "250 ok", "Q1", again, charged))
    return outcomes


def ledger(store: Store, tokens: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Everything that the ledger holds, with leases by number."""
    rows: list[Record] = list(store.records(State))
    found: list[tuple[object, ...]] = sorted(
        (each.order, each.rule, each.step, each.state, each.at, each.attempts, each.reply, tokens.index(each.token))
        for each in rows
        if each.token in tokens
    )
    moves = [(id_, key, store.moves(id_, key)) for id_ in ORDERS for key in KEYS]
    return [*found, *moves]


def exchanged(store: Store, outcomes: list[Settlement], intents: list[Intent]) -> list[ClaimResult]:
    """The answers to intents that are written together with outcomes; what was not said at once is asked for."""
    answers = store.exchange(outcomes, intents).answers
    rest = iter(store.claim([each for each, answer in zip(intents, answers, strict=True) if answer is None]))
    return [answer or next(rest) for answer in answers]


@pytest.mark.parametrize("seed", range(25))
def test_a_group_is_answered_as_one_after_the_other(stores: Stores, seed: int) -> None:
    """Whatever stands against some of them, a group gets the answers and leaves the ledger of single intents."""
    answers, ledgers = [], []
    for way in ("exchanged", "together", "alone"):
        store, chance = stores.elsewhere(way).store(), Random(seed)
        tokens = filled(store, chance)
        told: list[ClaimResult] = []
        outcomes: list[Settlement] = []
        for _ in range(3):
            intents = some_intents(chance, tokens)
            if way == "exchanged":
                told += exchanged(store, outcomes, intents)
                outcomes = some_outcomes(chance, intents)
                continue
            outcomes = some_outcomes(chance, intents)
            if way == "together":
                told += store.claim(intents)
                store.settle(outcomes)
            else:
                told += [answer for each in intents for answer in store.claim([each])]
                assert all(len(store.settle([each])) == 1 for each in outcomes)
        if way == "exchanged":
            store.exchange(outcomes, [])
        answers.append(told)
        ledgers.append(ledger(store, tokens))
        store.close()
    assert answers[0] == answers[1] == answers[2]
    assert ledgers[0] == ledgers[1] == ledgers[2]


def test_a_group_that_nothing_stands_against_is_answered_at_once(store: Store) -> None:
    """Intents that only one of several hosts has, and that no limit is near to, need no second question."""
    put(store, *map(order, ORDERS))
    token = lease(store)
    limits = Limits(per_minute=12, per_day=100)
    buyer = ("a@example.com", "transactional", CLASSES)
    intents = [Intent(each, KEY, 1, token, "main", *buyer, 1, limits, NOW) for each in ORDERS]
    told = store.exchange([], intents)
    assert {each and each.status for each in told.answers} == {ClaimStatus.OK}
    assert told.high_water == store.high_water() > 0


def test_every_answer_comes_up_in_groups(stores: Stores) -> None:
    """The random groups above meet every guard, so that their equality says something about each."""
    met: set[ClaimStatus] = set()
    for seed in range(25):
        store, chance = stores.elsewhere(f"seed{seed}").store(), Random(seed)
        tokens = filled(store, chance)
        met |= {answer.status for answer in store.claim(some_intents(chance, tokens))}
        store.close()
    assert met == set(ClaimStatus)


def test_nothing_to_claim_or_settle_is_no_error(stores: Stores) -> None:
    """An empty group has no answers."""
    store = stores.store()
    assert (store.claim([]), store.settle([])) == ((), ())
