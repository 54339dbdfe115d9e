"""`sendplan.yaml` as a frozen value: shop, senders, accounts, regions, classes, windows, holds.

See docs/project.md#settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from sendplan.calendar import Calendar
from sendplan.dataclass import dataclass
from sendplan.expressions import Condition, ParamValue
from sendplan.fields import Field, Value
from sendplan.project.regions import Region
from sendplan.secret import Secret
from sendplan.units import Duration
from sendplan.windows import Window


@dataclass(frozen=True, slots=True)
class Shop:
    """Who sends: shown in templates and used for every calendar question."""

    name: str
    timezone: str
    country: str
    branding: bool = False
    unsubscribe: tuple[str, ...] = ()
    """https and mailto addresses with `{token}`."""
    logo: str | None = None
    """Address of an image."""
    bank: Mapping[str, str] = field(default_factory=dict)
    """`name`, `iban`, `bic`, as far as they are given."""
    imprint: tuple[str, ...] = ()
    """Lines."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a mail provider accepts; None means no limit of its own. Counted in the store over all processes."""

    connections: int = 1
    per_minute: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class OAuth2:
    """A login by a token instead of a password; `sendplan login SENDER` obtains it (docs/mail-accounts.md)."""

    client: str | Secret
    """The application that is registered at the provider."""
    tenant: str | None = None
    """The organisation, at Microsoft."""
    secret: Secret | None = None
    """The application's own, at Google."""
    authority: str | None = None
    """Address of the login service, where it is not the provider's own."""
    tokens: Path = Path()
    """The folder that keeps the user's tokens."""
    token: Path | None = None
    """The file that keeps this one instead."""


@dataclass(frozen=True, slots=True)
class BounceMailbox:
    """Where bounces and unsubscribes of a sender come back, read over IMAP."""

    host: str
    username: str
    password: Secret | None
    port: int = 993
    security: str = "tls"
    """`tls`, `starttls` or `none`."""
    folder: str = "INBOX"
    plus_addresses: bool = False
    """`bounces+anything@…` arrives here too: each mail then has an envelope sender of its own."""


@dataclass(frozen=True, slots=True)
class Sender:
    """One mail account: where and how its SMTP server is reached (manual M1, M2, M4, M18)."""

    name: str
    from_: str
    """`Name <address>` or a bare address."""
    host: str
    port: int
    security: str
    """`starttls`, `tls` or `none`."""
    username: str | None = None
    password: Secret | None = None
    reply_to: str | None = None
    copy_to: str | None = None
    """`self` for the From address, or an address (manual M2)."""
    provider: str = "generic"
    limits: Limits = Limits()
    ehlo: str | None = None
    """The name given to the server; the machine's own when None."""
    ca_file: Path | None = None
    """PEM certificates of authorities that this sender trusts beside the system's."""
    oauth2: OAuth2 | None = None
    """Instead of a password."""
    bounce_to: str | None = None
    """The envelope sender, where bounces go; the From address when None."""
    mailbox: BounceMailbox | None = None
    """What `sendplan bounces` reads."""


@dataclass(frozen=True, slots=True)
class Account:
    """One portal account and what it overrides (manual M4, M7)."""

    name: str
    portal: str
    sender: str
    skip: frozenset[str] = frozenset()
    from_: str | None = None
    reply_to: str | None = None
    copy_to: str | None = None
    language: str | None = None
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    """The project's params with this account's own over them."""
    closed: bool = False
    """Its orders stay in the store and get no mail."""
    formerly: tuple[str, ...] = ()
    """Earlier names, which stand for the account in stored orders, files, mappings and `templates/`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The present name, then earlier ones."""
        return (self.name, *self.formerly)


TRANSACTIONAL = "transactional"
"""The class that always exists."""


@dataclass(frozen=True, slots=True)
class MessageClass:
    """A kind of mail with a condition of its own; `transactional` always exists and has none."""

    name: str
    requires: Condition | None = None
    unsubscribe_required: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """A condition under which everything for an order is postponed and shown (manual M13)."""

    name: str
    when: Condition
    reason: str


@dataclass(frozen=True, slots=True)
class Languages:
    """The language of a buyer who named none: by billing country, else the default."""

    default: str = "en"
    by_country: Mapping[str, str] = field(default_factory=dict)
    """ISO country → language."""


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A file of orders that `run` reads."""

    name: str
    file: Path
    mapping: Path | None = None
    """None when the file's columns carry the fields' own names."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `sendplan.yaml`, checked."""

    folder: Path
    shop: Shop
    calendar: Calendar
    store: str
    """`sqlite:///PATH`, relative to `folder`, or `postgresql://USER@HOST/DATABASE`."""
    languages: Languages
    params: Mapping[str, ParamValue]
    senders: Mapping[str, Sender]
    accounts: Mapping[str, Account]
    regions: tuple[Region, ...]
    classes: Mapping[str, MessageClass]
    windows: Mapping[str, Window]
    holds: tuple[Hold, ...]
    fields: Mapping[str, Field]
    """Every field an expression may name: the catalogue and the project's own."""
    per_run: int | None = None
    redirect: str | None = None
    schedule: str | None = None
    retention: Duration | None = None
    """How long orders are kept after they were placed; for ever when None."""
    """When `run --stay` works, as a cron expression on the shop's clock."""
    imports: tuple[ImportSource, ...] = ()
    approval: bool = False
    """Whether `send` and `run` wait until a person has approved the plan."""
    alerts: str | None = None
    """The owner's address, for at most one mail a day about what needs attention."""
    attachments: str = ""
    """The folder, relative to `folder`, that rules attach files from; empty when there is none."""
    largest_mail: int = 10_000_000
    """Bytes; a larger one stays open."""
    state: str | None = None
    """The folder, relative to `folder`, of the marks outside the store; the user's state directory when absent."""
    fresh_within: Mapping[str, Duration] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    """Optional keys of a rule, as written."""
    account_names: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Every name that an account has or had → its present one."""
    constants: Mapping[str, Value] = field(init=False, repr=False, compare=False)
    """What a field holds when no import carried it, where that is the same for all orders: flags are false."""

    def present_account(self, name: str) -> str:
        """The present name of an account that is named so in an order or a file; an unknown name stays itself."""
        return self.account_names.get(name, name)

    def __post_init__(self) -> None:
        names = {name: account.name for account in self.accounts.values() for name in account.names}
        object.__setattr__(self, "account_names", names)
        constants = {name: each.default for name, each in self.fields.items() if each.default is not None}
        object.__setattr__(self, "constants", constants)
