"""What to change when a sender cannot send: one sentence for each thing that a server's refusal may concern."""

from __future__ import annotations

import re
from typing import assert_never

from sendplan.project.providers import preset
from sendplan.project.settings import Sender
from sendplan.scopes import Scope

_PASSWORDS_OFF = re.compile(r"\b5\.7\.(?:139|30)\b")


def advice_on(sender: Sender, scope: Scope, reply: str) -> str:
    """What to change so that this sender sends again, given the server's answer (docs/sending.md#replies)."""
    match scope:
        case Scope.LOGIN:
            return _on_login(sender, reply)
        case Scope.SENDER:
            return "the server does not accept this From address: it must belong to the account that logs in"
        case Scope.ACCOUNT_RATE | Scope.ACCOUNT_QUOTA:
            return "the account has sent too much for now: wait, and lower `limits` to what the provider allows"
        case Scope.HOST:
            return "the server does not talk to us now: try later, or ask the provider whether it blocks this network"
        case Scope.MESSAGE_LATER | Scope.ADDRESS | Scope.MESSAGE_FAILED:
            return ""
        case _:
            assert_never(scope)


def _on_login(sender: Sender, reply: str) -> str:
    if _PASSWORDS_OFF.search(reply):
        return (
            "the provider has switched password logins off for this mailbox: an administrator must switch on "
            '"Authenticated SMTP" for it, and security defaults must allow it'
        )
    if sender.username is None:
        return "the server wants a login: write `username` and `password: ${SMTP_PASSWORD}`"
    provider = preset(sender.provider)
    general = f"check `username` and the value of {sender.password_variable}"
    return f"{general}; {provider.password_hint}" if provider and provider.password_hint else general
