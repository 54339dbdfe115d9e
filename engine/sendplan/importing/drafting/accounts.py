"""Whose orders a file's are: a column of channels, or the project's one account (docs/mapping.md#draft)."""

from __future__ import annotations

from collections.abc import Sequence

from sendplan.importing.drafting.choosing import candidates
from sendplan.importing.drafting.columns import SampleColumn, words
from sendplan.importing.drafting.draft import Draft, DraftedField
from sendplan.importing.drafting.vocabulary import MARKETPLACES
from sendplan.project.settings import Settings

_MOST_CHANNELS = 20


def draft_account(columns: Sequence[SampleColumn], settings: Settings, made: Draft) -> None:
    """`accounts` and, where there are several, the field `account`."""
    accounts = list(settings.accounts)
    if len(accounts) == 1:
        made.options["accounts"] = accounts
        return
    for column in candidates("account", columns):
        channels = list(dict.fromkeys(map(str, column.filled)))
        if column.listed or not channels or len(channels) > _MOST_CHANNELS:
            continue
        meant = {each: _account_of(each, settings) for each in channels}
        known = {channel: account for channel, account in meant.items() if account is not None}
        if not known:
            continue
        values = dict(known)
        rest = [each for each in channels if each not in known]
        left = [each for each in accounts if each not in known.values() and not _is_marketplace(each, settings)]
        if rest and len(left) == 1:
            values.update(dict.fromkeys(rest, left[0]))
            guess = f"{', '.join(rest)}: taken for {left[0]}, the account that is no marketplace's"
        else:
            guess = f"orders of {', '.join(rest)} are refused until they are listed" if rest else "by the names alone"
        made.used.append(column)
        made.options["accounts"] = list(dict.fromkeys(values.values()))
        made.fields["account"] = DraftedField(column.name, {"values": values}, guess)
        return
    guess = f"whose orders are these? the accounts are {', '.join(accounts)}"
    made.options["accounts"] = accounts[:1]
    made.guesses["accounts"] = guess


def _account_of(channel: str, settings: Settings) -> str | None:
    """The account whose name says the same words, else the only one on a portal of this name."""
    said = words(channel)
    named = [name for name in settings.accounts if words(name) == said]
    if not named:
        named = [name for name, each in settings.accounts.items() if words(each.portal) == said]
    return named[0] if len(named) == 1 else None


def _is_marketplace(account: str, settings: Settings) -> bool:
    return bool(MARKETPLACES & set(words(settings.accounts[account].portal)))
