"""Why a message leaves or stays, in German: what the engine says in English → German, for each reason.

A plan keeps its sentences in English. Each is listed here with its values as `{names}`, beside its German. A shop's own
words, such as a hold's reason, stay as they are, and so does a sentence that is not listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import cache

from sendplan.deciding.decision import OUTSIDE
from sendplan.plan import Reason
from sendplan.units import UNIT_WORDS, Unit

REASONS: Mapping[Reason, Mapping[str, str]] = {
    Reason.ERROR: {
        "account `{name}` is not in sendplan.yaml": "Konto `{name}` ist nicht in sendplan.yaml",
        "account {name}, {portal}": "Konto {name}, {portal}",
        "its mail cannot be composed: {error}": "die Mail kann nicht geschrieben werden: {error}",
        OUTSIDE: "ein Datum dieser Bestellung liegt außerhalb der Jahre 1 bis 9999",
    },
    Reason.ACCOUNT_SKIPS_RULE: {
        "account {name} is closed": "Konto {name} ist geschlossen",
        "account {name} skips this rule": "Konto {name} lässt diese Regel aus",
    },
    Reason.DISABLED: {
        "the rule is switched off": "die Regel ist abgeschaltet",
        "no step of the ladder is switched on": "kein Schritt der Regel ist eingeschaltet",
    },
    Reason.ALREADY_SENT: {
        "sent on {day}": "gesendet am {day}",
        "not sent yet": "noch nicht gesendet",
        "deferred after {number} attempts": "vom Server vertröstet, bisherige Versuche: {number}",
        "a person dropped this message": "diese Nachricht wurde von Hand verworfen",
    },
    Reason.IN_FLIGHT: {
        "the message is being sent right now": "die Nachricht wird gerade gesendet",
        "the message {step} is being sent right now": "die Nachricht {step} wird gerade gesendet",
    },
    Reason.UNRESOLVED: {
        "the message has an unknown outcome and waits for `sendplan resolve`": (
            "ob die Nachricht abging, ist ungewiss; sie wartet unter „Zu tun“"
        ),
        "the message {step} has an unknown outcome and waits for `sendplan resolve`": (
            "ob die Nachricht {step} abging, ist ungewiss; sie wartet unter „Zu tun“"
        ),
        "the message failed and waits for `sendplan resolve`": (
            "die Nachricht ist fehlgeschlagen; sie wartet unter „Zu tun“"
        ),
    },
    Reason.PREDECESSOR_UNSENT: {
        "the earlier step {step} was dropped": "der frühere Schritt {step} wurde verworfen",
    },
    Reason.BEFORE_START: {
        "ordered on {day}, the store was adopted at {at} and begins there": (
            "bestellt am {day}; der Speicher wurde {at} übernommen und beginnt dort"
        ),
        "ordered on {day}, the rule begins with orders from {start}": (
            "bestellt am {day}; die Regel beginnt mit Bestellungen ab {start}"
        ),
    },
    Reason.TOO_OLD: {
        "due {day}, the rule looks back {limit} to {start}": (
            "fällig {day}; die Regel blickt {limit} zurück, bis {start}"
        ),
        "ordered on {day}, the rule looks back {limit} to {start}": (
            "bestellt am {day}; die Regel blickt {limit} zurück, bis {start}"
        ),
        "{field} on {day}, the rule looks back {limit} to {start}": (
            "`{field}` am {day}; die Regel blickt {limit} zurück, bis {start}"
        ),
    },
    Reason.TRIGGER_FALSE: {
        "the trigger holds": "die Bedingung ist erfüllt",
        "{part} is not true": "{part} trifft nicht zu",
    },
    Reason.TRIGGER_UNKNOWN: {"{fields} is missing": "es fehlt {fields}"},
    Reason.REGION_EXCLUDED: {
        "the region is unknown: {fields} is missing": "die Region ist nicht bekannt: es fehlt {fields}",
        "the country is missing, but every region is allowed": "das Land fehlt, aber jede Region ist erlaubt",
        "the postcode is missing, but every region is allowed": "die Postleitzahl fehlt, aber jede Region ist erlaubt",
        "the street is missing, but every region is allowed": "die Straße fehlt, aber jede Region ist erlaubt",
        "no region matches this address": "keine Region passt zu dieser Adresse",
        "{region} is not among no region": "{region} gehört nicht dazu: keine Region ist erlaubt",
        "{region} is not among {regions}": "{region} gehört nicht dazu: {regions}",
        "{region}: any address": "{region}: jede Adresse",
        "{region}: {matched}": "{region}: {matched}",
    },
    Reason.CLASS_BLOCKED: {
        "class {name} allows it": "Klasse {name} erlaubt es",
        "class {name} requires {part}": "Klasse {name} verlangt {part}",
    },
    Reason.SUPPRESSED: {
        "the address is on the suppression list": "die Adresse ist gesperrt",
        "the address is on the suppression list: {own}": "die Adresse ist gesperrt: {own}",
        "the address gets no mail of class {name}: {own}": "die Adresse bekommt keine Mail der Klasse {name}: {own}",
        "the address gets no mail of class {name}": "die Adresse bekommt keine Mail der Klasse {name}",
    },
    Reason.NO_ADDRESS: {
        "there is an address": "eine Adresse ist da",
        "`email` is missing": "es fehlt `email`",
        "`email` is not a valid address": "`email` ist keine gültige Adresse",
    },
    Reason.WAITING: {
        "{messages} has not gone out yet": "noch nicht abgegangen: {messages}",
        "the due date waits for {fields}": "das Datum wartet auf {fields}",
        "{last} sent {at} + {limit} = {due}": "{last} gesendet {at} + {limit} = {due}",
        "{origin} = {due}": "{origin} = {due}",
    },
    Reason.NOT_DUE: {"due {due}": "fällig {due}"},
    Reason.EXPIRED: {
        "it expired {at}, {limit} after it was due": "abgelaufen {at}, {limit} nach der Fälligkeit",
        "it expires {at}, before the next attempt": "läuft {at} ab, vor dem nächsten Versuch",
        "it expires {at}, before window {name} opens": "läuft {at} ab, bevor das Zeitfenster {name} öffnet",
        "it expires {at}": "läuft {at} ab",
    },
    Reason.HELD: {
        "snoozed until {day}": "aufgeschoben bis {day}",
        "snoozed until {day}: {own}": "aufgeschoben bis {day}: {own}",
        "no hold applies": "nichts hält sie zurück",
        "{own} (unknown: {names} is missing)": "{own} (nicht bekannt: es fehlt {names})",
    },
    Reason.PAUSED: {
        "the rule {name} is paused until `sendplan resume`": (
            "die Regel {name} ist angehalten, bis jemand sie fortsetzt"
        ),
        "the sender {name} is paused until `sendplan resume`": (
            "der Absender {name} ist angehalten, bis jemand ihn fortsetzt"
        ),
        "everything is paused until `sendplan resume`": "alles ist angehalten, bis jemand es fortsetzt",
    },
    Reason.STALE_DATA: {
        "the import of {file} refused its row on line {line}: what is stored may be wrong": (
            "beim Import von {file} wurde Zeile {line} abgelehnt: Was gespeichert ist, kann falsch sein"
        ),
        "`{field}` was never imported for this account": "`{field}` wurde für dieses Konto noch nie importiert",
        "`{field}` was last imported {at}, more than {limit} ago": (
            "`{field}` wurde zuletzt {at} importiert; erlaubt sind {limit}"
        ),
        "fresh: {names}": "frisch: {names}",
    },
    Reason.RETRY_LATER: {
        "the server said later; next attempt {at}": "der Server will sie später; nächster Versuch {at}",
        "the next attempt was due {at}": "der nächste Versuch war {at} fällig",
    },
    Reason.OUTSIDE_WINDOW: {
        "window {name} is open": "das Zeitfenster {name} ist offen",
        "window {name} opens {at}": "das Zeitfenster {name} öffnet {at}",
        "window {name} never opens again": "das Zeitfenster {name} öffnet nie wieder",
    },
    Reason.SEND: {
        "due {due}: {last} sent {at} + {limit}": "fällig {due}: {last} gesendet {at} + {limit}",
        "due {due}: {origin}": "fällig {due}: {origin}",
    },
}
"""In this order; the first that fits counts."""

UNIT_NAMES: Mapping[Unit, tuple[str, str]] = {
    Unit.MINUTES: ("Minute", "Minuten"),
    Unit.HOURS: ("Stunde", "Stunden"),
    Unit.DAYS: ("Tag", "Tage"),
    Unit.BUSINESS_DAYS: ("Werktag", "Werktage"),
    Unit.WEEKS: ("Woche", "Wochen"),
    Unit.MONTHS: ("Monat", "Monate"),
    Unit.QUARTERS: ("Quartal", "Quartale"),
    Unit.YEARS: ("Jahr", "Jahre"),
}

_MOMENT = r"\d{4}-\d\d-\d\d[T\d:.+Z-]*|never"
_DURATION = rf"\d+ (?:{'|'.join(sorted(UNIT_WORDS, key=len, reverse=True))})"
_SHAPES = {**dict.fromkeys(("at", "day", "due", "start"), _MOMENT), "limit": _DURATION}


def german_reason(sentence: str, reasons: Collection[Reason]) -> str:
    """Why a message that has one of the reasons leaves or stays; the sentence itself when it is not known."""
    return known_reason(sentence, reasons) or sentence


def known_reason(sentence: str, reasons: Collection[Reason]) -> str | None:
    """The same, or None."""
    for reason in reasons:
        for english, german in REASONS[reason].items():
            if found := _pattern(english).fullmatch(sentence):
                values = {name: _VALUES.get(name, str)(text) for name, text in found.groupdict().items()}
                return german.format(**values)
    return None


@cache
def _pattern(english: str) -> re.Pattern[str]:
    """A sentence with its values as groups."""
    parts = re.split(r"\{(\w+)\}", english)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = (f"(?P<{name}>{_SHAPES.get(name, '.+?')})" for name in parts[1::2])
    return re.compile("".join(parts), re.S)


def _duration(text: str) -> str:
    number, _, unit = text.partition(" ")
    return f"{number} {UNIT_NAMES[UNIT_WORDS[unit]][number != '1']}"


def _matched(text: str) -> str:
    """What matched a region."""
    words = {"country ": "Land ", "postcode ": "Postleitzahl ", "street has ": "Straße mit "}
    said = re.split(r" and (?=postcode |street has )", text)
    return " und ".join(
        next((new + each[len(old) :] for old, new in words.items() if each.startswith(old)), each) for each in said
    )


def _several(text: str) -> str:
    """Names in backticks."""
    return text.replace("` and `", "` und `")


def _moment(text: str) -> str:
    return "nie" if text == "never" else text


_VALUES: Mapping[str, Callable[[str], str]] = {
    "limit": _duration,
    "matched": _matched,
    "fields": _several,
    "messages": _several,
    "at": _moment,
    "due": _moment,
}
