"""Warnings about what is allowed and yet hardly meant: small pure functions from a project to its problems."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sendplan.lint import (
    advertising,
    comments,
    conditions,
    dunning,
    ladders,
    offsets,
    regions,
    renamed_rules,
    senders,
    translations,
    unknown_values,
    unused,
    windows,
)
from sendplan.lint.subject import Subject, read_subject
from sendplan.problems import Problem

__all__ = ["LINTS", "Subject", "lint", "read_subject"]

LINTS: tuple[Callable[[Subject], Iterator[Problem]], ...] = (
    conditions.constant_triggers,
    conditions.constant_settings,
    unknown_values.unknown_values,
    comments.cut_expressions,
    offsets.zero_offsets,
    offsets.wrong_signs,
    offsets.short_lookbacks,
    ladders.short_ladders,
    ladders.unreachable_steps,
    ladders.expiring_steps,
    windows.closed_windows,
    windows.short_expiries,
    regions.partial_postcodes,
    advertising.missing_unsubscribe_blocks,
    advertising.advertising,
    dunning.unfresh_payments,
    dunning.missing_levels,
    renamed_rules.renamed_rules,
    senders.another_from,
    senders.ending_passwords,
    translations.translation_gaps,
    unused.templates,
    unused.windows,
    unused.senders,
    unused.classes,
    unused.untested_rules,
)
"""Every lint there is."""


def lint(subject: Subject) -> list[Problem]:
    """The warnings of all lints, each once although several accounts' params may lead to it."""
    return list(dict.fromkeys(problem for each in LINTS for problem in each(subject)))
