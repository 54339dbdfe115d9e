"""Address → region: the first match wins, and what is missing makes it unknown (docs/project.md#regions, M5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendplan.project.postcodes import Postcodes, normal_postcode, parse_postcodes
from sendplan.project.regions import Located, Region, RegionEntry, locate

DE = frozenset({"DE"})


def codes(*written: str, country: str = "DE") -> tuple[Postcodes, ...]:
    """Postcodes as an entry of `sendplan.yaml` has them."""
    return tuple(parsed for text in written if (parsed := parse_postcodes(text, (country,))))


ISLAND = Region(
    "island",
    (
        RegionEntry(DE, codes("18565", "25980-25999")),
        RegionEntry(DE, street_words=("Packstation", "Postfiliale")),
    ),
)
DOMESTIC = Region("domestic", (RegionEntry(DE),))
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
        ("D 25980", "island"),
        ("DE-25980", "island"),
        ("DE25980", "island"),
        ("A-25980", "domestic"),
        ("25980-4711", "island"),
        ("25\u2013980", "island"),
        ("\uff12\uff15\uff19\uff18\uff10", "island"),
    ],
)
def test_postcode_ranges(postcode: str, expected: str) -> None:
    """Ranges include both ends; blanks, hyphens and the own country's prefix do not count, nor what follows."""
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
    both = Region("both", (RegionEntry(DE, codes("10000-19999"), ("Hafen",)), RegionEntry(frozenset({"CH"}))))
    inside = {"country": "DE", "postcode": "12345"}
    assert locate([both], {**inside, "street": "Am Hafen 1"}).region == "both"
    assert locate([both], {**inside, "street": "Weg 1"}).region is None
    assert locate([both], {"country": "DE", "postcode": "20000", "street": "Am Hafen 1"}).region is None
    assert locate([both], {"country": "CH"}).region == "both"


def test_entry_without_country() -> None:
    """An entry may speak of postcodes in any country."""
    anywhere = Region("anywhere", (RegionEntry(postcodes=codes("1000-1999")),))
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
    other = Region("other", (RegionEntry(DE, codes("10000"), ("Hafen",)), RegionEntry(DE)))
    assert locate([other], {"country": "DE", "postcode": "20000"}).region == "other"


def test_the_region_says_why() -> None:
    """What matched can be shown to a person."""
    assert locate(SHOP, {"country": "DE", "postcode": "D-18565"}).why == "island: country DE and postcode 18565"
    assert locate(SHOP, {"country": "FR"}).why == "abroad: any address"


@pytest.mark.parametrize(
    ("country", "written", "postcode", "inside"),
    [
        ("PT", "9000-9999", "9500-321", True),
        ("PT", "9500-321", "9500-321", True),
        ("PT", "9500-321", "9500-322", False),
        ("PT", "95*", "9500 321", True),
        ("PT", "95*", "P-9500-321", True),
        ("US", "96701-96898", "96813-2401", True),
        ("US", "96701-96898", "96899-0001", False),
        ("DE", "D 18565", "18565", True),
        ("DE", "18565", "D 18565", True),
        ("AT", "A-6991", "6991", True),
        ("AT", "6991", "A-6991", True),
        ("AT", "A-6991-A-6993", "6992", True),
        ("CH", "8000-8099", "CH-8001", True),
        ("PL", "00-950", "00950", True),
        ("PL", "00-900-00-999", "00-950", True),
        ("PL", "00900-00999", "PL 00-950", True),
        ("GB", "HS1 2XX", "hs12xx", True),
        ("GB", "HS*", "HS1 2XX", True),
        ("GB", "HS*", "H1 2XX", False),
        ("GB", "S1 2AB", "S1 2AB", True),
        ("SE", "111 22", "S-111 22", True),
        ("SE", "S-11122", "SE 111 22", True),
        ("MT", "MTF 1010", "MTF1010", True),
        ("LV", "LV-1050", "1050", True),
        ("JP", "900-0001", "900\u22120001", True),
        ("NL", "1000-1099", "1012 AB", True),
        ("BR", "01.310-100", "01310100", True),
        ("AT", "1000-1999", "101", False),
    ],
)
def test_postcodes_of_many_countries(country: str, written: str, postcode: str, *, inside: bool) -> None:
    """A postcode is understood as people of its country write it, in the settings and in orders."""
    region = Region("r", (RegionEntry(frozenset({country}), codes(written, country=country)),))
    assert (locate([region], {"country": country, "postcode": postcode}).region == "r") is inside


@pytest.mark.parametrize(
    "text", ["25999-25980", "1000-25999", "25-1", "25980-99", "", "25980-", "-25980", "*", "25980;25990"]
)
def test_what_is_not_a_postcode(text: str) -> None:
    """Ends of a range have the same length, the lower first; a beginning begins with something."""
    assert parse_postcodes(text, ("DE",)) is None


def test_entries_of_any_country() -> None:
    """Without a country, letters before a hyphen are a prefix, and a British code keeps its own."""
    assert parse_postcodes("D-25980", ()) == Postcodes("25980", "25980", leading=True)
    assert parse_postcodes("S1 2AB", ()) == Postcodes("S12AB", "S12AB", leading=False)


@given(st.integers(0, 99999), st.integers(0, 99999), st.integers(0, 99999))
def test_ranges_are_ranges_of_numbers(first: int, last: int, postcode: int) -> None:
    """Of postcodes of one length, a range holds those between its ends."""
    parsed = codes(f"{min(first, last):05}-{max(first, last):05}")
    inside = locate([Region("r", (RegionEntry(postcodes=parsed),))], {"country": "DE", "postcode": f"{postcode:05}"})
    assert (inside.region == "r") is (min(first, last) <= postcode <= max(first, last))


def test_normal_postcode() -> None:
    """Foreign postcodes keep their letters."""
    assert normal_postcode(" sw1a 1aa ", "GB") == "SW1A1AA"
