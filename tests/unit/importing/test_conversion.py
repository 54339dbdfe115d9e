"""What stands in a file or scenario → the value of a field."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendplan.calendar import Calendar
from sendplan.fields import Field, FieldType, Value, catalogue
from sendplan.importing import conversion
from sendplan.importing.conversion import ConversionError, Notation, convert, converter
from sendplan.importing.countries import alpha2
from sendplan.store.sql.encoding import Codec

CALENDAR = Calendar(ZoneInfo("Europe/Berlin"), "DE")


def read(name: str, raw: object, **notation: object) -> Value | None:
    return converter(catalogue()[name], CALENDAR, Notation(**notation))(raw)  # type: ignore[arg-type]


def refusal(name: str, raw: object, **notation: object) -> ConversionError:
    with pytest.raises(ConversionError) as raised:
        read(name, raw, **notation)
    return raised.value


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("postcode", "01067", "01067"),
        ("number", 4711, "4711"),
        ("number", Decimal("1.50"), "1.50"),
        ("name", "  Eve ", "  Eve "),
        ("street", "Hof\n2. Stock", "Hof\n2. Stock"),
        ("id", " E1 ", "E1"),
        ("email", " b@example.com ", "b@example.com"),
        ("language", "iw", "he"),
        ("language", "deu", "de"),
        ("language", "de-DE-u-co-phonebk", "de-DE"),
        ("language", "de-x-shop", "de"),
        ("total", "€ 5", Decimal("5.00")),
        ("total", "$1099.90", Decimal("1099.90")),
        ("total", "-$5.00", Decimal("-5.00")),
        ("total", "50.40 EUR", Decimal("50.40")),
        ("total", "\u22125", Decimal("-5.00")),
        ("items", "3.0", 3),
        ("consent", "x", True),
        ("consent", "f", False),
        ("name", "Caf&eacute; &amp; Bar", "Café & Bar"),
        ("name", "AT&T; R&D", "AT&T; R&D"),
        ("id", Decimal("1001.0"), "1001"),
        ("id", "01067", "01067"),
        ("language", "de_at", "de-AT"),
        ("language", "EN", "en"),
        ("language", "ger", "de"),
        ("language", "de_DE.UTF-8", "de-DE"),
        ("language", "en-UK", "en-GB"),
        ("language", "no", "no"),
        ("language", "sh", "sr-Latn"),
        ("language", "zh-Hant-TW", "zh-Hant-TW"),
        ("currency", "eur", "EUR"),
        ("items", " 3 ", 3),
        ("items", Decimal("3.0"), 3),
        ("total", "19.99", Decimal("19.99")),
        ("total", "-.5", Decimal("-0.50")),
        ("total", 20, Decimal("20.00")),
        ("total", Decimal("1E+2"), Decimal("100.00")),
        ("total", "0.1234", Decimal("0.1234")),
        ("total", "1.50000", Decimal("1.50")),
        ("consent", "Yes", True),
        ("consent", "0", False),
        ("consent", "JA", True),
        ("consent", True, True),
        ("consent", Decimal(1), True),
        ("tags", "wholesale; vip ;", ("wholesale", "vip")),
        ("tags", "wholesale,vip", ("wholesale", "vip")),
        ("tags", '["a,b", "c"]', ("a,b", "c")),
        ("tags", ["a", 7], ("a", "7")),
        ("tags", [], ()),
    ],
)
def test_usual_spellings_are_understood(name: str, raw: object, value: Value) -> None:
    """Texts keep their characters, codes are tidied, numbers are exact, flags and lists have their usual forms."""
    assert read(name, raw) == value
    assert str(read(name, raw)) == str(value)


@pytest.mark.parametrize("name", [name for name in catalogue() if name != "open_amount"])
@pytest.mark.parametrize("raw", [None, "", "  "])
def test_an_empty_cell_is_no_value(name: str, raw: object) -> None:
    """For every field an empty cell, a cell of blanks and a JSON null mean that it has no value."""
    assert read(name, raw) is None


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-08-11", date(2026, 8, 11)),
        ("2026-08-11 10:00", datetime(2026, 8, 11, 8, 0, tzinfo=UTC)),
        ("2026-01-11T10:00:05", datetime(2026, 1, 11, 9, 0, 5, tzinfo=UTC)),
        ("2026-08-11T10:00:00Z", datetime(2026, 8, 11, 10, 0, tzinfo=UTC)),
        ("2026-08-11t10:00:00.999z", datetime(2026, 8, 11, 10, 0, tzinfo=UTC)),
        ("2026-08-11 10:00 +05:30", datetime(2026, 8, 11, 4, 30, tzinfo=UTC)),
        ("2026-08-11T10:00:00-0400", datetime(2026, 8, 11, 14, 0, tzinfo=UTC)),
        (" 2026-08-11 ", date(2026, 8, 11)),
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-03-29 02:30", datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
    ],
)
def test_moments_are_iso_8601(raw: str, moment: date) -> None:
    """A date alone is that local day; a time without an offset is the shop's, also where the clock jumps."""
    assert read("paid", raw) == moment
    assert type(read("paid", raw)) is type(moment)


@pytest.mark.parametrize(
    ("format", "raw", "moment"),
    [
        ("%m/%d/%Y", "1/2/2013", date(2013, 1, 2)),
        ("%d.%m.%Y", "02.01.2013", date(2013, 1, 2)),
        ("%d.%m.%Y %H:%M", "02.01.2013 14:05", datetime(2013, 1, 2, 13, 5, tzinfo=UTC)),
        ("%Y%m%dT%H%M%S%z", "20130102T140500+0000", datetime(2013, 1, 2, 14, 5, tzinfo=UTC)),
    ],
)
def test_other_dates_follow_the_mappings_format(format: str, raw: str, moment: date) -> None:
    """A strptime format in shop time; one without a time of day gives a bare date."""
    assert read("paid", raw, dates=(format,)) == moment
    assert type(read("paid", raw, dates=(format,))) is type(moment)


@pytest.mark.parametrize(
    ("name", "raw", "message", "help"),
    [
        ("paid", "11.08.2026", "not a date", "2026-08-11"),
        ("paid", "2026-02-30", "not a date", "2026-08-11"),
        ("paid", "2026-8-1", "not a date", "2026-08-11"),
        ("paid", 1786442400, "not a date", "2026-08-11"),
        ("paid", "0206-08-11", "year 206", ""),
        ("items", "2.5", "not a whole number", ""),
        ("items", True, "not a number", ""),
        ("items", "9" * 30, "too large", ""),
        ("total", "12,50", "not a number", "1234.56"),
        ("total", "1,234.56", "not a number", "1234.56"),
        ("total", "1.234,56", "not a number", "1234.56"),
        ("total", "1 234.56", "not a number", "1234.56"),
        ("total", "5 apples", "not a number", ""),
        ("credited", "-5", "negative", "without a minus"),
        ("paid_amount", Decimal("-0.01"), "negative", ""),
        ("email", "N/A", "not an e-mail address", 'empty: ["N/A"]'),
        ("id", "1001.0", "not an id", "spreadsheet"),
        ("id", "4.5E+08", "not an id", "as text"),
        ("total", "0.12345", "more than four decimals", ""),
        ("total", "1" * 15, "too large", ""),
        ("total", Decimal("NaN"), "too large", ""),
        ("total", True, "not a number", ""),
        ("consent", "maybe", "neither true nor false", '"true": ["maybe"]'),
        ("email", "a@example.com\nBcc: b@example.com", "control character U+000A", ""),
        ("id", "E\u20281", "control character U+2028", ""),
        ("name", "Eve\x00", "control character U+0000", ""),
        ("name", True, "not a text", ""),
        ("language", "german!", "not a language tag", "de-AT"),
        ("currency", "€", "not a currency", "EUR"),
        ("country", "Germny", "no country", "did you mean `Germany`"),
        ("country", "391", "no country", "ISO code"),
        ("tags", '["a"', "not JSON", ""),
        ("lines", [{"nmae": "Mug"}], "unknown key `nmae`", "did you mean `name`"),
        ("lines", [{"price": "1,5"}], "whose price is not a number", "1234.56"),
        ("lines", "[1]", "not an order line", ""),
    ],
)
def test_what_is_no_value_is_told_with_what_to_write(name: str, raw: object, message: str, help: str) -> None:
    """A value that does not fit its field says why, and what to write instead."""
    error = refusal(name, raw)

    assert message in error.message
    assert help in error.help


def test_a_decimal_comma_is_the_mappings_to_declare() -> None:
    """With `decimal: ","` the comma is the separator and the point is refused, so nothing is read a thousandfold."""
    assert read("total", "1234,5", decimal=",") == Decimal("1234.50")
    assert "1234,56" in refusal("total", "1.234,5", decimal=",").help
    assert read("total", "1.234,5", decimal=",", thousands=".") == Decimal("1234.50")
    assert "not a number" in refusal("total", "1,5", thousands=",").message
    assert "not a number" in refusal("total", "12.50", decimal=",").message


def test_a_mappings_own_flags_join_the_usual_ones() -> None:
    """A mapping's texts for true and false are read whatever their case, beside the usual ones, which they may turn."""
    notation = {"true": ("Yes", "Disputed"), "false": ("No",)}

    assert read("disputed", "DISPUTED", **notation) is True
    assert read("disputed", "no", **notation) is False
    assert read("disputed", True, **notation) is True
    assert read("disputed", "1", **notation) is True
    assert read("disputed", "0", true=("0",), false=("1",)) is True


def test_order_lines_are_records_with_exact_prices() -> None:
    """Order lines may come as JSON or as JSON in a text; what a line lacks is left out."""
    lines = ({"name": "Mug", "quantity": 2, "price": Decimal("7.50")},)

    assert read("lines", [{"name": "Mug", "sku": None, "quantity": 2, "price": "7.50"}]) == lines
    assert read("lines", '[{"name": "Mug", "quantity": 2, "price": 7.5}]') == lines


def test_own_fields_are_read_by_their_type() -> None:
    """A project's own field is read like a built-in one of its type, and an own text called like a code is a text."""
    assert convert(Field("warranty_ends", FieldType.MOMENT, own=True), "2028-01-01", CALENDAR) == date(2028, 1, 1)
    assert convert(Field("country", FieldType.TEXT, own=True), "Nowhere", CALENDAR) == "Nowhere"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("Deutschland", "DE"),
        (" GERMANY ", "DE"),
        ("DEU", "DE"),
        ("Suisse", "CH"),
        ("de", "DE"),
        ("276", "DE"),
        ("040", "AT"),
        ("40", "AT"),
        ("056", "BE"),
        ("Oesterreich", "AT"),
        ("ÖSTERREICH", "AT"),
        ("The Netherlands", "NL"),
        ("U.S.A.", "US"),
        ("UK", "GB"),
        ("Côte d'Ivoire", "CI"),
        ("Ελλάδα", "GR"),
        ("Türkei", "TR"),
        ("Czech Republic", "CZ"),
        ("XK", "XK"),
        ("XI", "GB"),
        ("Korea, Republic of", "KR"),
        ("Korea, Democratic People's Republic of", "KP"),
        ("Moldova, Republic of", "MD"),
        ("Hong Kong SAR", "HK"),
        ("United Kingdom (UK)", "GB"),
        ("Germany (DE)", "DE"),
        ("DE - Germany", "DE"),
        ("Bolivia (Plurinational State of)", "BO"),
        ("Congo, The Democratic Republic of the", "CD"),
        ("Virgin Islands, U.S.", "VI"),
        ("Taiwan, Province of China", "TW"),
        ("Holy See (Vatican City State)", "VA"),
    ],
)
def test_countries_are_understood_in_many_spellings(written: str, code: str) -> None:
    """A country may stand as a code of any kind or as a name in a European language, whatever its case and accents."""
    assert alpha2(written) == code


@pytest.mark.parametrize(
    "written", ["EU", "QQ", "XX", "391", "897", "12345", "Atlantis", "", "YU", "Germany (FR)", "Korea"]
)
def test_what_is_no_country_is_not_guessed(written: str) -> None:
    """Codes that ISO 3166-1 does not assign, and unknown names, are no country."""
    assert alpha2(written) is None


MOMENTS = st.dates(date(1900, 1, 1), date(2200, 1, 1)) | st.datetimes(
    datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)
)
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Pacific/Apia", "Pacific/Honolulu", "Asia/Kathmandu"]
)


@given(moment=MOMENTS, zone=ZONES)
@settings(max_examples=200)
def test_a_stored_moment_is_read_back(moment: date, zone: str) -> None:
    """In every zone a bare date is read back as that day, and an instant to its second."""
    calendar = Calendar(ZoneInfo(zone), "DE")
    codec = Codec(calendar)
    if not isinstance(moment, datetime) and calendar.day(calendar.instant(moment)) != moment:
        return  # Samoa never had 30 December 2011.

    exact = moment.replace(microsecond=0) if isinstance(moment, datetime) else moment
    assert codec.decode_moment(codec.encode_moment(moment)) == exact


@given(first=MOMENTS, second=MOMENTS)
@settings(max_examples=100)
def test_stored_moments_keep_their_order(first: date, second: date) -> None:
    """What begins earlier is stored as a smaller number, be it a date or an instant."""
    codec = Codec(CALENDAR)
    starts = [CALENDAR.instant(each).replace(microsecond=0) for each in (first, second)]

    if starts[0] < starts[1]:
        assert codec.encode_moment(first) < codec.encode_moment(second)


@given(scaled=st.integers(-(10**18) + 1, 10**18 - 1))
def test_a_stored_amount_is_read_back(scaled: int) -> None:
    """Every amount that import takes comes back from the store exactly, and looks the same."""
    value = read("total", f"{Decimal(scaled).scaleb(-4):f}")
    codec = Codec(CALENDAR)
    encode, decode = codec.encoder(FieldType.DECIMAL), codec.decoder(FieldType.DECIMAL)

    assert encode is not None
    assert decode is not None
    assert str(decode(encode(value))) == str(value)


def test_what_to_write_instead_is_looked_for_when_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file full of cities where countries should be is not compared with every country's name, row by row."""
    asked: list[str] = []

    def suggested(name: str, known: object) -> str:
        asked.append(name)
        return "did you mean `DE`?"

    monkeypatch.setattr(conversion, "did_you_mean", suggested)
    errors = [refusal("country", f"Town {number}") for number in range(50)]
    assert asked == []
    assert errors[0].help == "did you mean `DE`?"
    assert asked == ["Town 0"]
