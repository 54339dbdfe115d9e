"""What well-known mail providers need and allow, so that a sender only names its provider (manual M18)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from sendplan.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LoginService:
    """Where and how a provider's tokens are obtained (RFC 6749, RFC 8628, RFC 8252)."""

    authority: str
    scope: str
    """The right to send mail."""
    tenant: str | None = None
    """The organisation where none is written; None for a service without organisations."""


@dataclass(frozen=True, slots=True)
class PasswordEnd:
    """When a provider stops taking passwords, unless an administrator switches them on again."""

    last_day: date
    """The last day on which password logins are on by default, by the provider's own calendar."""
    source: str
    """The provider's page that says so."""
    read_on: date
    """When that page was read: such days have been put off before."""

    def __str__(self) -> str:
        return f"password logins are on by default until {self.last_day} only (read on {self.read_on})"


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider's submission server and limits; keys that a sender writes itself win."""

    name: str
    host: str | None
    """None: the sender must name it."""
    port: int = 587
    security: str = "starttls"
    connections: int = 1
    per_minute: int | None = None
    per_day: int | None = None
    free_domains: frozenset[str] = frozenset()
    """Of accounts that nobody pays for, which may send fewer."""
    free_per_day: int | None = None
    password_hint: str = ""
    """What kind of password the provider takes, for people whose login failed."""
    from_is_login: bool = False
    """The provider sends from the address that logs in, and from others only when an administrator allowed it."""
    oauth2: LoginService | None = None
    source: str = ""
    """The provider's page that the limits are from."""
    read_on: date | None = None
    """When that page was read: limits change."""
    password_end: PasswordEnd | None = None
    """None: passwords, or app passwords, stay."""

    def per_day_of(self, login: str) -> int | None:
        """How many recipients a day the account may have that logs in by this name."""
        return self.free_per_day if login.rpartition("@")[2].lower() in self.free_domains else self.per_day


PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Preset("generic", host=None),
            Preset(
                "gmail",
                host="smtp.gmail.com",
                per_day=2_000,
                free_domains=frozenset({"gmail.com", "googlemail.com"}),
                free_per_day=500,
                from_is_login=True,
                password_hint=(
                    "Gmail takes an app password instead of the account's own: switch 2-step verification on, "
                    "create one at https://myaccount.google.com/apppasswords and put its 16 letters into the variable"
                ),
                oauth2=LoginService("https://accounts.google.com", "https://mail.google.com/"),
                source="https://support.google.com/a/answer/166852",
                read_on=date(2026, 11, 26),
            ),
            Preset(
                "office365",
                host="smtp.office365.com",
                connections=3,
                per_minute=30,
                per_day=10_000,
                from_is_login=True,
                password_hint=(
                    'Microsoft 365 needs "Authenticated SMTP" switched on for the mailbox, and refuses passwords '
                    "where security defaults are on"
                ),
                oauth2=LoginService(
                    "https://login.microsoftonline.com", "https://outlook.office.com/SMTP.Send", "organizations"
                ),
                source="https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements",
                read_on=date(2026, 11, 25),
                password_end=PasswordEnd(
                    last_day=date(2026, 12, 31),
                    source=(
                        "https://techcommunity.microsoft.com/blog/exchange/"
                        "updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835"
                    ),
                    read_on=date(2026, 11, 26),
                ),
            ),
        )
    }
)


def at_host(host: str) -> Preset | None:
    """The provider whose servers these are, also when a sender names the host alone; None for any other."""
    for each in PRESETS.values():
        if each.host is not None and f".{host.lower()}".endswith(each.host[each.host.index(".") :]):
            return each
    return None


def preset(name: str) -> Preset | None:
    """The provider's preset, or None when there is none of that name; `PRESETS` lists them."""
    return PRESETS.get(name)
