"""The board under attack: each test does what somebody would do who wants in, or wants others to act for him."""

from __future__ import annotations

from pathlib import Path

import pytest
from board_browser import Browser, visitor_of

from sendplan.board.application import ACTING, SHOWING
from sendplan.board.current import Current
from sendplan.board.guard import LONGEST_FORM
from sendplan.board.server import listening
from sendplan.board.sessions import IDLE_SECONDS, LONGEST_SECONDS


def test_the_board_is_bound_to_loopback() -> None:
    """No other machine can reach the board."""
    with listening(0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("path", [*SHOWING, "/nothing"])
def test_a_stranger_sees_no_page(stranger: Browser, path: str) -> None:
    """Without a session every page leads to the sign-in, also one that does not exist."""
    answer = stranger.get(path)
    assert (answer.status, answer.headers["location"], answer.body) == (303, "/sign-in", "")


@pytest.mark.parametrize("path", ACTING)
def test_a_stranger_cannot_act(stranger: Browser, path: str) -> None:
    """Without a session no form is taken."""
    assert stranger.post(path, {"form_token": ""}).status == 403


@pytest.mark.parametrize("token", ["", "x", "ä", "None"])
def test_a_wrong_token_signs_nobody_in(stranger: Browser, token: str) -> None:
    """Only the token of this start makes a session."""
    answer = stranger.post("/sign-in", {"token": token, "name": "Eve"})
    assert answer.status == 403
    assert answer.cookies == ()
    assert stranger.get("/").status == 303


def test_opening_the_link_alone_changes_nothing(stranger: Browser) -> None:
    """A page that is only loaded, say by a mail program's preview, makes no session."""
    answer = stranger.get(f"/sign-in?token={stranger.sessions.token}")
    assert (answer.status, answer.cookies) == (200, ())
    assert stranger.sign_in(name=" ").status == 403, "whoever acts has a name"


def test_the_cookie_is_out_of_reach(stranger: Browser) -> None:
    """Scripts cannot read the cookie, other sites cannot make a browser send it."""
    (cookie,) = stranger.sign_in().cookies
    assert {"httponly", "samesite=strict", "path=/"} <= {each.strip().lower() for each in cookie.split(";")}
    assert stranger.sessions.token not in cookie


def test_behind_a_proxy_the_cookie_goes_over_https_only(current: Current) -> None:
    """A board that is served over https never lets its cookie out in the clear."""
    visitor = visitor_of(current, url="https://board.example.com")
    visitor.host = "board.example.com"
    (cookie,) = visitor.post(
        "/sign-in", {"token": visitor.sessions.token, "name": "Mia"}, origin="https://board.example.com"
    ).cookies
    assert "secure" in cookie.lower()


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1", "127.0.0.1:80", "localhost:8642.evil.example", ""])
@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/board.css"])
def test_another_name_leads_nowhere(visitor: Browser, host: str, path: str) -> None:
    """A site whose name leads to this machine (DNS rebinding) gets nothing, whoever is signed in."""
    visitor.host = host
    assert visitor.get(path).status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "https://127.0.0.1:8642"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"content_type": "text/plain"},
        {"content_type": "multipart/form-data; boundary=x"},
        {"content_type": "application/json"},
    ],
)
def test_another_sites_form_is_refused(visitor: Browser, headers: dict[str, str]) -> None:
    """A page elsewhere cannot act for somebody who is signed in, even if it knew the form's token."""
    answer = visitor.post("/sign-out", {"form_token": visitor.form_token()}, **headers)
    assert answer.status in (403, 415)
    assert visitor.get("/left").status == 200, "still signed in"


def test_another_sites_script_reads_nothing(visitor: Browser) -> None:
    """A request that a page elsewhere makes is refused, and no answer allows another origin."""
    assert visitor.get("/", origin="https://evil.example.com").status == 403
    assert not [name for name in visitor.get("/left").headers if name.startswith("access-control")]


def test_a_form_without_its_token_is_refused(visitor: Browser, current: Current) -> None:
    """A form must be one of this session's own pages; that of another session does not count."""
    other = visitor_of(current)
    other.sign_in("Eve")
    for token in ("", "x", other.form_token()):
        assert visitor.post("/sign-out", {"form_token": token}).status == 403
    assert visitor.post("/sign-out", {}).status == 403
    assert visitor.get("/left").status == 200


@pytest.mark.parametrize("path", ACTING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_changes_by_opening_a_page(visitor: Browser, path: str, method: str) -> None:
    """What acts is reached by a form alone: no link, picture or prefetch can do it."""
    assert visitor.get(path, method=method).status == 405
    assert visitor.get("/left").status == 200


def test_a_huge_form_is_refused(visitor: Browser) -> None:
    """Nobody fills the memory through a form."""
    fields = {"form_token": visitor.form_token(), "x": "y" * LONGEST_FORM}
    assert visitor.post("/sign-out", fields).status == 413


def test_a_form_that_was_cut_off_is_refused(visitor: Browser) -> None:
    """Of a form whose end is missing nothing is done: its last value may have lost a part."""
    fields = {"form_token": visitor.form_token()}
    visitor.hangs_up = True
    assert visitor.post("/sign-out", fields).status == 413
    visitor.hangs_up = False
    assert visitor.get("/left").status == 200, "still signed in"


def test_sessions_end(visitor: Browser) -> None:
    """A session ends for want of use, and at the latest after its longest time, however often it is used."""
    visitor.clock.now += IDLE_SECONDS + 1
    assert visitor.get("/left").status == 303
    visitor.sign_in()
    for _ in range(int(LONGEST_SECONDS / IDLE_SECONDS) * 2):
        visitor.clock.now += IDLE_SECONDS / 2
        assert visitor.get("/left").status == 200
    visitor.clock.now += 1
    assert visitor.get("/left").status == 303


def test_signing_out_ends_the_session(visitor: Browser) -> None:
    """After signing out the old cookie is worth nothing."""
    kept = dict(visitor.cookies)
    assert visitor.post("/sign-out", {"form_token": visitor.form_token()}).status == 303
    visitor.cookies = kept
    assert visitor.get("/left").status == 303


def test_a_read_only_board_takes_no_form(current: Current) -> None:
    """With --read-only nothing can be changed, even by who is signed in; one can still sign out."""
    visitor = visitor_of(current, read_only=True)
    visitor.sign_in()
    token = visitor.form_token()
    for path in ACTING.keys() - {"/sign-out"}:
        assert visitor.post(path, {"form_token": token}).status == 403
    assert visitor.post("/sign-out", {"form_token": token}).status == 303


@pytest.mark.parametrize("path", ["/", "/sign-in", "/static/board.css", "/nothing", "/order?id=E-0"])
def test_every_answer_binds_the_browser(visitor: Browser, path: str) -> None:
    """No script or style within a page runs, nothing is loaded from elsewhere, no other site frames the board."""
    headers = visitor.get(path).headers
    policy = dict(each.strip().partition(" ")[::2] for each in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "address", ["/", "/needs-you", "/changes", "/orders?find=e", "/rules", "/left", "/order?id=E-2050"]
)
def test_pages_hold_no_script_or_style_of_their_own(visitor: Browser, address: str) -> None:
    """No page needs what the policy forbids."""
    body = visitor.get(address).body
    assert "<script>" not in body
    assert " style=" not in body
    assert "<style" not in body
    assert " onclick=" not in body
    assert "http://" not in body
    assert "https://" not in body


def test_a_mail_can_run_nothing(visitor: Browser) -> None:
    """A mail is of no origin, runs no script, loads nothing, sends no form; only the board may frame it."""
    headers = visitor.get("/mail?key=E-2050/feedback-reminder").headers
    policy = [each.strip() for each in headers["content-security-policy"].split(";")]
    assert policy[0] == "sandbox"
    assert {"default-src 'none'", "form-action 'none'", "base-uri 'none'", "frame-ancestors 'self'"} <= set(policy)
    assert not [each for each in policy if each.startswith(("script-src", "connect-src", "frame-src"))]
    page = visitor.get("/message?key=E-2050/feedback-reminder").body
    assert page.count("<iframe") == page.count(" sandbox src=") == 2


@pytest.mark.parametrize(
    "name", ["../sendplan.yaml", "/etc/passwd", "var/shop.db", "rules/../var/shop.db", "fixtures/orders.csv", ""]
)
def test_only_the_projects_files_are_shown(visitor: Browser, name: str) -> None:
    """No address reads another file of the machine, or the store."""
    assert visitor.get(f"/file?name={name}").status == 404


def test_a_link_out_of_the_project_is_not_followed(
    editor: Browser, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A file that only leads out of the project is not shown."""
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("secret", encoding="utf-8")
    (folder / "rules" / "link.yaml").symlink_to(outside)
    assert editor.get("/file?name=rules/link.yaml").status == 404


@pytest.mark.parametrize("path", ["/static/../board.py", "/static/..%2fboard.py", "/static//etc/passwd"])
def test_the_style_sheets_folder_is_no_way_out(visitor: Browser, path: str) -> None:
    """Nothing outside the folder of assets is served."""
    assert visitor.get(path).status == 404


def test_a_proxys_user_cannot_be_invented(current: Current) -> None:
    """With a header for names nobody signs in without it, and the form's own name does not count."""
    visitor = visitor_of(current, url="https://board.example.com", user_header="X-Forwarded-User")
    visitor.headers["x-forwarded-user"] = "mia@example.com"
    visitor.post("/sign-in", {"token": visitor.sessions.token, "name": "Eve"})
    page = visitor.get("/left").text
    assert "mia@example.com" in page
    assert "Eve" not in page


def test_without_the_proxys_header_nobody_signs_in(current: Current) -> None:
    """Whoever comes around the proxy has no name, and does not get in by inventing one."""
    visitor = visitor_of(current, url="https://board.example.com", user_header="X-Forwarded-User")
    assert visitor.sign_in("Eve").status == 403


def test_another_user_at_the_proxy_does_not_act_under_the_first_ones_name(current: Current) -> None:
    """A session counts only while the proxy names whom it began for: not for another, for nobody, or for two."""
    visitor = visitor_of(current, url="https://board.example.com", user_header="X-Forwarded-User")
    visitor.headers["x-forwarded-user"] = "mia@example.com"
    visitor.sign_in()
    assert visitor.get("/left").status == 200
    token = visitor.form_token()
    for other in ("eve@example.com", ""):
        visitor.headers["x-forwarded-user"] = other
        assert visitor.get("/left").status == 303
        assert visitor.post("/sign-out", {"form_token": token}).status == 403
    visitor.headers |= {"x-forwarded-user": "mia@example.com", "X-Forwarded-User": "eve@example.com"}
    assert visitor.get("/left").status == 303


def test_what_a_proxy_would_say_counts_only_from_a_trusted_one(stranger: Browser) -> None:
    """Without --user-header nobody gets a name, an address or https by a header that a browser can send as well."""
    stranger.headers |= {
        "x-forwarded-user": "boss@example.com",
        "x-forwarded-host": "evil.example.com",
        "x-forwarded-proto": "https",
        "x-forwarded-for": "192.0.2.1",
        "forwarded": "for=192.0.2.1;host=evil.example.com;proto=https",
    }
    assert stranger.get("/sign-in").status == 200
    assert stranger.post("/sign-in", {"token": "x", "name": "Eve"}).status == 403
    (cookie,) = stranger.sign_in("Eve").cookies
    assert "secure" not in cookie.lower()
    page = stranger.get("/left").body
    assert "boss@example.com" not in page
    assert "evil.example.com" not in page


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example.com"}, {"host": "evil.example.com"}, {"sec_fetch_site": "cross-site"}]
)
def test_what_is_refused_keeps_no_session_alive(visitor: Browser, headers: dict[str, str]) -> None:
    """A page elsewhere cannot keep somebody signed in who has left."""
    token = visitor.form_token()
    visitor.clock.now += IDLE_SECONDS - 1
    assert visitor.post("/sign-out", {"form_token": token}, **headers).status in (403, 421)
    assert visitor.post("/sign-out", {"form_token": "x"}).status == 403
    visitor.clock.now += 2
    assert visitor.get("/left").status == 303


@pytest.mark.parametrize("path", [*SHOWING, "/sign-in"])
@pytest.mark.parametrize(
    "text", ["x" * 60_000, "%00" * 1000, "%F0%9F%92%A3" * 5000, "&find=" * 5000, "9" * 5000], ids=str.__len__
)
def test_a_very_long_query_is_answered(visitor: Browser, path: str, text: str) -> None:
    """Whatever is asked for, however long, a page answers."""
    names = ("find", "id", "key", "name", "rule", "kind", "day", "from", "to", "page", "token", "status")
    assert visitor.get(f"{path}?{'&'.join(f'{name}={text}' for name in names)}").status in (200, 400, 404)


@pytest.mark.parametrize("wrong", ["a=b; sendplan-board-8642=\x00", "sendplan-board-8642", "=;=", "{bad}=x"])
def test_a_broken_cookie_is_no_session(stranger: Browser, wrong: str) -> None:
    """Whatever a cookie holds, it is a session's id or nothing."""
    assert stranger.get("/", cookie=wrong).status == 303
