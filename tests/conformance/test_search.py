"""Orders are found by what people know of them, in every store alike."""

from __future__ import annotations

from datetime import date

import pytest
from stores import order, put

from sendplan.store import Store

PEOPLE = (
    order("E1", number="1001", name="Eva Müller", email="eva@bücher.example", customer="K-17"),
    order("E2", number="1002", name="Jörg Weiß", email="j.weiss@example.com"),
    order("E3", number="10010", name="eva maria von Thal", email="Other@Example.com"),
    order("1001", name="100% Kaffee_Bar", email="bar@xn--bcher-kva.example"),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("E2", ["E2"]),
        ("e2", ["E2"]),
        ("1001", ["1001", "E1", "E3"]),
        ("100", ["1001", "E1", "E2", "E3"]),
        ("eva", ["E1", "E3"]),
        ("MÜLLER", ["E1"]),
        ("Mu\u0308ller", ["E1"]),
        ("müller eva", ["E1"]),
        ("thal  EVA", ["E3"]),
        ("weiss", ["E2"]),
        ("WEISS", ["E2"]),
        ("jörg weiß", ["E2"]),
        ("k-17", ["E1"]),
        ("eva@bücher.example", ["E1"]),
        ("eva@xn--bcher-kva.example", ["E1"]),
        ("bar@BÜCHER.example", ["1001"]),
        ("other@example.com", ["E3"]),
        ("@example.com", ["E2", "E3"]),
        ("100%", ["1001"]),
        ("e_b", ["1001"]),
        ("nobody", []),
        ("", []),
        ("  ", []),
        ("\\", []),
    ],
)
def test_a_search(store: Store, text: str, found: list[str]) -> None:
    """Parts in any case are enough, all words must be there, and what is named in full comes first."""
    put(store, *PEOPLE)
    assert [each.id for each in store.find(text, 10)] == found


def test_a_search_is_bounded(store: Store) -> None:
    """Of very many orders the first come by id, whoever is named in full among them."""
    many = [order(f"E{number:05}", name="Eva", ordered=date(2026, 8, 1)) for number in range(2_500)]
    put(store, *many, order("Z", number="eva"))
    assert [each.id for each in store.find("eva", 3)] == ["Z", "E00000", "E00001"]
    assert len(store.find("eva", 5_000)) == 2_501
