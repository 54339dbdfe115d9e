"""Which language a buyer reads and which template file is taken (docs/templates.md#which-file-a-buyer-gets, M19)."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from sendplan.project.languages import Chosen, canonical, choose, language_of, listing, preferred
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
        ("iw", None, None, "he"),
        ("deu", None, None, "de"),
        (None, "iw", None, "he"),
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
    assert choose(FILES, name, accounts=(account,), language=language, default="en") == expected


@pytest.mark.parametrize(
    ("language", "there", "spoken"),
    [
        ("nb", "en no", "no"),
        ("no", "en nb", "nb"),
        ("nn", "en nb", "nb"),
        ("nb", "nb no en", "nb"),
        ("he", "en iw", "iw"),
        ("zh-TW", "en zh zh-Hant", "zh-Hant"),
        ("zh-HK", "en zh-CN zh-TW", "zh-TW"),
        ("zh-TW", "en zh", "zh"),
        ("zh", "en zh-Hans zh-Hant", "zh-Hans"),
        ("zh-CN", "en zh-Hans", "zh-Hans"),
        ("zh-Hant-HK", "en zh-HK", "zh-HK"),
        ("de-AT", "en de", "de"),
        ("de-AT", "en de-CH", "de-CH"),
        ("de", "en de-AT de-DE", "de-DE"),
        ("pt-AO", "en pt pt-PT", "pt-PT"),
        ("pt-PT", "en pt-BR", "pt-BR"),
        ("es-MX", "en es es-419", "es-419"),
        ("en-AU", "de en-GB en-US", "en-GB"),
        ("sr-ME", "en sr sr-Latn", "sr-Latn"),
        ("fr", "en de", "en"),
        ("gsw", "en de", "en"),
    ],
)
def test_a_speaker_gets_what_is_nearest(language: str, there: str, spoken: str) -> None:
    """A language reads its parents, then what is near in script and region, and only then the default language."""
    files = frozenset(f"hello.{each}.md" for each in there.split())
    default = there.split()[0]
    chosen = choose(files, "hello", accounts=("web",), language=language, default=default)
    assert chosen == Chosen(f"hello.{spoken}.md", spoken)


def test_a_near_language_of_the_account_does_not_hide_the_right_one() -> None:
    """The account's own file in another script stands behind the shop's in the buyer's."""
    files = frozenset({"ebay-de/hello.zh.md", "hello.zh-Hant.md", "hello.en.md"})
    chosen = choose(files, "hello", accounts=("ebay-de",), language="zh-TW", default="en")
    assert chosen == Chosen("hello.zh-Hant.md", "zh-Hant")


def test_every_renamed_language_is_known() -> None:
    """Tags that are taken as they are mean today what they meant when they were written."""
    renamed = {tag for tag in get_global("language_aliases") if len(tag) == 2}
    assert {tag for tag in renamed if canonical(tag) == tag} == set()


@given(st.from_regex(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8}){0,4}", fullmatch=True))
def test_a_tag_is_written_in_one_way(tag: str) -> None:
    """A canonical tag is canonical."""
    found = canonical(tag)
    assert found is not None
    assert canonical(found) == found


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
