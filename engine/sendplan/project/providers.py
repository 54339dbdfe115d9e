"""What well-known mail providers need and allow, so that a sender only names its provider (manual M18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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
            ),
        )
    }
)


def preset(name: str) -> Preset | None:
    """The provider's preset, or None when there is none of that name; `PRESETS` lists them."""
    return PRESETS.get(name)
