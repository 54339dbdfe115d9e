"""The board's words in English, each the key of its German (docs/board.md#languages).

What is wrong in a file is English in both.
"""

from __future__ import annotations

from collections.abc import Mapping

from sendplan.board.german import GERMAN
from sendplan.board.german_reasons import german_reason
from sendplan.dataclass import dataclass
from sendplan.ledger import State
from sendplan.plan import Reason


@dataclass(frozen=True, slots=True)
class Translator:
    """Sentences in one language."""

    language: str

    def __call__(self, text: str, **values: object) -> str:
        """The sentence with its values put in."""
        found = GERMAN[text] if self.language == "de" else text
        return found.format(**values) if values else found

    def counted(self, number: int, one: str, many: str, **values: object) -> str:
        """The sentence for one thing, or for none and several, with how many there are as `{number}`."""
        return self(one if number == 1 else many, number=self.number(number), **values)

    def why(self, sentence: str, *reasons: str) -> str:
        """Why a message that has one of the reasons leaves or stays, as the engine says it in English."""
        return german_reason(sentence, [Reason(each) for each in reasons]) if self.language == "de" else sentence

    def number(self, value: int) -> str:
        """A whole number with the language's mark between thousands."""
        return f"{value:,}".replace(",", "." if self.language == "de" else ",")


def marked(text: str) -> str:
    """An English sentence that a page will show in the visitor's language."""
    return text


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

STATE_WORDS: Mapping[str, str] = {
    "open": "open",
    State.SENDING.value: "on its way",
    State.SENT.value: "sent",
    State.DEFERRED.value: "tried again later",
    State.FAILED.value: "failed",
    State.UNCERTAIN.value: "uncertain",
    State.DROPPED.value: "never leaves",
}
"""How a page calls the states of a message; `open` is none."""

ACT_WORDS: Mapping[str, str] = {
    "approve": "plan approved",
    "resolve": "settled",
    "pause": "paused",
    "resume": "resumed",
    "suppress": "buyer suppressed",
    "unsuppress": "suppression lifted",
    "snooze": "snoozed",
    "wake": "snooze ended",
    "look": "address looked at",
}
"""How a page calls what people do by hand (`store.records.Act.act`)."""
