"""Buttons and pictures, and HTML where none belongs (docs/templates.md#buttons-and-pictures)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from mail_samples import ORDER, context, settings, without

from sendplan.templates import Rendered, TemplateError, Templates

PAY = "https://shop.example.com/pay/"


def templates(folder: Path, body: str, subject: str = "Hallo", layout: str = "") -> Templates:
    (folder / "templates").mkdir(exist_ok=True)
    text = f"---\nsubject: {subject!r}\n---\n{body}\n"
    (folder / "templates" / "mail.de.md").write_text(text, encoding="utf-8")
    if layout:
        (folder / "templates" / "layout.html").write_text(layout, encoding="utf-8")
    return Templates(folder / "templates", settings(folder))


def rendered(folder: Path, body: str, order: Mapping[str, object] = ORDER) -> Rendered:
    ready = templates(folder, body)
    assert ready.check() == []
    return ready.render("mail.de.md", "de", context(order))


def problems(ready: Templates) -> list[tuple[str, str]]:
    return [(f"{problem.code} {problem.span}".replace("templates/", ""), problem.help) for problem in ready.check()]


def test_a_button_alone_is_a_cell_and_a_line_with_its_address(tmp_path: Path) -> None:
    """A button comes out well in both parts: a cell that every mail program pads, and a line that can be copied."""
    mail = rendered(tmp_path, f'Hallo,\n\n{{{{ button("Jetzt bezahlen", "{PAY}") }}}}\n\nDanke')
    assert mail.text == f"Hallo,\n\nJetzt bezahlen:\n{PAY}\n\nDanke\n"
    cell = rf'<tbody><tr><td><a class="button" href="{PAY}"[^>]*>Jetzt bezahlen</a></td></tr></tbody></table>'
    assert re.search(f'<table class="button" role="presentation">{cell}', mail.html)


def test_a_button_within_a_sentence_is_a_link(tmp_path: Path) -> None:
    """A cell would break the sentence."""
    mail = rendered(tmp_path, f'Bitte {{{{ button("hier", "{PAY}") }}}} bezahlen.')
    assert mail.text == f"Bitte hier <{PAY}> bezahlen.\n"
    assert "<table" not in mail.html
    assert "</a> bezahlen.</p>" in mail.html


@pytest.mark.parametrize(
    "body",
    [
        '{{ button("ab", "https://shop.example.com/pay/" ~ order.name) }}',
        '{{ button("ab", "https://shop.example.com/pay/" + order.name) }}',
        '{{ button("ab", params.home ~ "/pay/" ~ order.name) }}',
        '{{ button(url="https://shop.example.com/pay/" ~ order.name, text="ab") }}',
        '{% set page = "https://shop.example.com/pay/" %}{{ button("ab", page ~ order.name) }}',
        '{% set page = params.home ~ "/pay/" %}\n{{ button("ab", page ~ order.name) }}',
        '{{ button("ab", (params.home if order.name is defined else "https://b.example") ~ "/pay/" ~ order.name) }}',
        '[ab]({{ "https://shop.example.com/pay/" ~ order.name }})',
    ],
)
def test_an_address_may_be_joined_from_the_shops_and_the_orders_values(tmp_path: Path, body: str) -> None:
    """Behind the shop's host an order's value completes the address, quoted."""
    mail = rendered(tmp_path, body, without(name="a/../b?x=1#y"))
    assert f'href="{PAY}a%2F..%2Fb%3Fx%3D1%23y"' in mail.html


@pytest.mark.parametrize(
    "body",
    [
        '{{ button("ab", order.name) }}',
        '{{ button("ab", "https://" ~ order.name) }}',
        '{{ button("ab", "https://shop.example.com" ~ order.name) }}',
        '{{ button("ab", "mailto:" ~ order.name) }}',
        '{{ image("https://" ~ order.name, "ab") }}',
        '{% set page = order.name %}{{ button("ab", page) }}',
        '{{ button("ab", (params.home ~ order.name) | trim) }}',
        '{{ button("ab", "java" ~ "script:alert(1)") }}',
    ],
)
def test_no_buyer_decides_where_a_button_leads(tmp_path: Path, body: str) -> None:
    """An address that begins with an order's value, or is no web address, stops the mail."""
    with pytest.raises(TemplateError) as error:
        rendered(tmp_path, body, without(name="https://evil.example.net/"))
    assert error.value.problems[0].code == "template-value"


def test_the_words_of_a_button_stay_words(tmp_path: Path) -> None:
    """Whatever stands in a button or beside a picture becomes neither markup nor a link."""
    name = '](https://evil.example.net) <b>"x"</b> *a*'
    mail = rendered(
        tmp_path, f'{{{{ button(order.name, "{PAY}") }}}}\n\n{{{{ image("{PAY}", order.name) }}}}', without(name=name)
    )
    assert mail.text == f"{name}:\n{PAY}\n\n{name}\n"
    assert set(re.findall(r'(?:href|src)="([^"]*)"', mail.html)) == {PAY}
    assert "<b>" not in mail.html
    assert 'alt="](https://evil.example.net) &lt;b&gt;&quot;x&quot;&lt;/b&gt; *a*"' in mail.html


def test_nobody_can_write_a_button_by_its_title(tmp_path: Path) -> None:
    """A link's own title stays a title."""
    mail = rendered(tmp_path, f'[ab]({PAY} "button")')
    assert 'title="button"' in mail.html
    assert "class=" not in mail.html


@pytest.mark.parametrize(
    ("body", "place", "help_"),
    [
        ('{{ button("ab") }}', "template-construct mail.de.md:4:4", "write `{{ button(text, url) }}`"),
        ('{{ button("a", "b", "c") }}', "template-construct mail.de.md:4:4", "write `{{ button(text, url) }}`"),
        ('{{ image(src="a", alt="b") }}', "template-construct mail.de.md:4:4", "write `{{ image(url, alt) }}`"),
        ('{{ button("ab", "shop.example.com") }}', "template-value mail.de.md:4:18", "write `{{ button(text, url) }}`"),
        ('{{ image("ab", "https://a.example/") }}', "template-value mail.de.md:4:11", "write `{{ image(url, alt) }}`"),
        ("{% set button = 1 %}", "template-construct mail.de.md:4:8", "choose another name"),
    ],
)
def test_check_finds_a_button_that_cannot_work(tmp_path: Path, body: str, place: str, help_: str) -> None:
    """What is wrong with a button or a picture is told with its place before any mail."""
    assert problems(templates(tmp_path, body)) == [(place, help_)]


def test_buttons_belong_into_texts(tmp_path: Path) -> None:
    """A subject shows no links, and the layout is HTML already."""
    button = f'{{{{ button("ab", "{PAY}") }}}}'
    found = problems(templates(tmp_path, "Hallo", subject=button, layout=f"<html>{button}</html>"))
    assert found == [
        ("template-construct mail.de.md:2:14", "put it below the front matter"),
        ("template-construct layout.html:1:10", "write the HTML itself here"),
    ]


@pytest.mark.parametrize(
    ("body", "place", "help_"),
    [
        ("Guten Tag,<br>", "4:11", "end the line with a backslash"),
        ("{% if order.name is defined %}\nx\n{% endif %}\n<B>{{ order.name }}</B>", "7:1", "write `**text**`"),
        ("a\n\n<table>\n<tr><td>x</td></tr>\n</table>", "6:1", "write a table of Markdown: `| … | … |`"),
        ("| a |\n|---|\n| <br/> |", "6:3", "end the line with a backslash"),
        ("- x <!-- later -->", "4:5", "write `{# … #}`"),
        (
            '{{ order.name }} <a href="{{ shop.unsubscribe }}">',
            "4:18",
            'write `[text](address)`, or `{{ button("text", address) }}`',
        ),
    ],
)
def test_html_in_a_text_is_a_problem(tmp_path: Path, body: str, place: str, help_: str) -> None:
    """A buyer would read the tags: `check` says so, with what to write instead."""
    assert problems(templates(tmp_path, body)) == [(f"template-html mail.de.md:{place}", help_)]


@pytest.mark.parametrize(
    "body",
    [
        "a < b, b > a, <3, 1<2",
        "`<b>` and\n\n    <table>\n",
        "```\n<br>\n```",
        "<https://shop.example.com> <service@example.com>",
        "{# <b> #}{% if order.items < 3 and order.items > 1 %}x{% endif %}",
        '{{ "<b>" }} \\<b>',
    ],
)
def test_what_only_looks_like_html_is_none(tmp_path: Path, body: str) -> None:
    """Comparisons, code, addresses, comments and printed values are no HTML."""
    assert problems(templates(tmp_path, body)) == []
