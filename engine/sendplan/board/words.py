"""The board's words in English and German; the English sentence is the key (docs/board.md#languages).

Sentences that the engine itself says, why a message stays or what is wrong in a file, are English in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sendplan.plan import Reason


@dataclass(frozen=True, slots=True)
class Translator:
    """Sentences in one language."""

    language: str

    def __call__(self, text: str, **values: object) -> str:
        """The sentence with its values put in."""
        found = GERMAN[text] if self.language == "de" else text
        return found.format(**values) if values else found


def translator(accepted: str) -> Translator:
    """The language that a browser likes better (RFC 9110 section 12.5.4); English when it names neither."""
    wanted = sorted(filter(None, map(_preference, accepted.split(","))), key=lambda each: -each[1])
    return Translator(wanted[0][0] if wanted else "en")


def _preference(part: str) -> tuple[str, float] | None:
    tag, *parameters = (each.strip().lower() for each in part.split(";"))
    language = tag.partition("-")[0]
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        weight = float(quality)
    except ValueError:
        return None
    return (language, weight) if language in ("de", "en") and weight > 0 else None


STATUS_WORDS: Mapping[str, str] = {"send": "leave now", "later": "later", "held": "held", "error": "in error"}
"""How a plan's statuses are called on a page."""

REASON_WORDS: Mapping[str, str] = {
    Reason.ERROR.value: "in error",
    Reason.ACCOUNT_SKIPS_RULE.value: "the account leaves this rule out",
    Reason.DISABLED.value: "switched off",
    Reason.ALREADY_SENT.value: "already sent",
    Reason.IN_FLIGHT.value: "on its way",
    Reason.UNRESOLVED.value: "waits for a person",
    Reason.PREDECESSOR_UNSENT.value: "an earlier step was dropped",
    Reason.BEFORE_START.value: "ordered before this rule began",
    Reason.TOO_OLD.value: "too old",
    Reason.TRIGGER_FALSE.value: "the condition is not met",
    Reason.TRIGGER_UNKNOWN.value: "the condition cannot be known yet",
    Reason.REGION_EXCLUDED.value: "not for this region",
    Reason.CLASS_BLOCKED.value: "not allowed for this kind of mail",
    Reason.SUPPRESSED.value: "the buyer wants no mail",
    Reason.NO_ADDRESS.value: "no usable address",
    Reason.WAITING.value: "waits for a date",
    Reason.NOT_DUE.value: "not due yet",
    Reason.EXPIRED.value: "expired",
    Reason.HELD.value: "held",
    Reason.PAUSED.value: "paused",
    Reason.STALE_DATA.value: "the data is too old",
    Reason.RETRY_LATER.value: "tried again later",
    Reason.OUTSIDE_WINDOW.value: "waits for its hours",
    Reason.SEND.value: "leaves now",
}
"""How a page calls each reason."""

GERMAN: Mapping[str, str] = {
    "A part of the name, number, address or customer": "Ein Teil von Name, Nummer, Adresse oder Kunde",
    "A row of this order was refused ({file}, line {line}), so it gets no mail until good rows came.": (
        "Eine Zeile dieser Bestellung wurde abgelehnt ({file}, Zeile {line}). Bis gute Zeilen kommen, "
        "bekommt sie keine Mail."
    ),
    "Account": "Konto",
    "Address": "Adresse",
    "All files": "Alle Dateien",
    "All scenarios hold.": "Alle Szenarien stimmen.",
    "Answer": "Antwort",
    "As it would arrive now. Pictures from the internet are not loaded here, and nothing in it can run.": (
        "So käme sie jetzt an. Bilder aus dem Internet werden hier nicht geladen, und nichts in ihr wird ausgeführt."
    ),
    "As of {time} ({zone})": "Stand {time} ({zone})",
    "Approve these {number} mails": "Diese {number} Mails freigeben",
    "Approved by {who}.": "Freigegeben von {who}.",
    "Back": "Zurück",
    "Before": "Vorher",
    "By rule": "Nach Regel",
    "Cannot be decided or written": "Kann nicht entschieden oder geschrieben werden",
    "Change": "Änderung",
    "Changes": "Änderungen",
    "Condition": "Bedingung",
    "Days": "Tage",
    "Due": "Fällig",
    "Error": "Fehler",
    "Every check, with its values": "Jede Prüfung mit ihren Werten",
    "Every rule, and why": "Jede Regel, und warum",
    "Files": "Dateien",
    "Find": "Suchen",
    "Find an order": "Bestellung suchen",
    "Find an order, and why it gets nothing": "Eine Bestellung suchen, und warum sie nichts bekommt",
    "From": "Von",
    "Further entries": "Weitere Einträge",
    "Held back by something that nobody chose": "Zurückgehalten, ohne dass es jemand so wollte",
    "If nothing else changes: {time}": "Wenn sich sonst nichts ändert: {time}",
    "It counts for a day and for these mails only, until the rules change. Each is decided again before it leaves.": (
        "Das gilt einen Tag, nur für diese Mails, und bis sich die Regeln ändern. Über jede wird unmittelbar vor dem "
        "Senden noch einmal entschieden."
    ),
    "Leaves": "Geht ab",
    "Look at the message": "Nachricht ansehen",
    "Message": "Nachricht",
    "Message {key}": "Nachricht {key}",
    "Messages": "Nachrichten",
    "Missed": "Verpasst",
    "Needs you": "Zu tun",
    "Next": "Weiter",
    "No mail left on this day.": "An diesem Tag ging keine Mail ab.",
    "No mail of today changes.": "Keine der heutigen Mails ändert sich.",
    "No order has this in its number, name, address or customer.": (
        "Keine Bestellung hat das in Nummer, Name, Adresse oder Kunde."
    ),
    "No problems in the files.": "Die Dateien haben keine Fehler.",
    "Not found": "Nicht gefunden",
    "Nothing has happened yet: no mail left.": "Bisher ist nichts geschehen: Es ging keine Mail ab.",
    "Nothing is sent from this store:": "Aus diesem Speicher wird nichts gesendet:",
    "Nothing leaves: the plan holds more mails than `limits.per_run` allows.": (
        "Nichts geht ab: Der Plan enthält mehr Mails, als `limits.per_run` erlaubt."
    ),
    "Nothing needs a person now.": "Im Moment ist nichts zu tun.",
    "Now": "Jetzt",
    "On a narrow screen": "Auf einem schmalen Bildschirm",
    "On a wide screen": "Auf einem breiten Bildschirm",
    "Open the link that `sendplan board` printed when it was started. It is another one at each start.": (
        "Öffnen Sie den Link, den `sendplan board` beim Start ausgegeben hat. Er ist bei jedem Start ein anderer."
    ),
    "Order": "Bestellung",
    "Order {id}": "Bestellung {id}",
    "Order, name or address": "Bestellung, Name oder Adresse",
    "Orders": "Bestellungen",
    "Pages": "Seiten",
    "Paused": "Angehalten",
    "Play the scenarios": "Szenarien durchspielen",
    "Problems": "Probleme",
    "Rows and files that imports refused": "Zeilen und Dateien, die beim Import abgelehnt wurden",
    "Rule": "Regel",
    "Rules": "Regeln",
    "Rules and files": "Regeln und Dateien",
    "Scenarios": "Szenarien",
    "See the problems": "Probleme ansehen",
    "Sender": "Absender",
    "Senders that cannot send": "Absender, die nicht senden können",
    "Show": "Anzeigen",
    "Show all": "Alle anzeigen",
    "Sign in": "Anmelden",
    "Sign out": "Abmelden",
    "Since": "Seit",
    "State": "Zustand",
    "Status": "Status",
    "That did not work: a name is needed, and the link that was printed last.": (
        "Das ging nicht: Es braucht einen Namen, und den zuletzt ausgegebenen Link."
    ),
    "The day after": "Tag danach",
    "The day before": "Tag davor",
    "The files cannot be used as they are now. What you see is the last good state.": (
        "Die Dateien sind so nicht verwendbar. Sie sehen den letzten brauchbaren Stand."
    ),
    "The first {number} are shown.": "Gezeigt werden die ersten {number}.",
    "The line with the place": "Die Zeile mit der Stelle",
    "The mail on a narrow screen": "Die Mail auf einem schmalen Bildschirm",
    "The mail on a wide screen": "Die Mail auf einem breiten Bildschirm",
    "The mail's header": "Der Kopf der Mail",
    "The text part": "Der Textteil",
    "There is no such message now.": "Eine solche Nachricht gibt es jetzt nicht.",
    "There is no such page.": "Diese Seite gibt es nicht.",
    "There is nothing to compare with:": "Es gibt nichts zum Vergleichen:",
    "They are changed in an editor; what is saved shows here.": (
        "Geändert werden sie in einem Editor; was gespeichert ist, erscheint hier."
    ),
    "They would have left, had they not expired or grown too old in the last days.": (
        "Sie wären abgegangen, wären sie nicht in den letzten Tagen abgelaufen oder zu alt geworden."
    ),
    "This mail cannot be written:": "Diese Mail kann nicht geschrieben werden:",
    "Title": "Titel",
    "To": "Nach",
    "To the content": "Zum Inhalt",
    "Today": "Heute",
    "Today's mails by the files as they are saved now, beside those by the last commit.": (
        "Die heutigen Mails nach den Dateien, wie sie jetzt gespeichert sind, neben denen des letzten Commits."
    ),
    "Too late since": "Zu spät seit",
    "Uncertain or failed": "Ungewiss oder fehlgeschlagen",
    "Warning": "Warnung",
    "What happened": "Was geschah",
    "What is known of the order": "Was von der Bestellung bekannt ist",
    "What leaves now": "Was jetzt abgeht",
    "What left": "Abgegangen",
    "What left on {day}": "Was am {day} abging",
    "What the files change": "Was die Dateien ändern",
    "What the files change today": "Was die Dateien heute ändern",
    "When": "Wann",
    "Why": "Warum",
    "Without pictures and layout": "Ohne Bilder und Gestaltung",
    "You are {name}.": "Sie sind {name}.",
    "Your name, as it shall be noted beside what you do": "Ihr Name, wie er neben Ihren Handlungen stehen soll",
    "added": "neu",
    "all": "alle",
    "already sent": "schon gesendet",
    "an earlier step was dropped": "ein früherer Schritt wurde verworfen",
    "by hand": "von Hand",
    "by sendplan itself": "von sendplan selbst",
    "changed": "geändert",
    "dropped": "entfallen",
    "due {time}": "fällig {time}",
    "everything": "alles",
    "expired": "abgelaufen",
    "held": "zurückgehalten",
    "in error": "fehlerhaft",
    "kept": "unverändert",
    "later": "später",
    "leave now": "gehen jetzt ab",
    "leaves now": "geht jetzt ab",
    "leaves {time}": "geht ab {time}",
    "missed": "verpasst",
    "moved": "verschoben",
    "name more of it to see others": "nennen Sie mehr davon, um andere zu sehen",
    "no address": "keine Adresse",
    "no usable address": "keine brauchbare Adresse",
    "not allowed for this kind of mail": "für diese Art Mail nicht erlaubt",
    "not due yet": "noch nicht fällig",
    "not for this region": "nicht für diese Region",
    "nothing of it was taken": "nichts davon wurde übernommen",
    "on its way": "unterwegs",
    "ordered before this rule began": "bestellt, bevor diese Regel begann",
    "ordered {day}": "bestellt {day}",
    "paused": "angehalten",
    "shows only": "zeigt nur",
    "since {time}": "seit {time}",
    "switched off": "abgeschaltet",
    "the account leaves this rule out": "das Konto lässt diese Regel aus",
    "the buyer wants no mail": "der Käufer will keine Mail",
    "the condition cannot be known yet": "die Bedingung ist noch nicht bekannt",
    "the condition is not met": "die Bedingung trifft nicht zu",
    "the data is too old": "die Daten sind zu alt",
    "too old": "zu alt",
    "tried again later": "später noch einmal",
    "waits for a date": "wartet auf ein Datum",
    "waits for a person": "wartet auf einen Menschen",
    "waits for its hours": "wartet auf seine Zeiten",
    "{first} to {last} of {total}": "{first} bis {last} von {total}",
    "{number} do not hold": "{number} stimmen nicht",
    "{number} found": "{number} gefunden",
    "{number} mails wait until somebody approves them.": "{number} Mails warten, bis sie jemand freigibt.",
    "{number} problems": "{number} Probleme",
    "{number} rows refused": "{number} Zeilen abgelehnt",
    "{number} things need a person": "{number} Dinge sind zu tun",
    "{number} warnings": "{number} Warnungen",
}
