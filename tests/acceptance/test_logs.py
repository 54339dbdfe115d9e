"""What a run says about itself: one structured line per event, never an address, a line of a mail, or a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from projects import ROOT, Project

from sendplan.sink import Action, Cue, Say, Sink, at
from sendplan.sink import SmtpStep as Step

NOW = ("--now", "2026-08-24 12:00")
SECRET = "correct-horse-battery"


@pytest.fixture
def filled(shop: Project) -> Project:
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


def local_parts(shop: Project) -> set[str]:
    """What must not show: the buyers' addresses in front of the @."""
    text = (ROOT / "fixtures" / "orders.csv").read_text(encoding="utf-8")
    return {each for each in re.findall(r"([\w.+-]+)@", text) if len(each) > 2}


def repeats_the_address(step: Step, line: str) -> Callable[[Cue], Action | None]:
    """A server that repeats the buyer's address in what it says."""

    def play(moment: Cue) -> Action | None:
        found = re.search(r"<?([^<>\s:]+@[^<>\s]+)", moment.argument)
        return Say(line.format(found[1])) if moment.step is step and found else None

    return play


def test_json_lines_tell_the_course_of_a_run(filled: Project, sink: Sink) -> None:
    """Every line is a JSON object with time, level and event; the counts of the last one are those of the report."""
    ran = filled("run", *NOW, "--log-format", "json", "--format", "json")
    lines = json_lines(ran.err)
    assert {"time", "level", "event"} <= set.intersection(*map(set, lines))
    told = [line for line in lines if line["event"] != "warning"]
    assert [told[0]["event"], told[-1]["event"]] == ["started", "ended"]
    assert told[-1]["sent"] == ran.json["sent"] == len(sink.mails) == sum(line["event"] == "sent" for line in lines)


def test_text_lines_tell_the_same(filled: Project) -> None:
    """As text each event is one line with its time and level first."""
    ran = filled("run", *NOW, "--log-format", "text")
    lines = [line for line in ran.err.splitlines() if " info " in line]
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 info \w+( [\w.]+=\S+)*$", line) for line in lines)
    assert any(" sent order=" in line for line in lines)


def json_lines(text: str) -> list[dict[str, Any]]:
    """Every line of a stream that holds nothing but JSON."""
    return [json.loads(line) for line in text.splitlines()]


def test_a_log_in_json_holds_nothing_else(filled: Project) -> None:
    """Warnings, bad rows and whatever ends the run are events of the same stream, without addresses."""
    settings = filled.path("sendplan.yaml").read_text(encoding="utf-8")
    filled.write("sendplan.yaml", settings + "imports: {gone: {file: gone.csv}, bad: {file: bad.csv}}\n")
    filled.write("bad.csv", "id,account,ordered,email\nB-1,ebay-de,x@example.com,x@example.com\n")
    ran = filled("run", *NOW, "--log-format", "json")
    events = json_lines(ran.err)
    assert ran.code == 1
    assert [each["place"] for each in events if each.get("code") == "bad-row"] == ["bad.csv:2:13"]
    assert any("gone.csv" in str(each.get("message")) and each["level"] == "error" for each in events)
    assert "x@" not in ran.err


def test_a_refused_run_is_an_event(filled: Project, sink: Sink) -> None:
    """A run that is refused ends with an error that a program can read, and the same exit code."""
    filled.edit("sendplan.yaml", "limits: {per_run: 500}", "limits: {per_run: 5}")
    ran = filled("run", *NOW, "--log-format", "json")
    events = json_lines(ran.err)
    assert (ran.code, events[-1]["event"], events[-1]["code"], events[-1]["level"]) == (
        3,
        "problem",
        "over-limit",
        "error",
    )
    asked = filled("run", "--stay", *NOW, "--log-format", "json")
    assert (asked.code, [each["level"] for each in json_lines(asked.err)]) == (2, ["error"])
    assert sink.mails == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("step", "reply", "levels"),
    [
        (Step.CONNECT, "554 5.3.2 no service", {"connection_failed": "warning", "sender_stopped": "error"}),
        (Step.MAIL, "535 5.7.8 not logged in", {"sender_stopped": "error"}),
        (Step.MAIL, "550 5.4.5 daily quota exceeded", {"sender_stopped": "error"}),
        (Step.DOT, "554 5.6.0 not accepted", {"failed": "warning", "rule_paused": "error"}),
    ],
)
def test_a_level_can_raise_an_alarm(
    filled: Project, sink: Sink, step: Step, reply: str, levels: dict[str, str]
) -> None:
    """What may mend itself is a warning, what needs attention is an error, and a run in order has neither."""
    sink.script = at(step, Say(reply))
    events = json_lines(filled("run", *NOW, "--log-format", "json").err)
    found = {str(each["event"]): each["level"] for each in events if each["level"] != "info"}
    assert {name: found.get(name) for name in levels} == levels
    sink.script = None
    filled("resume", "dunning")
    assert [filled("smtp-test", name).code for name in ("main", "office")] == [0, 0]
    events = json_lines(filled("run", *NOW, "--log-format", "json").err)
    assert {each["event"] for each in events if each["level"] != "info"} <= {"warning"}


def test_without_the_option_nothing_is_logged(filled: Project) -> None:
    """Nobody who did not ask for a log gets one."""
    assert [line for line in filled("run", *NOW).err.splitlines() if not line.startswith("warning: ")] == []


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step.RCPT, "550 5.1.1 <{}> no such user"),
        (Step.RCPT, '450 4.2.1 "{}" is busy'),
        (Step.RCPT, "554 5.7.1 {}: refused"),
        (Step.DOT, "451 4.3.0 {}, later"),
        (Step.STORED, "550 5.6.0 ({}) not accepted"),
        (Step.STORED, "250 2.0.0 {} queued as 17"),
    ],
)
def test_no_address_shows_anywhere(filled: Project, sink: Sink, step: Step, line: str) -> None:
    """Whatever a server repeats, no buyer's address is in the log, the report, the status or an explanation."""
    sink.script = repeats_the_address(step, line)
    names = local_parts(filled)
    ran = filled("run", *NOW, "--log-format", "json", "--format", "json")
    key = ran.json["results"][0]["key"]
    shown = [
        ran.out,
        ran.err,
        filled("run", *NOW, "--log-format", "text").out,
        filled("status", *NOW, "--format", "json").out,
        filled("status", *NOW).out,
        filled("explain", "--message", key).out,
    ]
    for text in shown:
        assert not [name for name in names if re.search(rf"\b{re.escape(name)}@", text)]


def test_what_a_server_says_cannot_write_on_the_terminal(filled: Project, sink: Sink) -> None:
    """Control and direction characters of a reply never reach a terminal, a log or the store."""
    sink.script = lambda moment: (
        Say("554 5.6.0 \x1b[2J\x07\u202egnp.exe \x9b31m no".encode()) if moment.step is Step.DOT else None
    )
    ran = filled("run", *NOW, "--log-format", "text")
    for text in (ran.out, ran.err, filled("status", *NOW).out, filled("status", *NOW, "--format", "json").out):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "gnp.exe" in filled("status", *NOW).out


@pytest.mark.parametrize("reply", ["535 5.7.8 {} is wrong", "550 5.7.1 {} no", "not SMTP {}"])
def test_a_password_never_shows(
    filled: Project, monkeypatch: pytest.MonkeyPatch, reply: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that repeats the password in clear or as base64 gets it into no output, log, report or traceback."""
    from base64 import b64encode

    encoded = b64encode(f"\0shop\0{SECRET}".encode()).decode()
    monkeypatch.setenv("SMTP_PASSWORD", SECRET)
    script = repeats_password(reply, encoded)
    with Sink(script, logins={"shop": SECRET}) as server:
        text = filled.path("sendplan.yaml").read_text(encoding="utf-8")
        login = f"port: {server.port}\n    username: shop\n    password: ${{SMTP_PASSWORD}}"
        filled.path("sendplan.yaml").write_text(re.sub(r"port: \d+", login, text), encoding="utf-8")
        ran = filled("run", *NOW, "--log-format", "json", "--format", "json")
        tested = filled("smtp-test", "main", "--to", "me@example.com")
        status = filled("status", *NOW)
    for shown in (ran, tested, status):
        for secret in (SECRET, encoded, b64encode(SECRET.encode()).decode()):
            assert secret not in shown.out + shown.err
        assert "Traceback" not in shown.err


def repeats_password(reply: str, encoded: str) -> Callable[[Cue], Action | None]:
    def play(moment: Cue) -> Action | None:
        return Say(reply.format(f"{SECRET} {encoded}")) if moment.step is Step.AUTH else None

    return play
