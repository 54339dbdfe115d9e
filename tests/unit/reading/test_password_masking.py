"""A password that stands in a file by mistake is shown to nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sendplan import checking
from sendplan.reading.password_masking import masked
from sendplan.report import problems_github, problems_json, problems_text

SECRET = "hunter2"
SETTINGS = """
shop: {name: MeinShop, timezone: Europe/Berlin, country: DE}
store: sqlite:///var/shop.db
senders:
  main:
    from: shop@example.com
    host: smtp.example.com
    SENDER
accounts: {ebay-de: {portal: ebay}}
regions: {abroad: any}
"""


@pytest.mark.parametrize(
    "lines",
    [
        "password: hunter2",
        "password: 'hunter2'",
        'password: "hunter2',
        "password: *hunter2",
        "password: !hunter2",
        "password: &hunter2",
        "password: @hunter2",
        "password: [hunter2]",
        "password: {hunter2: 1}",
        "password: ${SMTP_PASSWORD}hunter2",
        "password: hunter2: hunter2",
        "password: hunter2\thunter2\n\tx: 1",
        "password:\n      hunter2: hunter2",
        "password: |\n      hunter2\n      hunter2\n     hunter2",
        "password: hunter2\n    password: hunter2",
        "password:hunter2",
        "password = hunter2",
        "password hunter2",
        "passwort: hunter2",
        "pasword: hunter2",
        "smtp_password: hunter2",
        "pass: hunter2",
        "oauth2: {client: shop-app, secret: hunter2}",
        "oauth2:\n      client: shop-app\n      secret: hunter2",
        "username: &x {password: hunter2, host: *y}",
        "username: {password: hunter2, hunter2, host: y",
        "password: hunter2\x07",
        "password: hunter2 ä",
    ],
)
def test_no_report_shows_a_password(lines: str, tmp_path: Path) -> None:
    """Whatever is wrong with the line of a password, no format of the report shows it."""
    text = SETTINGS.replace("SENDER", lines)
    (tmp_path / "sendplan.yaml").write_bytes(text.encode("latin-1"))
    problems = checking.check(tmp_path)
    shown = problems_text(problems, False) + json.dumps(problems_json(problems)) + problems_github(problems)
    assert problems
    assert SECRET not in shown


def test_the_password_of_a_store_is_hidden_too(tmp_path: Path) -> None:
    """An address of a database may hold a password, which no report shows."""
    text = SETTINGS.replace("sqlite:///var/shop.db", "postgresql://shop:hunter2@db.example.com/shop")
    (tmp_path / "sendplan.yaml").write_text(text.replace("SENDER", ""), encoding="utf-8")
    problems = checking.check(tmp_path)
    assert [problem.code for problem in problems] == ["literal-password"]
    assert SECRET not in problems_text(problems, False)


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        ("postgresql://shop:${DB_PASSWORD}@db.example.com/shop", []),
        ("postgresql://shop:${file:secrets/database}@db1,db2/shop?target_session_attrs=read-write", []),
        ("postgresql://shop@db.example.com/shop", []),
        ("postgresql://shop:${DB PASSWORD}@db.example.com/shop", ["literal-password"]),
        ("postgresql://shop:x${DB_PASSWORD}@db.example.com/shop", ["literal-password"]),
        ("postgresql://${USER}@db.example.com/shop", ["wrong-value"]),
        ("postgresql://shop:${DB_PASSWORD}@${HOST}/shop", ["wrong-value"]),
    ],
)
def test_an_address_says_where_its_password_is_kept(address: str, codes: list[str], tmp_path: Path) -> None:
    """The password of a store may be kept in a variable or a file, and nothing else of its address."""
    text = SETTINGS.replace("sqlite:///var/shop.db", address).replace("SENDER", "")
    (tmp_path / "sendplan.yaml").write_text(text, encoding="utf-8")
    assert [problem.code for problem in checking.check(tmp_path)] == codes


@pytest.mark.parametrize(
    "text",
    [
        "password: ${SMTP_PASSWORD}  # the app's password\n",
        'main: {password: "${SMTP_PASSWORD}", host: smtp.example.com}',
        "password: ${file:/run/credentials/smtp}\n",
        'oauth2: {client: "${OAUTH_CLIENT}", secret: "${file:secrets/google app}"}',
        "params: {password_wait: 7 days}",
        "template: password-reset",
        "title: 'Password: how to set it'",
    ],
)
def test_everything_else_stays(text: str) -> None:
    """A reference to the environment, and words that only resemble a password, are read as they are written."""
    assert masked(text) == text


def test_everything_keeps_its_place() -> None:
    """What stands beside a password is read, and found, as if nothing were hidden."""
    text = "main: {password: hun, ter2, host: smtp.example.com}\nother:\n  password: 'hunter 2'\n  port: 25\n"
    assert masked(text) == (
        "main: {password: •••• ••••, host: smtp.example.com}\nother:\n  password: '•••••• •'\n  port: 25\n"
    )
