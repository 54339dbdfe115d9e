"""Hostile values and hostile templates: nothing that a buyer typed becomes markup, and nothing runs away."""

from __future__ import annotations

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st
from mail_samples import SHOP, TOKEN, context, settings, without

from sendplan.templates import TemplateError, Templates, unsubscribe_links
from sendplan.templates.sandbox import RenderLimits

EVERYWHERE = """---
subject: Hallo
---
# Titel {{ order.name }}

{{ order.name }}

    {{ order.name }}

- {{ order.name }}
1. {{ order.name }} *{{ order.name }}* `{{ order.name }}` {{ order.name | upper }} {{ "<" ~ order.name }}

> {{ order.name }}

[{{ order.name }}](https://shop.example.com/?q={{ order.name }} "{{ order.name }}")
![{{ order.name }}](https://shop.example.com/{{ order.name }}.png)

| {{ order.name }} |
|---|
| {{ order.name }} |

``` {{ order.name }}
{{ order.name }}
```
"""

HOSTILE = (
    "<script>alert(1)</script>",
    "[x](http://evil.example)",
    "![x](http://evil.example/x.png)",
    "<http://evil.example>",
    "http://evil.example",
    "[x]: http://evil.example",
    "# Titel",
    "- Punkt",
    "1. Punkt",
    "    Block",
    "> Zitat",
    "a\n\n---\n\n# b",
    "a\r\nBcc: x@evil.example",
    "| a | b |\n|---|---|",
    "`x` **y** _z_ ~~s~~ \\* &amp; &lt;b&gt;",
    '" onmouseover="alert(1)',
    "x) [y](http://evil.example",
    "javascript:alert(1)",
    "{{ order.email }} {% if 1 %}",
    "\ue0000\ue001 \ue000999\ue001",
    "\x00\x1b[31m\x7f\u2028\u2029",
    "\ud800",
    "```",
)


class _Page(HTMLParser):
    """The tags, links and visible text of an HTML part."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.text += "\n"
        else:
            self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """A template that prints the buyer's name in every place that Markdown has."""
    folder = tmp_path_factory.mktemp("shop") / "templates"
    folder.mkdir()
    (folder / "mail.de.md").write_text(EVERYWHERE, encoding="utf-8")
    return Templates(folder, settings(folder.parent))


def shown(value: str) -> str:
    """How a value looks when nothing of it acts: line ends are one kind, characters that no mail shows are replaced."""
    value = re.sub("\r\n|[\r\x0b\x0c\x85\u2028\u2029]", "\n", value)
    return re.sub("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000\ue001\ufffe\uffff]", "\ufffd", value)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def assert_harmless(templates: Templates, name: str) -> None:
    """The same tags and link targets as with a harmless name, and every place shows what was typed."""
    harmless = templates.render("mail.de.md", "de", context(without(name="x")))
    mail = templates.render("mail.de.md", "de", context(without(name=name)))
    page = _Page(mail.html)
    assert page.tags == _Page(harmless.html).tags
    assert len(page.links) == 2
    assert all(re.fullmatch(r"https://shop\.example\.com/[\w.~%?=-]*", link) for link in page.links)
    assert squeezed(page.text).count(squeezed(shown(name))) >= 9
    assert squeezed(mail.text).count(squeezed(shown(name))) >= 9
    assert mail.subject == "Hallo"


@budget(max_examples=60)
@given(st.text(min_size=1, alphabet=st.characters() | st.sampled_from("<>[]()!*_`#-|&\"'\\\n \ue000\ue0010")))
def test_whatever_a_buyer_types_stays_letters(everywhere: Templates, name: str) -> None:
    """Any name gives the same tags and link targets as a harmless one, and shows exactly as it was typed."""
    assert_harmless(everywhere, name)


@pytest.mark.parametrize("name", HOSTILE)
def test_known_attacks_stay_letters(everywhere: Templates, name: str) -> None:
    """The usual attacks on Markdown, HTML, Jinja and headers only show up as text."""
    assert_harmless(everywhere, name)


@pytest.mark.parametrize(
    "field", ["id", "number", "email", "name", "city", "street", "customer", "status", "currency", "loyalty", "country"]
)
def test_every_text_field_is_harmless(tmp_path: Path, field: str) -> None:
    """No field of an order is trusted more than the others."""
    attack = "<i>[x](http://evil.example)"
    body = f"---\nsubject: x\n---\n{{{{ order.{field} }}}} {{{{ order.total }}}}\n"
    (tmp_path / "a.de.md").write_text(body, encoding="utf-8")
    mail = Templates(tmp_path, settings(tmp_path)).render("a.de.md", "de", context(without(**{field: attack})))
    assert "<i>" not in mail.html
    assert "<a" not in mail.html
    assert attack.lower() in mail.text.lower()


def test_every_buyer_gets_the_own_values(tmp_path: Path) -> None:
    """What the layout and the texts share between mails never carries one buyer's values into another's mail."""
    (tmp_path / "a.de.md").write_text("---\nsubject: Für {{ order.name }}\n---\n{{ order.number }}\n", encoding="utf-8")
    (tmp_path / "layout.html").write_text(
        '<html><head><title>{{ subject }}</title></head><body><b title="{{ subject }}">{{ subject | upper }}</b>'
        '{{ content }}<a href="{{ shop.unsubscribe }}">{{ shop.unsubscribe }}</a></body></html>',
        encoding="utf-8",
    )
    templates = Templates(tmp_path, settings(tmp_path))
    for name, number in (('A "x"', "1"), ("<b>&amp;", "2"), ('A "x"', "3")):
        order = without(name=name, number=number, email=f"{number}@example.net")
        page = _Page(templates.render("a.de.md", "de", context(order)).html)
        (link,) = unsubscribe_links(SHOP, TOKEN)
        assert page.text.split() == f"Für {name}FÜR {name.upper()}{number} {link}".split()
        assert page.links == [link]


def test_article_names_and_tags_are_harmless(tmp_path: Path) -> None:
    """Order lines and tags hold what others typed, too."""
    (tmp_path / "a.de.md").write_text(
        "---\nsubject: x\n---\n{% for line in order.lines %}\n- {{ line.name }}\n{% endfor %}\n\n{{ order.tags }}\n",
        encoding="utf-8",
    )
    order = without(lines=({"name": "[x](http://evil.example)"},), tags=("<b>", "*c*"))
    mail = Templates(tmp_path, settings(tmp_path)).render("a.de.md", "de", context(order))
    assert mail.text == "- [x](http://evil.example)\n\n<b> und *c*\n"
    assert "<a" not in mail.html
    assert "&lt;b&gt; und *c*" in mail.html


@pytest.mark.parametrize(
    "link",
    [
        "[x]({{ order.name }})",
        "[x]({{ order.name }}://shop.example.com/)",
        "[x](https://{{ order.name }}/)",
        "[x](https://shop.example.com{{ order.name }})",
        "[x](mailto:{{ order.name }})",
        "![x]({{ order.name }})",
        "<https://{{ order.name }}>",
        "[x]({{ params.home | lower }})",
    ],
)
def test_a_buyer_never_says_where_a_link_leads(tmp_path: Path, link: str) -> None:
    """A value of the order may stand in a link only behind the merchant's own host."""
    (tmp_path / "a.de.md").write_text(f"---\nsubject: x\n---\n{link}\n", encoding="utf-8")
    with pytest.raises(TemplateError, match="a link's address"):
        Templates(tmp_path, settings(tmp_path)).render("a.de.md", "de", context(without(name="evil.example")))


ESCAPES = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ order.__class__ }}",
    "{{ order.name.__class__ }}",
    "{{ order['__class__'] }}",
    "{{ shop.fields }}",
    "{{ self.__init__.__globals__ }}",
    "{{ range.__globals__ }}",
    "{{ loop.__class__ }}",
    "{{ order.name | attr('__class__') }}",
    "{{ order.tags | map('attr', '__class__') | list }}",
    "{{ order.tags | map(attribute='__class__') | list }}",
    "{{ order.lines | map(attribute='fields') | list }}",
    "{{ order.name.format }}",
    "{% set range = '{:1000000000}'.format %}{{ range(1) }}",
    "{{ '{0.__class__}'.format(order) }}",
    "{{ '%s' % order }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ environment }}",
    "{{ context }}",
    "{% import 'os' as os %}",
    "{% extends 'layout.html' %}",
)


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_template_cannot_leave_the_sandbox(tmp_path: Path, escape: str) -> None:
    """The known ways from a template into Python end in a problem."""
    (tmp_path / "a.de.md").write_text(f"---\nsubject: x\n---\n{escape}\n", encoding="utf-8")
    with pytest.raises(TemplateError):
        Templates(tmp_path, settings(tmp_path)).render("a.de.md", "de", context())


NESTED = "{% for a in range(1000) %}" * 4 + "{}" + "{% endfor %}" * 4
GROWING = "".join("{% set s = s ~ s %}" for _ in range(60))

EXHAUSTING: dict[str, tuple[str, str]] = {
    "endless loops": (NESTED.replace("{}", ""), "it ran for more than"),
    "endless loops in a part": ('{% include "_loop.md" %}', "it ran for more than"),
    "a part that includes itself": ('{% include "_self.md" %}', "includes itself endlessly"),
    "Markdown that takes long to read": ("{{ '' }}" + "*a **a " * 50_000, "it has more than 5,000 marks"),
    "a text of many paragraphs": ("x\n\n" * 5_001, "it has more than 10,000 lines"),
    "a table as wide as a field": ("|a" * 201 + "|\n" + "|-" * 201 + "|", "has more than 200 cells"),
    "a text nested too deeply": ("*a " * 2_400 + " b*" * 2_400, "or is nested too deeply"),
    "much output": (NESTED.replace("{}", "x" * 1000), "it made more than 1,000,000 characters"),
    "much printed": (NESTED.replace("{}", "{{ 'x' * 1000 }}"), "it made more than 1,000,000 characters"),
    "a repeated text": ("{{ 'x' * 10 ** 9 }}", "`**` is not available"),
    "a long text": ("{{ 'x' * 1000000000 }}", "it made more than 1,000,000 characters"),
    "a long text, turned round": ("{{ (1000000000 * 'x') | length }}", "it made more than 1,000,000 characters"),
    "a long list": ("{{ ([1] * 1000000000) | length }}", "it made more than 1,000,000 characters"),
    "a doubled text": ("{% set s = 'xxxxxxxx' %}" + GROWING, "it made more than 1,000,000 characters"),
    "an added text": (
        "{% set s = 'xxxxxxxx' %}" + GROWING.replace("~", "+"),
        "it made more than 1,000,000 characters",
    ),
    "a replaced text": (
        "{{ ('x' * 100000) | replace('x', 'y' * 100000) | length }}",
        "it made more than 1,000,000 characters",
    ),
    "a joined text": ("{{ range(1000) | join('y' * 100000) | length }}", "it made more than 1,000,000 characters"),
    "a long range": ("{{ range(1000000000) | list }}", "a range holds at most 1,000 numbers"),
    "a long number": ("{% set n = 99999999 %}" + GROWING.replace("s ~ s", "n * n").replace(" s ", " n "), "too large"),
    "a wide format": ("{{ '%1000000000d' % 1 }}", "`%` is not available"),
    "many digits": ("{{ 1 | round(1000000000) }}", "`round` takes 0 to 10 digits"),
}


@pytest.mark.parametrize("name", EXHAUSTING)
def test_a_template_that_runs_away_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Loops, growing texts and numbers end in a clear problem instead of a dead worker."""
    body, message = EXHAUSTING[name]
    (tmp_path / "a.de.md").write_text(f"---\nsubject: x\n---\n{body}\n", encoding="utf-8")
    (tmp_path / "_loop.md").write_text(NESTED.replace("{}", ""), encoding="utf-8")
    (tmp_path / "_self.md").write_text('{% include "_self.md" %}', encoding="utf-8")
    # A clock that moves whenever it is looked at, so that no machine is too slow or too fast for this.
    looks, start, step = itertools.count(), time.thread_time(), 1.01 if "Markdown" in name else 0.01
    monkeypatch.setattr(time, "thread_time", lambda: start + next(looks) * step)
    limits = RenderLimits(seconds=2 if "it ran for more than" in message else float("inf"))
    with pytest.raises(TemplateError, match=re.escape(message)):
        Templates(tmp_path, settings(tmp_path), limits).render("a.de.md", "de", context())


def test_templates_serve_several_threads(everywhere: Templates) -> None:
    """Workers share the compiled templates, and no order's values reach another order's mail."""

    def render(number: int) -> str:
        return everywhere.render("mail.de.md", "de", context(without(name=f"Nummer{number:03}"))).text

    with ThreadPoolExecutor(4) as pool:
        for number, text in enumerate(pool.map(render, range(40))):
            assert set(re.findall(r"(?i)nummer\d+", text)) == {f"Nummer{number:03}", f"NUMMER{number:03}"}
