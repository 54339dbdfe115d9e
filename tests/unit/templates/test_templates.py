"""Templates: fields, languages, problems with places (docs/templates.md; manual M19, M20)."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from mail_samples import ORDER, SHOP, TOKEN, context, settings, without

from sendplan.templates import Rendered, TemplateError, Templates, unsubscribe_links

Write = Callable[..., Templates]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes files below `templates/`; keywords carry `__` for `.` and `___` for `/`."""

    def write_files(body: str | None = None, files: Mapping[str, str] | None = None) -> Templates:
        contents = dict(files or {})
        if body is not None:
            contents["mail.de.md"] = f'---\nsubject: "Hallo"\n---\n{textwrap.dedent(body)}'
        for path, text in contents.items():
            file = tmp_path / "templates" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return Templates(tmp_path / "templates", settings(tmp_path))

    return write_files


def rendered(templates: Templates, order: Mapping[str, object] = ORDER, language: str = "de") -> Rendered:
    return templates.render("mail.de.md", language, context(order))


def text(templates: Templates, order: Mapping[str, object] = ORDER, language: str = "de") -> str:
    return rendered(templates, order, language).text.rstrip("\n").replace("\xa0", " ")


def problems(templates: Templates) -> list[str]:
    return [f"{problem.span} {problem.message}" for problem in templates.check()]


@pytest.mark.parametrize(
    ("printed", "german", "english"),
    [
        ("{{ order.total }}", "1.254,40 €", "€1,254.40"),
        ("{{ order.total | money }}", "1.254,40 €", "€1,254.40"),
        ("{{ order.total * 1.19 }}", "1.492,736", "1,492.736"),
        ("{{ (order.total / 3) | money }}", "418,13 €", "€418.13"),
        ("{{ (order.total / 7) | round(1) }}", "179,2", "179.2"),
        ("{{ order.lines | sum(attribute='quantity') }}", "3", "3"),
        ("{{ order.ordered }}", "12. August 2026", "August 12, 2026"),
        ("{{ order.ordered | date('short') }}", "12.08.26", "8/12/26"),
        ("{{ order.ordered | datetime('medium') }}", "12.08.2026, 00:30", "Aug 12, 2026, 12:30\u202fAM"),
        ("{{ order.shipped | datetime }}", "13. August 2026", "August 13, 2026"),
        ("{{ order.country }}", "Schweiz", "Switzerland"),
        ("{{ 'AT' | country }}", "Österreich", "Austria"),
        ("{{ order.country == 'CH' and order.country | lower }}", "ch", "ch"),
        ("{{ params.wait }}", "7 Tage", "7 days"),
        ("{{ params.fee | money }}", "5,00 €", "€5.00"),
        ("{{ order.items }}", "3", "3"),
        ("{{ order.items / 2 }}", "1,5", "1.5"),
        ("{{ order.tags }}", "wholesale und gift", "wholesale and gift"),
        ("{{ order.tags | join(', ') }}", "wholesale, gift", "wholesale, gift"),
        ("{{ 'Summe ' ~ order.total ~ '!' }}", "Summe 1.254,40 €!", "Summe €1,254.40!"),
        ("{{ order['items'] }}{{ order.parked }}", "3false", "3false"),
        ("{{ rule.title }}, {{ account.name }}", "Erstkontakt, ebay-de", "Erstkontakt, ebay-de"),
        ("{{ sender.from }}", "MeinShop-Team <meinshop@example.com>", "MeinShop-Team <meinshop@example.com>"),
    ],
)
def test_values_print_in_the_language_of_the_mail(write: Write, printed: str, german: str, english: str) -> None:
    """Money, dates and country names print as the reader of the mail writes them, days in the shop's zone."""
    templates = write(printed)
    assert problems(templates) == []
    assert text(templates) == german
    assert text(templates, language="en") == english


def test_money_without_a_currency_prints_two_decimals(write: Write) -> None:
    """An order that names no currency still shows its total as an amount."""
    assert text(write("{{ order.total }}"), without("currency")) == "1.254,40"


@pytest.mark.parametrize(
    ("currency", "total", "shown"),
    [
        ("RSD", "1234.56", "1.234,56 RSD"),
        ("RSD", "1234.50", "1.234,50 RSD"),
        ("RSD", "1200.00", "1.200 RSD"),
        ("ALL", "99.90", "99,90 ALL"),
        ("LBP", "1234.56", "1.234,56 LBP"),
        ("IQD", "1234.5", "1.234,50 IQD"),
        ("MMK", "0.25", "0,25 MMK"),
        ("JPY", "1200", "1.200 ¥"),
        ("BHD", "1234.5", "1.234,500 BHD"),
        ("EUR", "10.005", "10,005 €"),
        ("EUR", "10", "10,00 €"),
    ],
)
def test_money_is_what_is_owed(write: Write, currency: str, total: str, shown: str) -> None:
    """An amount shows every decimal that it has, and at least those of its currency, also after a subtraction."""
    order = without(currency=currency, total=Decimal(total), paid_amount=Decimal(0))
    assert text(write("{{ order.total }}"), order) == shown
    assert text(write("{{ order.total | money }}"), order) == shown
    if len(total.partition(".")[2]) <= 2:
        assert text(write("{{ (order.total - order.paid_amount) | money }}"), order) == shown


def test_a_computed_amount_is_rounded(write: Write) -> None:
    """A fraction of an amount is rounded half up to the cent."""
    order = without(currency="EUR", total=Decimal("30.50"))
    assert text(write("{{ (order.total * 0.15) | money }}"), order) == "4,58 €"


def test_a_region_prints_as_its_language_does(write: Write) -> None:
    """What Unicode has no own ways for, such as German in France, is written as in the language."""
    assert text(write("{{ order.total }}"), language="de-FR") == "1.254,40 €"


def test_a_missing_field_is_undefined_and_may_be_tested(write: Write) -> None:
    """`is defined` and `default` cope with a field that the order lacks."""
    templates = write(
        "{% if order.paid is defined %}bezahlt{% else %}offen{% endif %}, {{ order.loyalty | default('ohne') }}"
    )
    assert text(templates) == "offen, ohne"
    assert text(templates, without(paid=date(2026, 8, 12), loyalty="gold")) == "bezahlt, gold"


@pytest.mark.parametrize("use", ["{{ order.paid }}", "{{ order.paid | date }}", "{{ 'am ' ~ order.paid }}"])
def test_printing_a_missing_field_is_an_error_that_names_it(write: Write, use: str) -> None:
    """The error says which field the order lacks, where it is printed, and how to guard it."""
    with pytest.raises(TemplateError) as caught:
        text(write(f"Guten Tag,\n\n{use}\n"))
    (problem,) = caught.value.problems
    assert problem.code == "missing-field"
    assert problem.message == "`order.paid` is missing"
    assert problem.help == "print it only inside `{% if order.paid is defined %}` … `{% endif %}`"
    assert problem.span is not None
    assert problem.span.file == "templates/mail.de.md"
    assert problem.span.text[problem.span.column - 1 : problem.span.end_column - 1] == "order.paid"
    assert problem.span.line == 6


def test_the_step_is_undefined_without_a_ladder(write: Write) -> None:
    """`step` only exists for a message of a ladder."""
    templates = write("{% if step is defined %}{{ step.id }}{% else %}kein Schritt{% endif %}")
    assert text(templates) == "kein Schritt"
    assert "first-dunning" in templates.render("mail.de.md", "de", context(step="first-dunning")).text


@pytest.mark.parametrize(
    ("body", "problem", "help_"),
    [
        ("{{ order.shiped }}", "4:4 `order` has no field `shiped`", "did you mean `shipped`?"),
        ("a\n\n{{ order['totl'] }}", "6:4 `order` has no field `totl`", "did you mean `total` or `portal`?"),
        ("{{ shop.nam }}", "4:4 `shop` has no field `nam`", "did you mean `name`?"),
        ("{{ params.wiat }}", "4:4 `params` has no field `wiat`", "did you mean `wait`?"),
        ("{{ ordr.total }}", "4:4 a template has no `ordr`", "did you mean `order`?"),
        ("{{ order.total | mony }}", "4:18 there is no filter `mony`", "did you mean `money`?"),
        ("{{ order.name | safe }}", "4:17 there is no filter `safe`", None),
        ("{% if order.total is defind %}x{% endif %}", "4:22 there is no test `defind`", None),
        (
            "{% for line in order.lines %}{{ line.cost }}{% endfor %}",
            "4:33 `line` has no field `cost`",
            "known: name, price, quantity, sku",
        ),
        ("{% if order.paid %}\nx\n", "5:1 unexpected end of template", None),
        (
            "{{ order.name.upper() }}",
            "4:4 only `button(…)`, `image(…)`, `range(…)` may be called",
            "use a filter: `{{ order.name | upper }}`",
        ),
        ("{% macro m() %}{% endmacro %}", "4:1 `{% macro %}` is not available in mails", None),
        ("{% set x %}a{% endset %}", "4:1 `{% set … %}…{% endset %}` is not available in mails", None),
        ("{% include '../../etc/passwd' %}", "4:4 there is no such file to include", "include a file `_NAME.LANG.md`"),
        ("{% set order = shop %}", "4:8 `order` has a meaning of its own here", "choose another name"),
        ("{% for range in order.lines %}{% endfor %}", "4:8 `range` has a meaning of its own here", None),
        ("{% with shop = order %}{% endwith %}", "4:9 `shop` has a meaning of its own here", None),
        ("{% include order.name %}", "4:4 there is no such file to include", None),
    ],
)
def test_check_finds_mistakes_before_any_mail(write: Write, body: str, problem: str, help_: str | None) -> None:
    """A template's mistake is reported with its place and what to write instead, and the template is not used."""
    templates = write(body)
    found = templates.check()
    assert f"{found[0].span} {found[0].message}".startswith(f"templates/mail.de.md:{problem}")
    if help_ is not None:
        assert found[0].help == help_
    with pytest.raises(TemplateError):
        rendered(templates)


def test_check_reports_every_mistake_of_every_file(write: Write) -> None:
    """All problems of subject, body, parts and layout come at once."""
    templates = write(
        files={
            "a.de.md": '---\nsubject: "{{ order.nmber }}"\n---\n{{ order.totl }}\n{{ order.nam }}\n',
            "_part.de.md": "{{ shop.nme }}",
            "layout.html": '<p>{{ order.name }}</p>{% include "_part.de.md" %}',
        }
    )
    assert problems(templates) == [
        "templates/_part.de.md:1:4 `shop` has no field `nme`",
        "templates/a.de.md:2:14 `order` has no field `nmber`",
        "templates/a.de.md:4:4 `order` has no field `totl`",
        "templates/a.de.md:5:4 `order` has no field `nam`",
        "templates/layout.html:1:27 there is no such file to include",
        "templates/layout.html:1:7 the layout has no `order`",
    ]


@pytest.mark.parametrize(
    ("source", "code", "place"),
    [
        ("Hallo", "template-subject", "1:1"),
        ("---\nsubject: x\n", "template-subject", "1:1"),
        ("---\nsubjct: x\n---\n", "unknown-key", "2:1"),
        ("---\nsubject:\n---\n", "template-subject", "2:1"),
        ("---\nsubject: Bestellung #{{ order.number }}\n---\n", "template-subject", "2:20"),
        ("---\nsubject: x\nsubject: y\n---\n", "yaml-duplicate-key", "3:1"),
    ],
)
def test_front_matter_is_checked(write: Write, source: str, code: str, place: str) -> None:
    """Front matter holds one `subject`, read as strictly as every YAML file."""
    problem = write(files={"a.de.md": source}).check()[0]
    assert problem.code == code
    assert str(problem.span) == f"templates/a.de.md:{place}"


def test_files_that_no_mail_ever_uses_are_pointed_out(write: Write) -> None:
    """A name without a language and a folder without an account are warnings, not errors."""
    subject = "---\nsubject: x\n---\n"
    found = write(files={"README.md": "x", "a.xx.md": subject, "ebay-ed/a.de.md": subject}).check()
    assert [(problem.is_error, problem.message) for problem in found] == [
        (False, "`templates/README.md` is never used"),
        (False, "the language `xx` is unknown: money and dates print in English"),
        (False, "`templates/ebay-ed/a.de.md` is never used: there is no account `ebay-ed`"),
    ]


def test_one_broken_file_leaves_the_others_working(write: Write) -> None:
    """A mistake in one template stops only that template."""
    templates = write("Hallo", files={"broken.de.md": "---\nsubject: x\n---\n{{ order.nope }}", "latin.de.md": "x"})
    assert text(templates) == "Hallo"


def test_a_file_that_is_not_utf8_is_a_problem(tmp_path: Path) -> None:
    """A template saved in another encoding is named, not half read."""
    (tmp_path / "a.de.md").write_bytes("---\nsubject: Grüße\n---\n".encode("latin-1"))
    (problem,) = Templates(tmp_path, settings(tmp_path)).check()
    assert problem.code == "yaml-encoding"


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(tmp_path: Path) -> None:
    """A template written on Windows gives the same mail."""
    source = "---\nsubject: Hallo\n---\nEins\n\nZwei {{ order.number }}\n"
    (tmp_path / "a.de.md").write_bytes(b"\xef\xbb\xbf" + source.replace("\n", "\r\n").encode())
    assert Templates(tmp_path, settings(tmp_path)).render("a.de.md", "de", context()).text == "Eins\n\nZwei A-1001\n"


def test_tags_on_their_own_line_leave_no_line_behind(write: Write) -> None:
    """Tables and paragraphs survive the tags around their lines, and a tag behind text keeps the line's end."""
    templates = write(
        """\
        | Artikel | Preis |
        |---|--:|
        {% for line in order.lines %}
        | {{ line.sku }} | {{ line.price }} |
        {% endfor %}

        In Ihrem {% if order.portal == "ebay" %}eBay-Konto{% endif %}
        steht mehr.
        """
    )
    assert text(templates).split("\n") == [
        "Artikel       Preis",
        "-------  ----------",
        "M-1          7,50 €",
        "T-9      1.234,50 €",
        "",
        "In Ihrem eBay-Konto steht mehr.",
    ]


def test_the_text_part_is_readable(write: Write) -> None:
    """Headings, lists, quotes, links, code and rules become plain text of at most 78 characters a line."""
    templates = write(
        """\
        ## Liste

        1. eins ist ein *langer* Punkt, **der** über die Zeile hinausgeht und deshalb eingerückt weitergeht
        2. zwei
           - [unser Shop](https://shop.example.com/a b)
           - <https://shop.example.com>

        > Zitat
        > geht weiter

        `code` und ![Bild](https://shop.example.com/x.png)

            Block

        ---
        """.replace("a b", "a%20b")
    )
    assert text(templates).split("\n") == [
        "Liste",
        "-----",
        "",
        "1. eins ist ein langer Punkt, der über die Zeile hinausgeht und deshalb",
        "   eingerückt weitergeht",
        "2. zwei",
        "",
        "   - unser Shop <https://shop.example.com/a%20b>",
        "   - https://shop.example.com",
        "",
        "> Zitat geht weiter",
        "",
        "code und Bild",
        "",
        "    Block",
        "",
        "------------------------------",
    ]


def test_a_table_too_wide_for_mail_becomes_blocks(write: Write) -> None:
    """Long articles are listed under each other instead of breaking the columns."""
    table = """\
        | Artikel | Preis |
        |---|--:|
        {% for line in order.lines %}
        | {{ line.name }} | {{ line.price }} |
        {% endfor %}
        """
    order = without(lines=({"name": "x" * 80, "price": "1"}, {"name": "Becher", "price": "2"}))
    assert text(write(table), order).split("\n") == [
        "Artikel:",
        "x" * 80,
        "Preis: 1,00 €",
        "",
        "Artikel: Becher",
        "Preis: 2,00 €",
    ]


def test_parts_are_shared_between_templates(write: Write) -> None:
    """`{% include %}` takes in a file whose name begins with `_`, and an error in it names that file."""
    templates = write(
        '{% include "_hello.de.md" %}\n\n**Text**', files={"_hello.de.md": "Hallo {{ order.name }},\n{{ order.email }}"}
    )
    assert text(templates) == "Hallo Jörg Käufer, buyer@example.net\n\nText"
    with pytest.raises(TemplateError) as caught:
        text(templates, without("email"))
    assert str(caught.value.problems[0].span) == "templates/_hello.de.md:2:4"


def test_the_layout_gets_content_and_its_style_is_inlined(write: Write) -> None:
    """`layout.html` frames the HTML part, and its style sheet moves into the elements; media queries stay."""
    layout = (
        '<html lang="{{ language }}"><head><title>{{ subject }}</title>'
        "<style>p { color: red } @media print { p { color: black } }</style></head>"
        "<body><b>{{ shop.name }}</b>{{ content }}</body></html>"
    )
    html = rendered(write("Hallo & *du*", files={"layout.html": layout})).html
    assert '<p style="color: red;">Hallo &amp; <em>du</em></p>' in html
    assert "@media print" in html
    assert '<html lang="de">' in html


def test_a_link_holds_the_merchants_address_and_the_order_number(write: Write) -> None:
    """A shop's own link from `params` works, with a value of the order quoted behind it."""
    html = rendered(write("[Status]({{ params.home }}/status?order={{ order.id }})")).html
    assert '<a href="https://shop.example.com/status?order=2024%2F17">Status</a>' in html


def test_the_shops_own_words_are_at_hand(write: Write) -> None:
    """Logo, bank and imprint are written once, and a text asks whether they are there."""
    shop = replace(
        SHOP,
        unsubscribe=("mailto:u@example.com", "https://shop.example.com/u"),
        logo="https://shop.example.com/logo.png",
        bank={"name": "MeinShop GmbH", "iban": "DE02120300000000202051"},
        imprint=("MeinShop GmbH", "Musterweg 1"),
    )
    source = (
        "{{ shop.bank.name }} {{ shop.bank.iban }}{% if shop.bank.bic is defined %} bic{% endif %}\n\n"
        '{{ shop.imprint | join(" · ") }}\n\n[Logo]({{ shop.logo }}) [ab]({{ shop.unsubscribe }})'
    )
    mail = write(source).render("mail.de.md", "de", context(shop=shop))
    assert mail.text == (
        "MeinShop GmbH DE02120300000000202051\n\nMeinShop GmbH · Musterweg 1\n\n"
        "Logo <https://shop.example.com/logo.png> ab <https://shop.example.com/u>\n"
    )
    bare = write("{% if shop.bank is defined or shop.logo is defined or shop.imprint is defined %}x{% endif %}leer")
    assert text(bare) == "leer"


def test_the_unsubscribe_link_holds_the_mails_token(write: Write) -> None:
    """The link is the shop's with the mail's token, and a shop without one leaves it undefined."""
    (link,) = unsubscribe_links(SHOP, TOKEN)
    assert TOKEN in link
    assert unsubscribe_links(SHOP, "") == ()
    templates = write("{% if shop.unsubscribe is defined %}[ab]({{ shop.unsubscribe }}){% else %}nichts{% endif %}")
    assert text(templates) == f"ab <{link}>"
    bare = templates.render("mail.de.md", "de", context(shop=replace(SHOP, unsubscribe=())))
    assert bare.text == "nichts\n"


def test_a_subject_is_one_tidy_line(write: Write) -> None:
    """The subject prints values like the body, and blanks of missing parts leave no gaps."""
    source = (
        '---\nsubject: " Bestellung {{ order.number }} {% if order.paid is defined %}bezahlt{% endif %} '
        'vom {{ order.ordered }}"\n---\n'
    )
    assert (
        write(files={"mail.de.md": source}).render("mail.de.md", "de", context()).subject
        == "Bestellung A-1001 vom 12. August 2026"
    )


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("{{ order }}", "`order` is a record"),
        ("{{ order.lines }}", "a list of records cannot be printed"),
        ("{{ order.name | money }}", "`money` formats a number"),
        ("{{ order.total | date }}", "`date` formats a moment"),
        ("{{ order.ordered | date('lang') }}", "`lang` is not a date format"),
        ("{{ order.total / 0 }}", "cannot print this"),
        ("{{ order.shipped > order.total }}", "cannot print this"),
        ("{% for x in order %}{% endfor %}", "cannot print this"),
    ],
)
def test_what_cannot_be_printed_says_so(write: Write, printed: str, message: str) -> None:
    """A value that has no text gives a problem with the line, never a traceback."""
    with pytest.raises(TemplateError, match=message) as caught:
        text(write(printed))
    assert str(caught.value.problems[0].span).startswith("templates/mail.de.md:4:")


def test_an_unknown_path_is_refused(write: Write) -> None:
    """Only files of the folder can be rendered."""
    templates = write("Hallo")
    for path in ("../mail.de.md", "other.de.md", "/etc/passwd"):
        with pytest.raises(TemplateError, match="there is no template"):
            templates.render(path, "de", context())


def test_instants_stand_on_the_shops_clock(write: Write) -> None:
    """A moment's parts are local: half past midnight is the next day in Berlin."""
    templates = write("{{ order.ordered.day }} {{ order.ordered.hour }}")
    assert text(templates, without(ordered=datetime(2026, 8, 11, 22, 30, tzinfo=UTC))) == "12 0"
