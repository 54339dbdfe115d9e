"""What the board's pages show, as somebody without a terminal reads them."""

from __future__ import annotations

import base64
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from board_browser import Answer, Browser, browser

import sendplan
from sendplan.board import current, words
from sendplan.board.board import FOLDER, PER_PAGE
from sendplan.board.current import Current
from sendplan.board.german import GERMAN
from sendplan.plan import Reason

MONDAY = "2026-08-24 12:00"


def test_today_says_what_the_plan_says(visitor: Browser, example: Path) -> None:
    """The totals and the messages are those of `sendplan plan`."""
    plan = sendplan.open_project(example).plan(MONDAY)
    page = visitor.get("/")
    for number, words_ in zip((14, 1, 2, 0), ("leave now", "later", "held", "in error"), strict=True):
        assert f"{number} {words_}" in page.text
    assert {entry.key for entry in plan.entries} <= set(re.findall(r">([^<>]+/[^<>]+)</a>", page.body))


def test_filters_narrow_the_list(visitor: Browser, example: Path) -> None:
    """A status, a rule, an account and half a name leave the messages that meet all of them."""
    plan = sendplan.open_project(example).plan(MONDAY)
    held = visitor.get("/?status=held").body
    assert {entry.key for entry in plan.entries if f">{entry.key}</a>" in held} == {entry.key for entry in plan.held}
    some = plan.send[0]
    found = visitor.get(f"/?find={some.order}&rule={some.rule}").body
    assert f">{some.key}</a>" in found
    assert "There is no such message now" in visitor.get(f"/?find={some.order}&status=error").text


def test_half_a_name_finds_an_order(visitor: Browser) -> None:
    """Somebody who knows a part of the buyer's name sees the order and what each rule says of it."""
    page = visitor.get("/orders?find=hartm").text
    assert "Hartmann" in page
    assert "dunning" in page
    assert "…@" in page
    assert "No order has this" in visitor.get("/orders?find=nobody-of-this-name").text


def test_an_order_tells_every_rules_reason_with_its_values(visitor: Browser) -> None:
    """The page of an order says why each rule sends or does not, down to the values under its condition."""
    page = visitor.get("/order?id=E-2050").text
    assert "feedback-reminder" in page
    assert "max(shipped, seller_feedback)" in page
    assert "No mail left" not in page
    assert "no mail left" in page


def test_an_unknown_order_is_a_page_and_no_crash(visitor: Browser) -> None:
    """A wrong id or key is told in a sentence."""
    assert "there is no order `E-0`" in visitor.get("/order?id=E-0").text
    assert visitor.get("/message?key=nonsense").status == 404
    assert visitor.get("/message").status == 404
    assert visitor.get("/nothing").status == 404


def decoded(token: str) -> str:
    """What a token says to whoever looks inside."""
    if len(token.rstrip("=")) % 4 == 1:
        return ""
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace")


def test_a_message_shows_both_parts(visitor: Browser, example: Path) -> None:
    """The mail is shown as `sendplan preview` gives it, without the buyer's whole address."""
    shown = sendplan.open_project(example).preview("E-2050/feedback-reminder", MONDAY)
    page = visitor.get("/message?key=E-2050/feedback-reminder")
    assert shown.subject in page.text
    mail = visitor.get("/mail?key=E-2050/feedback-reminder")
    assert mail.headers["content-type"].startswith("text/html")
    assert "</html>" in mail.body
    address = re.search(r"^To:.*?([\w.+-]+@[\w.-]+)", shown.eml.decode(), re.M)
    assert address is not None
    assert address[1] not in page.body + mail.body
    tokens = re.findall(r"[\w-]{20,}", page.body + mail.body + shown.text + shown.eml.decode())
    assert [each for each in tokens if address[1] in decoded(each)] == []


@pytest.mark.parametrize("address", ["/", "/orders?find=example.com", "/order?id=E-2050", "/needs-you", "/left"])
def test_addresses_are_masked(visitor: Browser, example: Path, address: str) -> None:
    """No page shows a buyer's whole address."""
    text = (example / "fixtures" / "orders.csv").read_text(encoding="utf-8")
    addresses = set(re.findall(r"[\w.+-]+@example\.\w+", text))
    assert addresses
    assert [each for each in addresses if each in visitor.get(address).body] == []


def test_what_an_edit_changes_is_seen_beside_the_last_commit(editor: Browser, folder: Path) -> None:
    """Seven days become ten: the page says which of today's mails that moves, without anybody restarting anything."""
    assert "There is nothing to compare with" in editor.get("/changes").text
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    assert "feedback_wait: 7 days" in text
    settings.write_text(text.replace("feedback_wait: 7 days", "feedback_wait: 10 days"), encoding="utf-8")
    page = editor.get("/changes").text
    assert "0 moved" not in page
    assert "E-2050/feedback-reminder moved" in page


def test_a_broken_file_leaves_the_last_good_state(editor: Browser, folder: Path) -> None:
    """While a file is broken the plan stays visible, and the page of rules shows the line and what to write instead."""
    settings = folder / "sendplan.yaml"
    good = settings.read_text(encoding="utf-8")
    settings.write_text(good.replace("timezone: Europe/Berlin", "timezone: Europe/Berlln"), encoding="utf-8")
    page = editor.get("/").text
    assert "last good state" in page
    assert "14 leave now" in page
    rules = editor.get("/rules").text
    assert "sendplan.yaml:" in rules
    assert "^^^" in rules
    settings.write_text(good, encoding="utf-8")
    assert "last good state" not in editor.get("/").text


def test_a_broken_rule_stops_no_page(editor: Browser, folder: Path) -> None:
    """A rule that cannot be used is an error of the plan; every page still opens."""
    rules = next((folder / "rules").glob("*.yaml"))
    rules.write_text(rules.read_text(encoding="utf-8").replace("not cancelled", "not canceled"), encoding="utf-8")
    for path in ("/", "/needs-you", "/rules", f"/file?name=rules/{rules.name}", "/order?id=E-2050", "/changes"):
        assert editor.get(path).status == 200, path
    assert "canceled" in editor.get("/rules").text


def test_hostile_names_are_text(editor: Browser, folder: Path) -> None:
    """Whatever a buyer typed as a name stays text on every page."""
    file = folder / "orders.csv"
    name = "<script>alert(1)</script>\u202e\"'><img src=x>"
    quoted = name.replace('"', '""')
    file.write_text(
        f'id,account,ordered,email,name,country,total\n"X/<i>1",ebay-de,2026-08-20,x@example.com,"{quoted}",DE,5.00\n',
        encoding="utf-8",
    )
    sendplan.open_project(folder).import_orders("orders.csv")
    for path in ("/orders?find=script", "/order?id=X/%3Ci%3E1", "/?find=X/", "/orders?find=%3Cscript%3E"):
        body = editor.get(path).body
        assert "<script>alert" not in body
        assert "<img" not in body
        assert "<i>1" not in body
        assert "\u202e" not in body
    assert "alert(1)" in editor.get("/order?id=X/%3Ci%3E1").text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("de", "de"), ("de-AT,en;q=0.8", "de"), ("en-GB,de;q=0.5", "en"), ("fr", "en"), ("", "en"), ("de;q=x,,;", "en"),
     ("fr;q=1,de;q=0.3,en;q=0.2", "de"), ("de;q=0", "en")],
)  # fmt: skip
def test_the_browser_chooses_the_language(visitor: Browser, accepted: str, language: str) -> None:
    """German and English, whichever the browser likes better."""
    page = visitor.get("/", accept_language=accepted)
    assert f'<html lang="{language}">' in page.body
    assert ("Was jetzt abgeht" in page.text) is (language == "de")


def test_every_sentence_has_its_german() -> None:
    """No page mixes languages, and no German is left over from a sentence that is gone."""
    files = (*(FOLDER / "templates").glob("*.html"), *FOLDER.glob("*.py"))
    pages = "".join(path.read_text(encoding="utf-8") for path in files)
    used = {found[1] or found[2] for found in re.finditer(r"""\b_\((?:"([^"]*)"|'([^']*)')""", pages)}
    counted = re.findall(r'_\.counted\([^"]*"([^"]*)", "([^"]*)"', pages)
    assert len(counted) == pages.count("_.counted(")
    used |= {form for forms in counted for form in forms}
    used |= {*words.STATE_WORDS.values(), *words.STATUS_WORDS.values(), *words.REASON_WORDS.values()}
    used |= set(words.ACT_WORDS.values())
    assert used == set(GERMAN)
    assert set(words.REASON_WORDS) == {reason.value for reason in Reason}
    for english, german in GERMAN.items():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", german)), english


def test_one_thing_is_not_several() -> None:
    """No page says `1 mails`: a noun after a number has its form for one, in both languages."""
    pages = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "templates").glob("*.html"))
    counted = {forms[1]: forms[0] for forms in re.findall(r'_\.counted\([^"]*"([^"]*)", "([^"]*)"', pages)}
    bare = {text for text in GERMAN if re.match(r"\{number\} \w|.* these .*\{number", text)} - {"{number} found"}
    assert bare == {*counted, *counted.values()} - {"Settle this one", "Approve this mail"}
    for many, one in counted.items():
        assert GERMAN[many] != GERMAN[one], many
    for language, said in (("de", ("0 Mails", "1 Mail", "1.200 Mails")), ("en", ("0 mails", "1 mail", "1,200 mails"))):
        speak = words.Translator(language)
        assert tuple(speak.counted(each, "{number} mail", "{number} mails") for each in (0, 1, 1200)) == said


@pytest.mark.parametrize("address", ["0", "-1", "99999999", "x", "١", "1e3", ""])
def test_a_page_that_does_not_exist_is_the_nearest(visitor: Browser, address: str) -> None:
    """A wrong page number in an address shows a page and no error."""
    assert visitor.get(f"/?page={address}").status == 200


def test_a_long_list_has_pages(folder: Path) -> None:
    """Of more messages than fit on a page the next ones are a link away, with the filters kept."""
    rows = [f"L{n},web,2026-08-20 10:00,l{n}@example.com,L {n},DE,5.00" for n in range(PER_PAGE + 5)]
    settings = sendplan.open_project(folder)
    account = next(iter(settings._project.settings.accounts))
    text = "\n".join(["id,account,ordered,email,name,country,total", *rows]).replace(",web,", f",{account},")
    (folder / "more.csv").write_text(text + "\n", encoding="utf-8")
    settings.import_orders("more.csv")
    visitor = browser(folder)
    visitor.sign_in()
    first = visitor.get("/?find=L")
    following = re.search(r'href="(/\?[^"]*page=2[^"]*)" rel="next"', first.body)
    assert following is not None, first.text
    second = visitor.get(following[1].replace("&amp;", "&"))
    assert f"{PER_PAGE + 1} to" in second.text


def test_a_plan_is_approved_where_it_is_seen(editor: Browser, folder: Path) -> None:
    """Who looks at the plan approves it with one button, and only the plan that was shown."""
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("\nsenders:", "\napproval: required\nsenders:"), encoding="utf-8")
    page = editor.get("/")
    assert "Mails that wait until somebody approves them: 14" in page.text
    shown = re.search(r'name="plan" value="(\w+)"', page.body)
    assert shown is not None
    editor.post("/approve", {"form_token": editor.form_token(), "plan": "another"})
    assert "Approved by" not in editor.get("/").text
    editor.post("/approve", {"form_token": editor.form_token(), "plan": shown[1]})
    assert "Approved by Mia." in editor.get("/").text


def test_suppressed_addresses_are_counted(editor: Browser, folder: Path) -> None:
    """Today says how many mails suppressed addresses keep out, and how many addresses there are, by class."""
    before = editor.get("/").text
    assert "suppressed" not in before
    token = editor.form_token()
    editor.post("/suppress", {"form_token": token, "order": "E-2055", "class": "", "reason": "asked"})
    editor.post("/suppress", {"form_token": token, "order": "E-2050", "class": "marketing", "reason": "asked"})
    page = editor.get("/").text
    assert "1 message is not listed: its address is suppressed" in page
    assert "all mail: 1 address" in page
    assert "mail of class marketing: 1 address" in page


def test_problems_show_before_what_takes_longer(editor: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that looks for news shows the problems of a saved file at once, with the last comparison and scenarios,
    and is news again when the present ones are there."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "before"]):
        subprocess.run([*git, *command], check=True)
    assert "All scenarios hold" in editor.get("/rules").text
    may_end, begun = threading.Event(), threading.Event()
    compared, failed = Current._compared, current._failed

    def slowly(*given: object) -> object:
        begun.set()
        assert may_end.wait(60)
        return compared(*given)  # type: ignore[arg-type]

    def played(*given: object) -> object:
        assert may_end.wait(60)
        return failed(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(Current, "_compared", slowly)
    monkeypatch.setattr(current, "_failed", played)
    settings = folder / "sendplan.yaml"
    text = settings.read_text(encoding="utf-8").replace("feedback_wait: 7 days", "feedback_wait: 10 days")
    settings.write_text(text + "\nsurprise: 1\n", encoding="utf-8")
    first = editor.get("/rules", x_seen="another")
    assert "surprise" in first.text
    assert "Being compared" in first.text
    assert "Being played" in first.text
    assert begun.wait(60)
    settings.write_text(text, encoding="utf-8")
    shown = state_shown(editor.get("/rules", x_seen="another"))
    assert editor.get("/rules", x_seen=shown).status == 204, "nothing new yet"
    may_end.set()
    for _ in range(600):
        answer = editor.get("/rules", x_seen=shown)
        if answer.status == 200:
            shown = state_shown(answer)
            if "Being" not in answer.text:
                break
        time.sleep(0.1)
    assert "E-2050/feedback-reminder moved" in answer.text
    assert "does not hold" in answer.text or "do not hold" in answer.text


def state_shown(answer: Answer) -> str:
    """What a live page says that it shows."""
    found = re.search(r'"X-Seen": "(\w+)"', answer.body)
    assert found is not None
    return found[1]
