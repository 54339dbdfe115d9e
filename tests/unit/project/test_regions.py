"""Address → region: the first match wins, and what is missing makes the region unknown (LANGUAGE §3, M5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendplan.project.regions import Entry, Located, Region, locate, normal_postcode, parse_postcode

DE = frozenset({"DE"})
ISLAND = Region(
    "island",
    (
        Entry(DE, (("18565", "18565"), ("25980", "25999"))),
        Entry(DE, street_words=("Packstation", "Postfiliale")),
    ),
)
DOMESTIC = Region("domestic", (Entry(DE),))
SHOP = (ISLAND, DOMESTIC, Region("abroad", None))


def region(**address: str) -> str | None:
    return locate(SHOP, address).region


def missing(*regions: Region, **address: str) -> str | None:
    return locate(regions, address).missing


def test_first_match_wins() -> None:
    """An island in Germany is an island, although it is in Germany too."""
    assert region(country="DE", postcode="25980", street="Strandweg 1") == "island"
    assert region(country="DE", postcode="50667", street="Domplatz 1") == "domestic"
    assert region(country="AT", postcode="25980", street="Packstation 1") == "abroad"


@pytest.mark.parametrize(
    ("postcode", "expected"),
    [
        ("25979", "domestic"),
        ("25980", "island"),
        ("25999", "island"),
        ("26000", "domestic"),
        ("D-25980", "island"),
        ("d-25980", "island"),
        (" 259 80 ", "island"),
        ("2598", "domestic"),
        ("259800", "domestic"),
    ],
)
def test_postcode_ranges(postcode: str, expected: str) -> None:
    """Ranges include both ends; blanks and a leading `D-` do not count, and the length must be the same."""
    assert region(country="DE", postcode=postcode, street="Weg 1") == expected


@pytest.mark.parametrize(
    ("street", "expected"),
    [
        ("Packstation 117", "island"),
        ("DHL packSTATION 117", "island"),
        ("Postfiliale-12", "island"),
        ("Alte Packstationsgasse 3", "domestic"),
        ("Neupackstation 3", "domestic"),
        ("Weg 1", "domestic"),
    ],
)
def test_street_words(street: str, expected: str) -> None:
    """Whole words of the street count, ignoring case."""
    assert region(country="DE", postcode="50667", street=street) == expected


def test_keys_of_an_entry_must_all_match() -> None:
    """Keys within an entry narrow it, entries are alternatives."""
    both = Region("both", (Entry(DE, (("10000", "19999"),), ("Hafen",)), Entry(frozenset({"CH"}))))
    inside = {"country": "DE", "postcode": "12345"}
    assert locate([both], {**inside, "street": "Am Hafen 1"}).region == "both"
    assert locate([both], {**inside, "street": "Weg 1"}).region is None
    assert locate([both], {"country": "DE", "postcode": "20000", "street": "Am Hafen 1"}).region is None
    assert locate([both], {"country": "CH"}).region == "both"


def test_entry_without_country() -> None:
    """An entry may speak of postcodes in any country."""
    anywhere = Region("anywhere", (Entry(postcodes=(("1000", "1999"),)),))
    assert locate([anywhere], {"country": "AT", "postcode": "1010"}).region == "anywhere"


def test_no_region_matches() -> None:
    """An address outside of every region lies in none, and nothing is missing."""
    located = locate((DOMESTIC,), {"country": "FR"})
    assert (located.region, located.missing) == (None, None)


def test_missing_country_is_unknown() -> None:
    """Without a country the region is unknown, even where the last region takes any address."""
    assert locate(SHOP, {"postcode": "25980"}) == Located(None, "country", "the country is missing")


def test_missing_field_of_an_earlier_entry_is_unknown() -> None:
    """Where an earlier entry would match but for a field that the order lacks, the region is unknown."""
    assert missing(*SHOP, country="DE", street="Weg 1") == "postcode"
    assert missing(*SHOP, country="DE", postcode="50667") == "street"
    assert missing(*SHOP, country="DE") == "postcode"


def test_missing_field_that_decides_nothing() -> None:
    """A missing field is no matter where the entry does not match anyway, or an earlier one does."""
    assert region(country="FR") == "abroad"
    assert region(country="DE", postcode="25980") == "island"
    assert region(country="DE", postcode="50667", street="Weg 1") == "domestic"
    assert missing(DOMESTIC, ISLAND, country="DE") is None
    other = Region("other", (Entry(DE, (("10000", "10000"),), ("Hafen",)), Entry(DE)))
    assert locate([other], {"country": "DE", "postcode": "20000"}).region == "other"


def test_the_region_says_why() -> None:
    """What matched can be shown to a person."""
    assert locate(SHOP, {"country": "DE", "postcode": "D-18565"}).why == "island: country DE and postcode 18565"
    assert locate(SHOP, {"country": "FR"}).why == "abroad: any address"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25980", ("25980", "25980")),
        ("25980-25999", ("25980", "25999")),
        ("D-25980", ("25980", "25980")),
        ("25980 - 25999", ("25980", "25999")),
        ("25999-25980", None),
        ("1000-25999", None),
        ("", None),
        ("25980-", None),
    ],
)
def test_reading_ranges(text: str, expected: tuple[str, str] | None) -> None:
    """A postcode or an inclusive range whose ends have the same length, the lower first."""
    assert parse_postcode(text) == expected


@given(st.integers(0, 99999), st.integers(0, 99999), st.integers(0, 99999))
def test_ranges_are_ranges_of_numbers(first: int, last: int, postcode: int) -> None:
    """Of postcodes of one length, a range holds those between its ends."""
    parsed = parse_postcode(f"{min(first, last):05}-{max(first, last):05}")
    assert parsed is not None
    inside = locate([Region("r", (Entry(postcodes=(parsed,)),))], {"country": "DE", "postcode": f"{postcode:05}"})
    assert (inside.region == "r") is (min(first, last) <= postcode <= max(first, last))


def test_normal_postcode() -> None:
    """Foreign postcodes keep their letters."""
    assert normal_postcode(" sw1a 1aa ") == "SW1A1AA"
