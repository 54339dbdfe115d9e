"""Which language a buyer reads and which template file is taken (LANGUAGE §3, §8; manual M19)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendplan.project.languages import Chosen, choose, language_of, listing, preferred
from sendplan.project.settings import Languages

LANGUAGES = Languages("en", {"DE": "de", "AT": "de", "CH": "de"})


@pytest.mark.parametrize(
    ("order", "account", "country", "expected"),
    [
        ("fr", "nl", "DE", "fr"),
        (None, "nl", "DE", "nl"),
        (None, None, "AT", "de"),
        (None, None, "FR", "en"),
        (None, None, None, "en"),
        ("DE_at", None, None, "de-AT"),
        (" zh-hANT-tw ", None, None, "zh-Hant-TW"),
        ("deutsch!", "nl", "DE", "nl"),
        ("../../secret", None, "DE", "de"),
        ("", None, "DE", "de"),
    ],
)
def test_a_buyer_reads_the_first_language_that_is_named(
    order: str | None, account: str | None, country: str | None, expected: str
) -> None:
    """The order's language wins over the account's, that over the billing country's, and nonsense counts as absent."""
    assert preferred(LANGUAGES, account=account, order=order, billing_country=country) == expected


FILES = frozenset(
    {
        "hello.en.md",
        "hello.de.md",
        "hello.de-AT.md",
        "ebay-de/hello.de.md",
        "shop-en/hello.en.md",
        "bye.en.md",
    }
)


@pytest.mark.parametrize(
    ("account", "name", "language", "expected"),
    [
        ("ebay-de", "hello", "de", Chosen("ebay-de/hello.de.md", "de")),
        ("ebay-de", "hello", "de-AT", Chosen("ebay-de/hello.de.md", "de")),
        ("web", "hello", "de-AT", Chosen("hello.de-AT.md", "de-AT")),
        ("web", "hello", "de-CH", Chosen("hello.de.md", "de")),
        ("shop-en", "hello", "fr", Chosen("shop-en/hello.en.md", "en")),
        ("shop-en", "hello", "de", Chosen("hello.de.md", "de")),
        ("web", "hello", "fr", Chosen("hello.en.md", "en")),
        ("ebay-de", "bye", "de", Chosen("bye.en.md", "en")),
        ("web", "missing", "de", None),
        ("..", "hello", "en", Chosen("hello.en.md", "en")),
        ("web", "../hello", "en", None),
    ],
)
def test_the_lookup_of_a_template(account: str, name: str, language: str, expected: Chosen | None) -> None:
    """The account's own file comes first, then the language's, then both in the default language; de-AT tries de."""
    assert choose(FILES, name, account=account, language=language, default="en") == expected


def test_only_markdown_below_the_folder_is_listed(tmp_path: Path) -> None:
    """Templates are the Markdown files of the folder and of its accounts' folders, and nothing else."""
    (tmp_path / "ebay-de").mkdir()
    for path in ("a.de.md", "ebay-de/a.de.md", "layout.html", "ebay-de/notes.txt"):
        (tmp_path / path).write_text("x", encoding="utf-8")
    assert listing(tmp_path) == {"a.de.md", "ebay-de/a.de.md"}
    assert listing(tmp_path / "missing") == frozenset()


@pytest.mark.parametrize(
    ("path", "language"),
    [("ebay-de/a.de.md", "de"), ("a.de-AT.md", "de-AT"), ("a.md", None), ("a.b.c.md", None), ("README.md", None)],
)
def test_a_file_name_carries_its_language(path: str, language: str | None) -> None:
    """`NAME.LANG.md` speaks LANG; another name speaks no language and is never chosen."""
    assert language_of(path) == language
