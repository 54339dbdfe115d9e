"""A project's folder as one frozen value: settings, rules for every account, template names, digest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sendplan.dataclass import dataclass
from sendplan.expressions import ParamValue
from sendplan.ledger import MessageKey
from sendplan.plan import Reason
from sendplan.problems import Problem, did_you_mean
from sendplan.project import languages
from sendplan.project.project_folder import FILE, RULES, TEMPLATES
from sendplan.project.rules import BrokenRule, Rule
from sendplan.project.settings import Settings
from sendplan.reading.project_file import read_project_file

if TYPE_CHECKING:
    from sendplan.project.rules_file import RuleFiles
    from sendplan.reading.source import Document


@dataclass(frozen=True, slots=True)
class Project:
    """Everything that a product owner declares."""

    settings: Settings
    rules: tuple[Rule, ...]
    """With the project's own params, each rule after those whose `sent(…)` it reads."""
    by_account: Mapping[str, tuple[Rule, ...]]
    """The same with each account's params; an account without own params shares `rules`."""
    broken: tuple[BrokenRule, ...]
    broken_outcomes: Mapping[MessageKey, Reason]
    """`error` for every message of a broken rule that another rule's `sent(…)` reads: that rule waits."""
    templates: frozenset[str]
    """Paths below `templates/`, such as `ebay-de/first-contact.de.md`."""
    digest: str
    """Hash of settings, rules and templates."""
    documents: Mapping[str, Document]
    """The YAML files by shown name, for lint and `ignore` comments; none in a project that was kept as it was read."""

    def rules_for(self, account: str) -> tuple[Rule, ...]:
        """The rules with this account's params; the project's own for an unknown account."""
        return self.by_account.get(account, self.rules)

    def steps_by_rule(self) -> dict[str, tuple[str, ...]]:
        """Rule id → ids of its written steps, empty without a ladder; for reading message keys."""
        return {rule.id: rule.step_ids() for rule in self.rules}

    def rule(self, id_: str) -> Rule | None:
        """The rule of this id."""
        return next((rule for rule in self.rules if rule.id == id_), None)


def load(folder: Path, *, thorough: bool = False) -> tuple[Project | None, list[Problem]]:
    """A project and everything wrong with it; `thorough` also asks what takes long to find out.

    There is no project when the settings cannot be used; a broken rule is in `broken`, and the others stand.
    """
    # A project that was kept as it was read needs none of them.
    from sendplan.project.rule_builder import build_rules
    from sendplan.project.rules_file import read_rules
    from sendplan.project.settings_file import read_settings

    settings, document, problems = read_settings(folder, thorough=thorough)
    files = read_rules(folder)
    problems += files.problems
    if settings is None or document is None:
        return None, problems
    templates = languages.listing(folder / TEMPLATES)
    rules, broken, rule_problems = build_rules(files, settings, document, settings.params, templates)
    problems += rule_problems
    by_account, broken_for_accounts, account_problems = _rules_by_account(files, settings, document, rules, templates)
    problems += account_problems
    broken += broken_for_accounts + files.broken
    unusable = {each.id for each in broken}
    if not files.unreadable:
        problems += _check_skips(settings, document, {rule.id for rule in rules} | unusable)
    if any(each.is_error and each.span is not None and each.span.file == FILE for each in problems):
        return None, _unique(problems)
    usable = tuple(rule for rule in rules if rule.id not in unusable)
    ids = {rule.id for rule in usable}
    project = Project(
        settings,
        usable,
        {name: tuple(rule for rule in each if rule.id not in unusable) for name, each in by_account.items()},
        tuple({each.id: each for each in reversed(broken)}.values()),
        {key: Reason.ERROR for rule in usable for key in rule.sent_keys() if key[0] not in ids},
        templates,
        digest(folder),
        {FILE: document, **{rule.document.file: rule.document for rule in files.written}},
    )
    return project, _unique(problems)


def _rules_by_account(
    files: RuleFiles,
    settings: Settings,
    document: Document,
    shared: tuple[Rule, ...],
    templates: frozenset[str],
) -> tuple[dict[str, tuple[Rule, ...]], list[BrokenRule], list[Problem]]:
    from sendplan.project.rule_builder import build_rules

    by_account: dict[str, tuple[Rule, ...]] = {}
    broken: list[BrokenRule] = []
    problems: list[Problem] = []
    built: list[tuple[Mapping[str, ParamValue], tuple[Rule, ...]]] = [(settings.params, shared)]
    for name, account in settings.accounts.items():
        rules = next((each for params, each in built if params == account.params), None)
        if rules is None:
            same = _independent(files, settings, shared, account.params)
            rules, wrong, found = build_rules(files, settings, document, account.params, templates, same)
            broken += wrong
            problems += found
            built.append((account.params, rules))
        by_account[name] = rules
    return by_account, broken, problems


def _independent(
    files: RuleFiles, settings: Settings, shared: tuple[Rule, ...], params: Mapping[str, ParamValue]
) -> dict[str, Rule]:
    """By id, the rules that name no param that an account changes, neither themselves nor in what all rules share."""
    changed = [name for name, value in params.items() if not _equal(value, settings.params.get(name))]
    requires = [each.requires.text for each in settings.classes.values() if each.requires is not None]
    if any(name in f"{settings.defaults} {requires}" for name in changed):
        return {}
    naming = {each.id for each in files.written if any(name in str(each.data) for name in changed)}
    return {rule.id: rule for rule in shared if rule.id not in naming}


def _equal(first: ParamValue, second: ParamValue | None) -> bool:
    """`1` and `true` are not."""
    return type(first) is type(second) and first == second


def _check_skips(settings: Settings, document: Document, known: set[str]) -> Iterator[Problem]:
    for name, account in settings.accounts.items():
        for skipped in sorted(account.skip - known):
            place = document.span(("accounts", name, "skip", document.data["accounts"][name]["skip"].index(skipped)))
            yield Problem("unknown-name", f"there is no rule `{skipped}` to skip", place, did_you_mean(skipped, known))


def digest(folder: Path) -> str:
    """Hash of every file that says what is sent: settings, rules, templates."""
    files = [folder / FILE, *(folder / RULES).glob("*.yaml"), *(folder / TEMPLATES).rglob("*")]
    hashed = hashlib.sha256()
    for path in sorted(each for each in files if not each.is_dir()):
        name = path.relative_to(folder).as_posix()
        content = read_project_file(path, name, folder)
        if not isinstance(content, Problem):  # What cannot be read is in no mail.
            hashed.update(os.fsencode(name) + f"\0{len(content)}\0".encode())
            hashed.update(content)
    return hashed.hexdigest()[:16]


def _unique(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
