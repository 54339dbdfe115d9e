"""What people change from the board's pages, and the notes of it."""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from board_browser import MONDAY, Answer, Browser, fail, store_of, visitor_of

import sendplan
from sendplan.board.board import LIVE
from sendplan.board.current import Current
from sendplan.board.sessions import IDLE_SECONDS
from sendplan.board.words import ACT_WORDS
from sendplan.ledger import SnoozeSubject
from sendplan.operating.by_hand import EVERYTHING, Person
from sendplan.project.project import Project
from sendplan.simulation.forecast import Forecast, forecast

ORDER = "E-2050"
KEY = f"{ORDER}/feedback-reminder"
ACT_ORDER = ("pause", "resume", "suppress", "unsuppress", "snooze", "wake", "look", "resolve", "approve")


def acts(folder: Path) -> list[tuple[str, str, str]]:
    """Who did what to what, the latest first."""
    with closing(store_of(folder)) as store:
        return [(act.who, act.act, act.subject) for act in store.acts(20)]


def form(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the first form with this action, as a browser sends them."""
    found = re.search(rf'<form method="post" action="{action}".*?</form>', page, re.S)
    assert found is not None, f"there is no form for {action}"
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', found[0]))


def test_an_order_is_snoozed_until_a_day(editor: Browser, folder: Path) -> None:
    """Somebody holds an order's mail until a day; it is held with date and reason, and goes on when that is ended."""
    fields = form(editor.get(f"/order?id={ORDER}").body, "/snooze")
    editor.post("/snooze", fields | {"of": "order", "rule": "", "until": "2026-09-01", "reason": "on holiday"})
    page = editor.get(f"/order?id={ORDER}")
    assert "Snoozed until 2026-09-01" in page.text
    assert "on holiday" in page.text
    assert KEY in editor.get("/?status=held").body
    editor.post("/wake", form(page.body, "/wake"))
    assert "Snoozed until" not in editor.get(f"/order?id={ORDER}").text
    assert acts(folder) == [("Mia", "wake", ORDER), ("Mia", "snooze", ORDER)]


@pytest.mark.parametrize(
    ("day", "said"),
    [("tomorrow", "not a valid date"), ("2026-08-24", "already begun"), ("", "not a valid date")],
)
def test_a_wrong_day_is_told(editor: Browser, folder: Path, day: str, said: str) -> None:
    """A day that is none, or has begun, holds nothing back and is told in a sentence."""
    answer = editor.post("/snooze", form(editor.get(f"/order?id={ORDER}").body, "/snooze") | {"until": day})
    assert answer.status == 409
    assert said in answer.text
    assert acts(folder) == []


def test_a_buyer_is_suppressed_and_freed(editor: Browser, folder: Path) -> None:
    """Somebody stops a class of mail to a buyer and lifts that again; the notes hold the address masked."""
    fields = form(editor.get(f"/order?id={ORDER}").body, "/suppress")
    editor.post("/suppress", fields | {"class": "marketing", "reason": "called"})
    page = editor.get(f"/order?id={ORDER}")
    assert "no mail of class marketing" in page.text
    assert "the buyer wants no mail" in page.text
    editor.post("/unsuppress", form(page.body, "/unsuppress"))
    assert "no mail of class" not in editor.get(f"/order?id={ORDER}").text
    assert [(who, act, "…@" in subject) for who, act, subject in acts(folder)] == [
        ("Mia", "unsuppress", True),
        ("Mia", "suppress", True),
    ]


def test_an_address_is_shown_once_and_the_look_noted(editor: Browser, folder: Path) -> None:
    """Somebody asks for a buyer's address, sees it on that page only, and the look is noted."""
    with closing(store_of(folder)) as store:
        email = str(next(iter(store.orders_by_id([ORDER]))).values["email"])
    page = editor.get(f"/order?id={ORDER}").body
    assert email not in page
    shown = editor.post("/address", form(page, "/address"))
    assert email in shown.body
    assert email not in editor.get(f"/order?id={ORDER}").body
    assert acts(folder) == [("Mia", "look", ORDER)]


def test_a_rule_is_paused_and_resumed(editor: Browser, folder: Path) -> None:
    """Somebody pauses a rule: its mail is held; resuming lets it go on."""
    editor.post("/pause", form(editor.get("/needs-you").body, "/pause") | {"name": "feedback-reminder"})
    page = editor.get("/needs-you").body
    assert KEY in editor.get("/?status=held").body
    editor.post("/resume", form(page, "/resume"))
    assert KEY in editor.get("/?status=send").body
    assert acts(folder) == [("Mia", "resume", "feedback-reminder"), ("Mia", "pause", "feedback-reminder")]
    assert editor.post("/pause", form(page, "/pause") | {"name": "nothing"}).status == 409


def test_one_message_is_settled(editor: Browser, folder: Path) -> None:
    """A message that failed is dropped after a page showed it; nothing is settled by looking."""
    fail(folder, ORDER)
    page = editor.get(f"/settling?key={KEY}")
    assert "Messages to settle: 1" in page.text
    with closing(store_of(folder)) as store:
        assert store.counts()["failed"] == 1
    answer = editor.post("/settle", form(page.body, "/settle") | {"verb": "drop"})
    assert "Messages settled: 1" in answer.text
    with closing(store_of(folder)) as store:
        assert store.counts()["dropped"] == 1
    assert acts(folder) == [("Mia", "resolve", KEY)]


def test_a_filtered_set_is_settled_and_no_other(editor: Browser, folder: Path) -> None:
    """All that the filters leave is settled at once; when others are meant by then, nothing is, and those are shown."""
    fail(folder, ORDER)
    page = editor.get("/settling?state=failed&rule=feedback-reminder")
    assert "Messages to settle: 1" in page.text
    fields = form(page.body, "/settle") | {"verb": "drop"}
    fail(folder, "E-2051")
    again = editor.post("/settle", fields)
    assert "Others are meant by now" in again.text
    assert "Messages to settle: 2" in again.text
    assert acts(folder) == []
    assert "Messages settled: 2" in editor.post("/settle", form(again.body, "/settle") | {"verb": "retry"}).text
    assert "Nothing of it waits" in editor.get("/settling?rule=dunning").text


def test_a_message_sent_by_hand_is_recorded(editor: Browser, folder: Path) -> None:
    """Somebody who mailed a buyer from elsewhere records it with its time, and it never goes out again."""
    fields = form(editor.get(f"/settling?key={KEY}").body, "/settle") | {"verb": "sent"}
    assert "in the future" in editor.post("/settle", fields | {"at": "2030-01-01T10:00"}).text
    assert "not a valid date and time" in editor.post("/settle", fields | {"at": "yesterday"}).text
    assert "Say what became" in editor.post("/settle", fields | {"verb": "burn"}).text
    editor.post("/settle", fields | {"at": "2026-08-20T10:00"})
    assert "already sent" in editor.get(f"/order?id={ORDER}").text
    assert "2026-08-20 10:00" in editor.get(f"/message?key={KEY}").text


def test_what_people_did_is_listed(editor: Browser, folder: Path) -> None:
    """Everything done by hand, here or by a command, is on a page with who, when and to what, the latest first."""
    assert "Nobody has changed anything" in editor.get("/acts").text
    fail(folder, ORDER)
    with closing(store_of(folder)) as store:
        person = Person("Bo <i>", store)
        person.pause(EVERYTHING)
        person.resume(EVERYTHING)
        person.suppress("ida@example.com", reason="called")
        person.unsuppress("ida@example.com")
        person.snooze(SnoozeSubject.ORDER, ORDER, date(2026, 9, 1), "", "on holiday")
        person.wake(SnoozeSubject.ORDER, ORDER)
    editor.post("/address", form(editor.get(f"/order?id={ORDER}").body, "/address"))
    editor.post("/settle", form(editor.get(f"/settling?key={KEY}").body, "/settle") | {"verb": "drop"})
    plan = sendplan.open_project(folder).plan(MONDAY)
    sendplan.open_project(folder).approve(plan, MONDAY)
    page = editor.get("/acts")
    rows = re.findall(r"<tr><td>.*?</tr>", page.body)
    assert len(rows) == len(ACT_WORDS)
    for said, row in zip(reversed(ACT_ORDER), rows, strict=True):
        assert ACT_WORDS[said] in row
    assert "plan approved" in rows[0]
    assert "Bo &lt;i&gt;" in rows[-1]
    assert "i…@example.com" in page.text
    assert f'href="/order?id={ORDER}"' in page.body
    assert f"/message?key={KEY}".replace("/fe", "%2Ffe") in page.body


def test_a_board_that_only_shows_offers_nothing_to_change(current: Current) -> None:
    """With --read-only no page has a form that acts."""
    visitor = visitor_of(current, read_only=True)
    visitor.sign_in()
    for path in ("/", "/needs-you", f"/order?id={ORDER}", f"/message?key={KEY}", f"/settling?key={KEY}"):
        assert visitor.get(path).body.count('method="post"') == 1, "signing out is all that there is"


def test_a_forecast_says_what_simulate_says(visitor: Browser, example: Path) -> None:
    """The chart's numbers are those of `sendplan simulate`; a wrong time is told, and none asked for is none played."""
    done = sendplan.open_project(example).simulate("2026-08-24", "2026-08-30")
    page = played(visitor, "/forecast?from=2026-08-24&to=2026-08-30")
    assert f"{len(done.sends)} mails" in page.text
    assert "<svg" in page.body
    assert "2026-08-24" in page.body
    assert "<svg" not in visitor.get("/forecast").body
    assert "more than a year" in visitor.get("/forecast?from=2020-01-01&to=2026-08-30").text
    for wrong in ("x", "2026-13-01", "2026-09-01"):
        assert played(visitor, f"/forecast?from={wrong}&to=2026-08-30").status == 200


def played(visitor: Browser, path: str) -> Answer:
    """The page of a forecast when it is done."""
    for _ in range(600):
        answer = visitor.get(path)
        if "Being played" not in answer.text:
            return answer
        time.sleep(0.05)
    raise AssertionError(answer.text)


def test_a_forecast_that_takes_long_is_shown_when_it_is_there(
    visitor: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long forecast keeps nobody waiting: its page says that it is being played, and shows the rest by itself."""
    may_end = threading.Event()

    def slowly(project: Project, first: str, last: str) -> Forecast:
        assert may_end.wait(60)
        return forecast(project, first, last)

    monkeypatch.setattr("sendplan.board.current.forecast", slowly)
    path = "/forecast?from=2026-08-24&to=2026-08-30"
    waiting = visitor.get(path)
    assert "Being played" in waiting.text
    found = re.search(r'"X-Seen": "(\w+)"', waiting.body)
    assert found is not None
    assert visitor.get(path, x_seen=found[1]).status == 204
    may_end.set()
    for _ in range(600):
        answer = visitor.get(path, x_seen=found[1])
        if answer.status == 200:
            break
        time.sleep(0.05)
    assert "<svg" in answer.body
    assert "hx-get" not in answer.body


def test_a_message_is_shown_in_each_of_its_languages(visitor: Browser) -> None:
    """A page shows the mail as a buyer of another language would get it."""
    assert 'hreflang="en"' in visitor.get(f"/message?key={KEY}").body
    german, english = (visitor.get(f"/mail?key={KEY}&language={each}").body for each in ("de", "en"))
    assert 'lang="de"' in german
    assert 'lang="en"' in english
    assert visitor.get(f"/mail?key={KEY}&language=%3C%3E").status == 200


def test_a_live_page_is_silent_until_something_changed(editor: Browser, folder: Path) -> None:
    """A page that asks again gets nothing while it shows the present state, and the page once a file was saved."""
    found = re.search(r'"X-Seen": "(\w+)"', editor.get("/rules").body)
    assert found is not None
    assert editor.get("/rules", x_seen=found[1]).status == 204
    rules = next((folder / "rules").glob("*.yaml"))
    rules.write_text(rules.read_text(encoding="utf-8").replace("not cancelled", "not canceled"), encoding="utf-8")
    changed = editor.get("/rules", x_seen=found[1])
    assert changed.status == 200
    assert "canceled" in changed.text
    assert "hx-get" not in editor.get("/rules?live=off").body


@pytest.mark.parametrize("path", sorted(LIVE))
def test_what_cannot_be_done_with_a_live_page_is_told(editor: Browser, folder: Path, path: str) -> None:
    """A form sent to a page that only shows, and a store that cannot be read, bring a page that says so."""
    fields = form(editor.get(f"/order?id={ORDER}").body, "/snooze")
    assert editor.post(path, fields).status == 405
    store = folder / "var" / "shop.db"
    store.write_bytes(b"no store at all" * 1000)
    answer = editor.get(path)
    assert answer.status == 404
    assert "shop.db" in answer.text


def test_waiting_for_news_keeps_no_session_alive(editor: Browser) -> None:
    """A live page that nobody uses is signed out like any other, and leads to signing in."""
    for _ in range(4):
        editor.clock.now += IDLE_SECONDS / 3
        answer = editor.get("/rules", x_seen="0")
    assert (answer.status, answer.headers["hx-redirect"]) == (403, "/sign-in")
    assert editor.get("/rules").status == 303
