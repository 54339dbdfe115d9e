"""What a template sees: the order, the shop, and the marks that tell how and where each value may print."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TypeAlias
from zoneinfo import ZoneInfo

from sendplan import resources
from sendplan.dataclass import dataclass
from sendplan.deciding.facts import Facts
from sendplan.fields import Field, FieldType
from sendplan.project.settings import Account, Sender, Settings, Shop


@dataclass(frozen=True, slots=True)
class Context:
    """One message: its order and everything else that a template may name."""

    facts: Facts
    shop: Shop
    account: Account
    sender: Sender
    rule_id: str
    rule_title: str
    step_id: str | None = None
    """None for a rule without a ladder: then `step` is undefined."""
    unsubscribe_token: str = ""
    """Stands for `{token}` in the shop's unsubscribe links; without it there are none."""


@dataclass(frozen=True, slots=True)
class View:
    """A record as a template sees it: fields only, no methods; a missing field is absent."""

    label: str
    """How templates call it: `order`, `shop`, `line`."""
    fields: Mapping[str, object]


class Money(Decimal):
    """An amount in the order's currency; what is computed from it is a plain number until `| money`."""


class Country(str):
    """An ISO 3166-1 code, which prints as the country's name."""

    __slots__ = ()


class Trusted(str):
    """Text that the merchant wrote, which may therefore begin a link; any filter takes the mark away."""

    __slots__ = ()


class Joined(str):
    """Texts joined into one, which still tells what the merchant wrote; any filter takes that away."""

    pieces: tuple[str, ...]

    def __new__(cls, pieces: tuple[str, ...]) -> Joined:
        """The pieces in their order; `Trusted` ones are the merchant's."""
        joined = super().__new__(cls, "".join(pieces))
        joined.pieces = pieces
        return joined


class Personal(Trusted):
    """Trusted, and another for each buyer: it enters a page when everything else is in place."""

    __slots__ = ()


Namespace: TypeAlias = Mapping[str, object]

_COUNTRIES = frozenset({"country", "billing_country"})


def known_fields(settings: Settings) -> Mapping[str, frozenset[str]]:
    """The names that templates may use, each with its fields."""
    params = settings.params.keys() | {name for account in settings.accounts.values() for name in account.params}
    return {
        "order": frozenset(settings.fields),
        "shop": frozenset({"name", "timezone", "country", "branding", "unsubscribe", "logo", "bank", "imprint"}),
        "account": frozenset({"name", "portal", "language"}),
        "rule": frozenset({"id", "title"}),
        "step": frozenset({"id"}),
        "sender": frozenset({"name", "from", "reply_to"}),
        "params": frozenset(params),
    }


def line_fields() -> frozenset[str]:
    """The fields of one of `order.lines`."""
    return frozenset(resources.schema("order")["definitions"]["line"]["properties"])


def namespace(context: Context, fields: Mapping[str, Field], zone: ZoneInfo) -> Namespace:
    """The values of `known_fields` for one message; moments stand on the shop's clock."""
    shop, account, sender = context.shop, context.account, context.sender
    names = {
        "order": _order(context.facts.values, fields, zone),
        "shop": _merchant(
            "shop",
            name=shop.name,
            timezone=shop.timezone,
            country=Country(shop.country),
            branding=shop.branding,
            unsubscribe=next(iter(unsubscribe_links(shop, context.unsubscribe_token)), None),
            logo=shop.logo,
            bank=_merchant("shop.bank", **shop.bank) if shop.bank else None,
            imprint=tuple(map(Trusted, shop.imprint)) or None,
        ),
        "account": _merchant("account", name=account.name, portal=account.portal, language=account.language),
        "rule": _merchant("rule", id=context.rule_id, title=context.rule_title),
        "sender": _merchant(
            "sender",
            name=sender.name,
            reply_to=account.reply_to or sender.reply_to,
            **{"from": account.from_ or sender.from_},
        ),
        "params": _merchant("params", **account.params),
    }
    return names if context.step_id is None else names | {"step": _merchant("step", id=context.step_id)}


def unsubscribe_links(shop: Shop, token: str) -> tuple[Personal, ...]:
    """`shop.unsubscribe` for one buyer, whose `token` stands for `{token}`; web addresses first.

    Empty when the shop has none, and without a token (`unsubscribing.token_of`).
    """
    links = sorted(shop.unsubscribe if token else (), key=lambda link: not link.startswith("https:"))
    return tuple(Personal(link.replace("{token}", token)) for link in links)


def _merchant(label: str, **values: object) -> View:
    return View(label, {name: _trusted(value) for name, value in values.items() if value is not None})


def _trusted(value: object) -> object:
    return Trusted(value) if type(value) is str else value


def _order(values: Mapping[str, object], fields: Mapping[str, Field], zone: ZoneInfo) -> View:
    return View("order", {name: _field(name, value, fields.get(name), zone) for name, value in values.items()})


def _field(name: str, value: object, field: Field | None, zone: ZoneInfo) -> object:
    if isinstance(value, datetime):
        return value.astimezone(zone)
    if field is not None and field.type is FieldType.RECORDS and isinstance(value, list | tuple):
        return tuple(_line(each) for each in value)
    if isinstance(value, Decimal):
        return value if field is None or field.own else Money(value)
    return Country(value) if name in _COUNTRIES and isinstance(value, str) else value


def _line(record: Mapping[str, object]) -> View:
    fields = {name: value for name, value in record.items() if value is not None}
    if "price" in fields:
        fields["price"] = _money(fields["price"])
    return View("line", fields)


def _money(value: object) -> object:
    try:
        return Money(str(value))
    except InvalidOperation:
        return value
