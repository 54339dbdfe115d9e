"""What to change when a sender cannot send: one sentence for each thing that a server's refusal may concern."""

from __future__ import annotations

import re
from typing import assert_never

from sendplan.project.providers import PRESETS, preset
from sendplan.project.settings import Sender
from sendplan.scopes import Scope


def advice_on(sender: Sender, scope: Scope, reply: str) -> str:
    """What to change so that this sender sends again, given the server's answer; empty where one message is concerned.

    docs/sending.md#replies-by-what-they-concern
    """
    match scope:
        case Scope.LOGIN:
            return _on_login(sender, reply)
        case Scope.CREDENTIALS:
            return _on_credentials(sender)
        case Scope.SENDER:
            return _on_sender(sender, reply)
        case Scope.ADDRESS:
            return (
                "look whether these buyers' addresses are right and whether the server knows others at all: "
                f"`sendplan smtp-test {sender.name} --to` an address that you can read; then `sendplan resolve`"
            )
        case Scope.ACCOUNT_RATE:
            return "the account sends too fast: wait, and lower `limits.per_minute` or `limits.connections`"
        case Scope.ACCOUNT_QUOTA:
            return (
                "the account has sent too much for now: it goes on by itself when the provider lets it; lower "
                "`limits.per_day` to what the provider allows"
            )
        case Scope.HOST:
            return "the server does not talk to us now: try later, or ask the provider whether it blocks this network"
        case Scope.MESSAGE_LATER | Scope.MESSAGE_FAILED:
            return ""
        case _:
            assert_never(scope)


def use_oauth2(sender: Sender) -> str:
    """What to write for a server that takes no passwords."""
    if PRESETS[sender.provider].oauth2 is None:
        return (
            "the server takes no passwords: at Microsoft 365 or Google write `provider: office365` or `gmail` with "
            "`oauth2:` instead of `password` (docs/mail-accounts.md), elsewhere ask for a password login"
        )
    return (
        "write `oauth2: {client: ...}` instead of `password` (docs/mail-accounts.md), then: "
        f"sendplan login {sender.name}"
    )


def _on_oauth2(sender: Sender, reply: str) -> str:
    if _says(r"AADSTS65001|consent_required", reply):
        return "an administrator must grant the application its consent (docs/mail-accounts.md)"
    if _says(r"invalid_client|unauthorized_client|no organisation|AADSTS7000218|AADSTS700016", reply):
        return (
            "check `client`, `tenant` and `secret` under `oauth2`; at Microsoft the application must allow public "
            "client flows (docs/mail-accounts.md)"
        )
    if _says(r"5\.7\.139|SmtpClientAuthentication", reply):
        return 'an administrator must enable "Authenticated SMTP" for this mailbox (docs/mail-accounts.md)'
    if _says(r"no OAuth 2 login", reply):
        return "correct `host`, or write `password` instead of `oauth2`"
    return f"log in again: sendplan login {sender.name}"


def _on_login(sender: Sender, reply: str) -> str:
    if _says(r"starttls|encrypt|\bTLS\b|\b5\.7\.11\b", reply):
        return "the server wants an encrypted connection first: write `security: starttls` (587) or `tls` (465)"
    if sender.oauth2 is not None:
        return _on_oauth2(sender, reply)
    if "5.7.30" in reply or _says("only OAuth 2", reply):
        return f"the provider takes no passwords for this mailbox any more, only OAuth 2: {use_oauth2(sender)}"
    if "5.7.139" in reply and not _says(r"credentials|password", reply):
        return (
            "the provider has switched password logins off for this mailbox: an administrator must enable "
            f'"Authenticated SMTP" for it, and security defaults must allow it; or {use_oauth2(sender)}'
        )
    if sender.username is None:
        return "the server wants a login: write `username` and `password: ${SMTP_PASSWORD}`"
    if _says(r"^504", reply):
        return "the server takes no login of this kind: ask the provider which one it wants, at which port"
    provider = preset(sender.provider)
    where = (sender.password.variable or sender.password) if sender.password else "`password`"
    general = f"check `username` and the value of {where}"
    return f"{general}; {provider.password_hint}" if provider and provider.password_hint else general


def _on_credentials(sender: Sender) -> str:
    if sender.oauth2 is not None:
        return f"log in on this computer, as the user that runs sendplan: sendplan login {sender.name}"
    if sender.password is not None and sender.password.file is not None:
        return f"let the user that runs sendplan read {sender.password}"
    return f"set {sender.password} where sendplan runs, in the service or crontab as well as in your shell"


def _on_sender(sender: Sender, reply: str) -> str:
    if _says(r"\b(?:helo|ehlo)\b|^50[14]", reply):
        return "the server does not accept the name that this computer gives itself: write `ehlo: mail.example.com`"
    if _says(r"not verified|verif", reply):
        return "verify the From address, or its domain, at the provider first"
    if _says(r"domain not found", reply):
        return "the From address has a domain that nobody can look up: correct `from`, or wait if it is a new one"
    if _says(r"send ?as|not owned|permission", reply):
        login = f"`{sender.username}`" if sender.username else "the login"
        return f"write {login} as the From address, or have the provider allow it to send as this one"
    if _says(r"bad outbound sender", reply):
        return "the provider has blocked this mailbox for what it sent: an administrator must unblock it"
    return "the server does not accept this From address: it must exist there and belong to the account that logs in"


def _says(pattern: str, reply: str) -> bool:
    return re.search(pattern, reply, re.IGNORECASE) is not None
