"""`sendplan.yaml` → Settings: every name, date, window and expression in it is checked, all problems at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sendplan.addresses import address_error, address_of, names_several
from sendplan.cron import cron_error
from sendplan.expressions import Expression, Kind, Names, ParamValue, compile_expression, kind_of_value
from sendplan.expressions.tokens import KEYWORDS
from sendplan.fields import Field, FieldType, catalogue, with_own
from sendplan.problems import Problem, did_you_mean
from sendplan.project import login_section, providers, regions_section, shop_section, windows_section
from sendplan.project.project_folder import FILE
from sendplan.project.regions import Region
from sendplan.project.settings import (
    TRANSACTIONAL,
    Account,
    BounceMailbox,
    Hold,
    ImportSource,
    Languages,
    Limits,
    MessageClass,
    OAuth2,
    Sender,
    Settings,
    Shop,
)
from sendplan.project.state_folder import state_folder
from sendplan.reading.project_file import lies_in
from sendplan.reading.schemas import validated
from sendplan.reading.source import Document, KeyPath, load
from sendplan.secret import secret
from sendplan.store_kinds import HELP, HELP_PASSWORD, around_password, store_kind
from sendplan.units import Duration, parse_size
from sendplan.windows import Window

_NEEDED = {"senders": "from", "holds": "when", "imports": "file"}
"""Without these keys an entry says nothing."""
_NEEDED_OF_SHOP = {"name", "timezone", "country"}
_RESERVED_REGIONS = ("all", "any")


def read_settings(folder: Path, *, thorough: bool = False) -> tuple[Settings | None, Document | None, list[Problem]]:
    """The settings of a project's folder, with the document for later checks; no settings when there are problems.

    `thorough` also asks whether the place's public holidays are known, which takes longer than everything else here;
    without it, whoever needs them is told.
    """
    document, problems = load(folder / FILE, FILE, folder)
    if document is None:
        return None, None, problems
    data, schema_problems = validated(document, "settings")
    problems += schema_problems
    reader = _Reader(folder, document, data if isinstance(data, dict) else {}, problems)
    settings = reader.settings()
    if thorough:
        reader.check_holidays()
    return (settings if not any(each.is_error for each in problems) else None), document, problems


def holds_password(url: str) -> bool:
    """Whether a store's address has a password written into it, and not where that is kept."""
    parts = around_password(url)
    return parts is not None and secret(parts[1], Path()) is None


class _Reader:
    def __init__(self, folder: Path, document: Document, data: Mapping[str, Any], problems: list[Problem]) -> None:
        self.folder = folder
        self.document = document
        self.problems = problems
        # What breaks its schema is left out here, so that all around it is still checked.
        self.data = self._well_formed((), data)
        for section, needed in _NEEDED.items():
            entries = self.data.get(section, {})
            self.data[section] = {name: each for name, each in entries.items() if needed in each}
        if not self.data.get("shop", {}).keys() >= _NEEDED_OF_SHOP:
            self.data.pop("shop", None)
        self.sender_names = list(data["senders"]) if isinstance(data.get("senders"), dict) else None
        self.left_out = {name for name in data if self._spoiled((name,))}

    def _well_formed(self, path: KeyPath, data: Mapping[str, Any]) -> dict[str, Any]:
        """The keys that no problem lies in; of a mapping with one, the keys below that are free of it."""
        kept: dict[str, Any] = {}
        for name, value in data.items():
            place = (*path, name)
            if not self._spoiled(place):
                kept[name] = value
            elif isinstance(value, dict) and not self._misplaced(place):
                kept[name] = self._well_formed(place, value)
        return kept

    def _spoiled(self, path: KeyPath) -> bool:
        return any(each.span is not None and self.document.holds(path, each.span) for each in self.problems)

    def _misplaced(self, path: KeyPath) -> bool:
        """Whether a mapping stands where something else belongs."""
        span = self.document.span(path)
        return any(each.code == "wrong-type" and each.span == span for each in self.problems)

    def note(self, code: str, path: KeyPath, message: str, help_: str = "", *, key: bool = False) -> None:
        span = self.document.key_span(path) if key else self.document.span(path)
        self.problems.append(Problem(code, message, span, help_))

    def settings(self) -> Settings | None:
        """All sections; None when the shop itself cannot be read."""
        fields = self._fields()
        params = {name: self._param(value) for name, value in self.data.get("params", {}).items()}
        scope = Names(fields, params, messages=None)
        shop, calendar = shop_section.shop_and_calendar(self.data.get("shop"), self._note_below(("shop",)))
        senders = {name: self._sender(name, each) for name, each in self.data.get("senders", {}).items()}
        accounts = {name: self._account(name, each, params, senders) for name, each in self._section("accounts")}
        self._check_former_names()
        regions = tuple(self._region(name, each) for name, each in self._section("regions"))
        windows = {
            name: windows_section.window(name, each, self._note_below(("windows", name)))
            for name, each in self._section("windows")
        }
        classes = {TRANSACTIONAL: MessageClass(TRANSACTIONAL)}
        classes |= {name: self._class(name, each, scope, shop) for name, each in self._section("classes")}
        holds = tuple(self._hold(name, each, scope) for name, each in self._section("holds"))
        fresh_within = self._fresh_within(fields)
        languages = self._languages()
        self._check_address(("redirect",), self.data.get("redirect"))
        self._check_address(("alerts",), self.data.get("alerts"))
        self._check_schedule()
        if shop is None or calendar is None:
            return None
        return Settings(
            folder=self.folder,
            shop=shop,
            calendar=calendar,
            store=self._store(),
            languages=languages,
            params=params,
            senders=senders,
            accounts=accounts,
            regions=regions,
            classes=classes,
            windows=windows,
            holds=holds,
            fields=fields,
            per_run=self.data.get("limits", {}).get("per_run"),
            redirect=self.data.get("redirect"),
            schedule=self.data.get("schedule"),
            retention=Duration.parse(self.data.get("retention", "")),
            imports=tuple(self._import(name, each) for name, each in self._section("imports")),
            alerts=self.data.get("alerts"),
            approval=self.data.get("approval") == "required",
            attachments=self.data.get("attachments", ""),
            largest_mail=parse_size(self.data.get("limits", {}).get("attachment", "10 MB")),
            state=self.data.get("state"),
            fresh_within=fresh_within,
            defaults=self.data.get("defaults", {}),
        )

    def _section(self, name: str) -> list[tuple[str, Any]]:
        return list(self.data.get(name, {}).items())

    def _fields(self) -> Mapping[str, Field]:
        own: dict[str, FieldType] = {}
        for name, type_ in self._section("fields"):
            path = ("fields", name)
            if name in catalogue():
                self.note(
                    "wrong-key", path, f"`{name}` is already a field of every order", "choose a new name", key=True
                )
            elif name in KEYWORDS or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                help_ = (
                    "begin with a lower-case letter, then letters, digits or `_`; words of the language cannot be used"
                )
                self.note("wrong-key", path, f"`{name}` cannot name a field", help_, key=True)
            else:
                own[name] = FieldType(type_)
        return with_own(own)

    @staticmethod
    def _param(value: Any) -> ParamValue:
        if isinstance(value, list):
            return tuple(value)
        return (Duration.parse(value) or value) if isinstance(value, str) else value

    def check_holidays(self) -> None:
        """Whether the place's holidays are known, where anything in the settings depends on them."""
        closed = any(each.get("holidays") == "closed" for _, each in self._section("windows"))
        shop_section.check_holidays(self.data.get("shop"), self._note_below(("shop",)), needed=closed)

    def _store(self) -> str:
        url: str = self.data.get("store", "")
        if "store" in self.data and store_kind(url) is None:
            self.note("wrong-value", ("store",), "sendplan has no such kind of store", HELP)
        if holds_password(url):
            self.note("literal-password", ("store",), "a password must not be written in a file", HELP_PASSWORD)
        elif "${" in url.replace((around_password(url) or ("", "", ""))[1], "", 1):
            self.note("wrong-value", ("store",), "only the password of an address may be kept elsewhere", HELP)
        return url

    def _languages(self) -> Languages:
        by_country: dict[str, str] = {}
        for language, countries in self._section("languages"):
            if language == "default":
                continue
            for number, country in enumerate(countries):
                if country in by_country:
                    message = f"{country} is already given to `{by_country[country]}`"
                    self.note("duplicate-item", ("languages", language, number), message)
                by_country.setdefault(country, language)
        return Languages(self.data.get("languages", {}).get("default", "en"), by_country)

    def _check_schedule(self) -> None:
        wrong = cron_error(self.data["schedule"]) if "schedule" in self.data else None
        if wrong is not None:
            self.note("wrong-value", ("schedule",), wrong, "write `*/10 8-17 * * mon-fri`")

    def _import(self, name: str, given: Mapping[str, Any]) -> ImportSource:
        mapping = self.folder / given["mapping"] if "mapping" in given else None
        if mapping is not None and not lies_in(mapping, self.folder):
            help_ = "put the mapping into the project; only the files of orders may lie elsewhere"
            self.note("wrong-value", ("imports", name, "mapping"), "a mapping lies inside the project", help_)
        return ImportSource(name, self.folder / given["file"], mapping)

    # --- senders and accounts ---

    def _sender(self, name: str, given: Mapping[str, Any]) -> Sender:
        path = ("senders", name)
        preset = providers.PRESETS[given.get("provider", "generic")]
        host = given.get("host", preset.host)
        if not host:
            self.note("missing-key", path, "`host` is missing", "write `host: smtp.example.com`", key=True)
        self._check_from((*path, "from"), given["from"])
        if given.get("copy_to", "self") != "self":
            self._check_address((*path, "copy_to"), given["copy_to"], "write `self` or `name@example.com`")
        self._check_address((*path, "reply_to"), given.get("reply_to"))
        limits = given.get("limits", {})
        oauth2 = self._oauth2(path, given, preset)
        username = given.get("username", address_of(given["from"]) if oauth2 else None)
        return Sender(
            name,
            given["from"],
            host or "",
            given.get("port", preset.port),
            given.get("security", preset.security),
            username,
            login_section.password(given.get("password"), self.folder, self._note_below(path)),
            given.get("reply_to"),
            given.get("copy_to"),
            preset.name,
            Limits(
                limits.get("connections", preset.connections),
                limits.get("per_minute", preset.per_minute),
                limits.get("per_day", preset.per_day_of(given.get("username", address_of(given["from"])))),
            ),
            given.get("ehlo"),
            self._ca_file((*path, "ca_file"), given.get("ca_file")),
            oauth2,
            self._bounce_to(path, given.get("bounce_to"), preset),
            self._mailbox((*path, "mailbox"), given.get("mailbox")),
        )

    def _oauth2(self, path: KeyPath, given: Mapping[str, Any], preset: providers.Preset) -> OAuth2 | None:
        tokens = state_folder(self.folder, self.data.get("state")) / "tokens"
        return login_section.oauth2(given, preset, self.folder, tokens, self._note_below(path))

    def _note_below(self, path: KeyPath) -> shop_section.Note:
        return lambda code, below, message, help_: self.note(code, (*path, *below), message, help_)

    def _ca_file(self, path: KeyPath, given: str | None) -> Path | None:
        if given is None:
            return None
        file = self.folder / given
        if not file.is_file():
            self.note("wrong-value", path, f"there is no file `{given}`", "name a PEM file, relative to sendplan.yaml")
        return file

    def _bounce_to(self, path: KeyPath, given: str | None, preset: providers.Preset) -> str | None:
        self._check_address((*path, "bounce_to"), given)
        if given is not None and preset.from_is_login:
            message = f"`{preset.name}` sends bounces to the address that logs in, and to no other"
            help_ = "leave `bounce_to` out; `mailbox` may be that address's own"
            self.note("wrong-key", (*path, "bounce_to"), message, help_, key=True)
        return given

    def _mailbox(self, path: KeyPath, given: Mapping[str, Any] | None) -> BounceMailbox | None:
        if given is None or not given.keys() >= {"host", "username"}:
            return None
        security = given.get("security", "tls")
        return BounceMailbox(
            given["host"],
            given["username"],
            login_section.password(given.get("password"), self.folder, self._note_below(path)),
            given.get("port", 993 if security == "tls" else 143),
            security,
            given.get("folder", "INBOX"),
            given.get("plus_addresses", False),
        )

    def _check_from(self, path: KeyPath, given: str) -> None:
        if names_several(given):
            help_ = "write the one that mail leaves from; others go into `reply_to` or `copy_to`"
            self.note("wrong-value", path, f"`{given}` is more than one address", help_)
        elif address_error(address_of(given)):
            help_ = "write `Shop name <shop@example.com>`"
            self.note("wrong-value", path, f"`{given}` is not a valid address to send from", help_)

    def _check_address(self, path: KeyPath, address: str | None, help_: str = "write `name@example.com`") -> None:
        wrong = address_error(address) if address is not None else None
        if wrong is not None:
            self.note("wrong-value", path, f"`{address}` is not an e-mail address", help_)

    def _account(
        self, name: str, given: Mapping[str, Any], params: Mapping[str, ParamValue], senders: Mapping[str, Sender]
    ) -> Account:
        path = ("accounts", name)
        sender = given.get("sender", next(iter(senders), ""))
        if self.sender_names is not None and "sender" in given and sender not in self.sender_names:
            message = f"there is no sender `{sender}`"
            self.note("unknown-name", (*path, "sender"), message, did_you_mean(sender, self.sender_names))
        if "from" in given:
            self._check_from((*path, "from"), given["from"])
        if given.get("copy_to", "self") != "self":
            self._check_address((*path, "copy_to"), given["copy_to"], "write `self` or `name@example.com`")
        self._check_address((*path, "reply_to"), given.get("reply_to"))
        return Account(
            name,
            given.get("portal", ""),
            sender,
            frozenset(given.get("skip", ())),
            given.get("from"),
            given.get("reply_to"),
            given.get("copy_to"),
            given.get("language"),
            {**params, **self._own_params((*path, "params"), given.get("params", {}), params)},
            bool(given.get("closed", False)),
            tuple(given.get("formerly", ())),
        )

    def _check_former_names(self) -> None:
        """One name is one account, now and before."""
        owners = {name: name for name, _ in self._section("accounts")}
        for name, given in self._section("accounts"):
            for number, former in enumerate(given.get("formerly", ())):
                owner = owners.setdefault(former, name)
                if owner == former or owner != name:
                    what = "an account of today" if owner == former else f"an earlier name of `{owner}` already"
                    place = ("accounts", name, "formerly", number)
                    self.note("duplicate-id", place, f"`{former}` is {what}", "leave the name to one account")

    def _own_params(
        self, path: KeyPath, given: Mapping[str, Any], params: Mapping[str, ParamValue]
    ) -> Mapping[str, ParamValue]:
        own: dict[str, ParamValue] = {}
        for name, value in given.items():
            own[name] = self._param(value)
            if name not in params:
                if "params" not in self.left_out:
                    message = f"there is no param `{name}` to override"
                    self.note("unknown-name", (*path, name), message, did_you_mean(name, params), key=True)
            elif kind_of_value(own[name]) is not kind_of_value(params[name]):
                message = f"`{name}` is a {kind_of_value(params[name])}, this is a {kind_of_value(own[name])}"
                self.note("type-mismatch", (*path, name), message, f"the project's value is `{params[name]}`")
        return own

    # --- regions, classes, holds ---

    def _region(self, name: str, given: Any) -> Region:
        path = ("regions", name)
        if name in _RESERVED_REGIONS:
            self.note("wrong-key", path, f"`{name}` is a reserved word", "give the region another name", key=True)
        return regions_section.region(name, given, self._note_below(path))

    def _condition(self, path: KeyPath, text: str, scope: Names) -> Expression | None:
        expression, problems = compile_expression(
            text, Kind.CONDITION, scope, lambda start, end: self.document.within(path, start, end)
        )
        self.problems += problems
        return expression

    def _class(self, name: str, given: Mapping[str, Any], scope: Names, shop: Shop | None) -> MessageClass:
        path = ("classes", name)
        required = given.get("unsubscribe") == "required"
        if required and shop is not None and not shop.unsubscribe:
            message = f"class `{name}` needs a way to unsubscribe"
            help_ = "set `shop.unsubscribe` to an https or mailto address"
            self.note("missing-key", (*path, "unsubscribe"), message, help_)
        requires = self._condition((*path, "requires"), given["requires"], scope) if "requires" in given else None
        return MessageClass(name, requires, required)

    def _hold(self, name: str, given: Mapping[str, Any], scope: Names) -> Hold:
        when = self._condition(("holds", name, "when"), given["when"], scope)
        return Hold(name, when, given.get("reason", name))  # type: ignore[arg-type]

    def _window(self, name: str, given: Mapping[str, Any]) -> Window:
        return windows_section.window(name, given, self._note_below(("windows", name)))

    def _fresh_within(self, fields: Mapping[str, Field]) -> Mapping[str, Duration]:
        limits: dict[str, Duration] = {}
        for name, text in self._section("fresh_within"):
            path = ("fresh_within", name)
            if name not in fields or fields[name].derived_from:
                known = [each for each, field in fields.items() if not field.derived_from]
                self.note(
                    "unknown-field", path, f"no import carries a field `{name}`", did_you_mean(name, known), key=True
                )
            duration = Duration.parse(text)
            if duration is None:
                self.note("wrong-value", path, f"`{text}` is not a valid duration", "write `36 hours`")
            else:
                limits[name] = duration
        return limits
