"""Country names in many languages → ISO 3166-1 alpha-2 (docs/project.md#orders)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

LANGUAGES = (
    *("en", "de", "fr", "it", "es", "nl", "pl", "pt", "da", "sv", "nb", "fi", "is", "cs", "sk", "sl", "hr", "sr", "hu"),
    *("ro", "bg", "el", "et", "lv", "lt", "tr", "ru", "uk", "ga", "mt", "lb", "ca", "sq", "zh", "ja"),
)
"""Whose names of countries are understood; where two languages disagree, the earlier one wins."""

FURTHER_NAMES = {
    "GB": "XI, Great Britain, England, Scotland, Wales, Northern Ireland, Großbritannien, Grande-Bretagne",
    "DE": "BRD, Bundesrepublik Deutschland, Federal Republic of Germany",
    "AT": "Oesterreich, Republik Österreich",
    "CH": "Schweizerische Eidgenossenschaft, Swiss, Helvetia",
    "NL": "Holland, The Netherlands, Niederlande (Holland)",
    "CZ": "Czech Republic, Tschechische Republik",
    "DK": "Daenemark",
    "IE": "Republic of Ireland, Eire",
    "US": "United States of America, Vereinigte Staaten von Amerika, U.S.A.",
    "RU": "Russian Federation, Russische Föderation",
    "TR": "Turkey",
    "HK": "Hong Kong, Hongkong, Hong Kong SAR",
    "MO": "Macao, Macau, Macau SAR, Macao SAR",
    "CN": "People's Republic of China, Mainland China",
    "KR": "Republic of Korea, Korea Republic, Korea South, South Korea",
    "KP": "Democratic People's Republic of Korea, Korea North, North Korea",
    "CD": "Democratic Republic of the Congo, The Democratic Republic of the Congo, DR Congo, Congo Kinshasa",
    "CG": "Republic of the Congo, Congo, Congo Brazzaville",
    "VN": "Viet Nam, Socialist Republic of Vietnam",
    "TW": "Province of China Taiwan, Republic of China, Taiwan ROC",
    "LA": "Lao People's Democratic Republic, Lao PDR",
    "SY": "Syrian Arab Republic",
    "MK": "Macedonia, The Former Yugoslav Republic of Macedonia, FYROM",
    "PS": "State of Palestine, Occupied Palestinian Territory, Palestine",
    "VA": "Vatican City State, Holy See, Vatican",
    "BN": "Brunei Darussalam",
    "CV": "Cape Verde",
    "SZ": "Swaziland",
    "MM": "Burma",
    "CI": "Ivory Coast, Cote d'Ivoire",
    "TL": "East Timor",
    "FM": "Federated States of Micronesia",
    "VI": "US Virgin Islands, Virgin Islands US",
    "VG": "British Virgin Islands, Virgin Islands British",
    "AE": "UAE, Emirates",
    "SK": "Slovak Republic, Slowakische Republik",
    "GR": "EL, Hellas",
    "RO": "Rumaenien",
}
"""Usual names that the locale data do not have."""

NOT_COUNTRIES = re.compile(r"A[AC]|CP|DG|TA|Q[M-Z]|X[A-JL-Z]|EU|ZZ")
"""Codes of the locale data that ISO 3166-1 does not assign; Kosovo's XK is in general use and stays."""


def alpha2(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a code (alpha-2, alpha-3, numeric) or of a name in one of many languages.

    Also as systems combine them: `Germany (DE)`, `DE - Germany`, `Korea, Republic of`.
    """
    return _known(text) or next((found for each in _readings(text) if (found := _known(each))), None)


def _known(text: str) -> str | None:
    code = text.strip().upper()
    if code.isascii() and len(code) <= 3:
        found = _codes().get(code.zfill(3) if code.isdigit() else code)
        if found:
            return found
    return _names().get(_plain(text))


def _readings(text: str) -> tuple[str, ...]:
    """What a combined name may stand for, the likeliest first; a name and a code that disagree stand for nothing."""
    if inverted := _INVERTED.fullmatch(text):
        name, rest = inverted.groups()
        return (f"{rest} {name}", *(() if _known(rest) else (name,)))
    pair = _BRACKETS.fullmatch(text) or _DASH.fullmatch(text)
    if pair is None:
        return ()
    first, second = pair.groups()
    known = {found for each in (first, second) if (found := _known(each))}
    return (f"{second} {first}", *((first, second) if len(known) == 1 else ()))


_INVERTED = re.compile(r"\s*([^,()]+),\s*([^,()]+)")
_BRACKETS = re.compile(r"\s*([^()]+?)\s*\(([^()]+)\)\s*")
_DASH = re.compile(r"\s*(.+?)\s+[-\u2013/]\s+(.+?)\s*")


def known_names() -> tuple[str, ...]:
    """Codes, and names in English and German, to suggest for an unknown one."""
    from babel import Locale

    codes = set(_codes().values())
    names = {str(name) for tag in ("en", "de") for code, name in Locale(tag).territories.items() if code in codes}
    return tuple(sorted(names | codes))


@cache
def _codes() -> Mapping[str, str]:
    """Every code of a country that is in use → its alpha-2 code."""
    from babel.core import get_global

    aliases = {alias: targets[0] for alias, targets in get_global("territory_aliases").items() if len(targets) == 1}
    countries = {code for alias, code in aliases.items() if len(alias) == 3 and not NOT_COUNTRIES.fullmatch(code)}
    return {alias: code for alias, code in aliases.items() if code in countries} | {code: code for code in countries}


@cache
def _names() -> Mapping[str, str]:
    from babel import Locale

    codes = set(_codes().values())
    names: dict[str, str] = {}
    for tag in LANGUAGES:
        for code, name in Locale(tag).territories.items():
            if code in codes:
                names.setdefault(_plain(name), code)
    further = {_plain(name): code for code, listed in FURTHER_NAMES.items() for name in listed.split(", ")}
    return {**names, **further}


def _plain(name: str) -> str:
    """A name without case, accents, punctuation and needless blanks."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(each if each.isalnum() else " " for each in letters if not unicodedata.combining(each))
    return " ".join(kept.split())
