"""Why mails leave or stay, in German: whatever the engine says of any order."""

from __future__ import annotations

from random import Random

import pytest
from board_browser import Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_projects import Maker, decisions

from sendplan.board.german_reasons import REASONS, UNIT_NAMES, german_reason, known_reason
from sendplan.board.words import translator
from sendplan.plan import Reason
from sendplan.units import Unit


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0))
def test_every_reason_has_its_german(seed: int) -> None:
    """Of whatever is decided, and of every check on the way, the sentence is known; only a hold's is the shop's own."""
    world = Maker(Random(seed)).world()
    own = {hold.reason for hold in world.project.settings.holds}
    for decision in decisions(world):
        for said, reason in ((decision.why, decision.reason), *((each.why, each.reason) for each in decision.checks)):
            assert said in own or known_reason(said, [reason]) is not None, f"{reason}: {said}"


@pytest.mark.parametrize(
    ("reason", "english", "german"),
    [
        (Reason.SEND, "due 2026-08-24: max(shipped, seller_feedback) + ${params.feedback_wait}", None),
        (
            Reason.SEND,
            "due 2026-08-24: first sent 2026-08-10T09:00:00+02:00 + 14 days",
            "fällig 2026-08-24: first gesendet 2026-08-10T09:00:00+02:00 + 14 Tage",
        ),
        (Reason.DISABLED, "no step of the ladder is switched on", "kein Schritt der Regel ist eingeschaltet"),
        (Reason.ERROR, "its mail cannot be composed: x: y", "die Mail kann nicht geschrieben werden: x: y"),
        (
            Reason.SUPPRESSED,
            "the address is on the suppression list: ask, it says",
            "die Adresse ist gesperrt: ask, it says",
        ),
        (
            Reason.SUPPRESSED,
            "the address gets no mail of class ads: none sent 1 day",
            "die Adresse bekommt keine Mail der Klasse ads: none sent 1 day",
        ),
        (Reason.EXPIRED, "it expires 2026-08-24, before the next attempt", None),
        (
            Reason.HELD,
            "snoozed until 2026-08-24: on holiday until 2026-08-24: she said",
            "aufgeschoben bis 2026-08-24: on holiday until 2026-08-24: she said",
        ),
        (Reason.STALE_DATA, "`paid` was never imported for this account", None),
        (Reason.OUTSIDE_WINDOW, "window night never opens again", "das Zeitfenster night öffnet nie wieder"),
        (Reason.OUTSIDE_WINDOW, "window opens opens 2026-08-24", "das Zeitfenster opens öffnet 2026-08-24"),
        (
            Reason.REGION_EXCLUDED,
            "island: country DE and postcode 18565 and street has Insel and mehr",
            "island: Land DE und Postleitzahl 18565 und Straße mit Insel and mehr",
        ),
    ],
)
def test_values_and_own_words_stay(reason: Reason, english: str, german: str | None) -> None:
    """Names, moments and what a person wrote are kept as they are; words of time are German."""
    said = known_reason(english, [reason])
    assert said is not None
    assert said == german or (german is None and said != english)


def test_a_shops_own_reason_is_left_alone() -> None:
    """A hold whose reason sounds like sendplan is still the shop's own sentence, and English stays English."""
    own = "due 2026-08-24"
    assert german_reason(own, [Reason.HELD]) == own
    assert translator("en").why("the rule is switched off", "disabled") == "the rule is switched off"
    assert translator("de").why("the rule is switched off", "disabled") == "die Regel ist abgeschaltet"


def test_every_reason_and_unit_is_listed() -> None:
    """No reason is left out, no unit, and no sentence loses a value in German."""
    assert set(REASONS) == set(Reason)
    assert set(UNIT_NAMES) == set(Unit)
    for sentences in REASONS.values():
        for english, german in sentences.items():
            assert sorted(part.partition("}")[0] for part in english.split("{")[1:]) == sorted(
                part.partition("}")[0] for part in german.split("{")[1:]
            ), english


@pytest.mark.parametrize("path", ["/", "/order?id=E-2050", "/orders?find=e", "/needs-you"])
def test_a_german_page_gives_german_reasons(visitor: Browser, path: str) -> None:
    """Somebody who reads German reads why a mail leaves or stays in German."""
    page = visitor.get(path, accept_language="de").text
    assert [said for said in ("is not true", " due 2", "looks back", "sent on", "not sent yet") if said in page] == []
