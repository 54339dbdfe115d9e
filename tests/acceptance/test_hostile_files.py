"""A project that somebody else wrote: what is no ordinary file is a problem, and nothing outside of it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import ROOT, Project

from sendplan import cli

NOW = ("--now", "2026-08-24 12:00")
SECRET = "root-of-all-secrets: [1, 2"
COMMANDS = (("check",), ("plan", *NOW), ("status",), ("test",), ("explain", "E-2050", *NOW))
FILES = ("rules/extra.yaml", "templates/extra.de.md", "templates/_extra.de.md", "templates/layout.html")


@pytest.fixture
def filled(shop: Project) -> Project:
    """The example shop with its orders."""
    assert shop("import", str(ROOT / "fixtures" / "orders.csv")).code == 0
    return shop


def place(project: Project, name: str) -> Path:
    """Where a file of this name goes, in place of one that is there."""
    path = project.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


@pytest.mark.parametrize("name", [*FILES, "fixtures/scenarios/extra.yaml", "fixtures/snapshots/extra.yaml"])
def test_a_link_out_of_the_project_shows_nothing_of_what_it_leads_to(
    filled: Project, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    """Whatever command meets it says that it leads out of the project, and never a character of the other file."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret"
    elsewhere.write_text(SECRET, encoding="utf-8")
    place(filled, name).symlink_to(elsewhere)
    ran = [filled(*command) for command in COMMANDS]
    assert all("root-of-all" not in each.out + each.err for each in ran)
    assert any(f"`{name}` leads out of the project" in each.out for each in ran)


def test_settings_do_not_lead_out_either(filled: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Linked settings, a folder of rules that is elsewhere, and a mapping named elsewhere are not read."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "secret.yaml").write_text(SECRET, encoding="utf-8")
    filled.path("rules").rename(filled.path("old-rules"))
    filled.path("rules").symlink_to(elsewhere)
    assert "leads out of the project" in filled("check").out
    filled.path("rules").unlink()
    filled.path("old-rules").rename(filled.path("rules"))
    with filled.path("sendplan.yaml").open("a") as settings:
        settings.write(f"imports: {{web: {{file: a.csv, mapping: {elsewhere / 'secret.yaml'}}}}}\n")
    checked = filled("check")
    assert "a mapping lies inside the project" in checked.out
    assert "root-of-all" not in checked.out
    place(filled, "sendplan.yaml").symlink_to(elsewhere / "secret.yaml")
    assert "`sendplan.yaml` leads out of the project" in filled("check").out


def test_links_within_a_project_are_followed(filled: Project) -> None:
    """A mounted folder of settings consists of links that stay inside; so may a template that two names share."""
    before = filled("plan", *NOW, "--format", "json").json["entries"]
    filled.path("rules/dunning.yaml").rename(filled.path("data.yaml"))
    filled.path("rules/dunning.yaml").symlink_to("../data.yaml")
    after = filled("plan", *NOW, "--format", "json").json["entries"]
    assert [each["key"] for each in after] == [each["key"] for each in before]
    assert filled("check").code == 0


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "device", "large", "folder", "circle", "dangling"])
def test_what_is_no_ordinary_file_is_a_problem(filled: Project, name: str, kind: str) -> None:
    """A pipe, a device, a folder, a broken link or more than 1 MiB: named by `check`, waited for by no command."""
    path = place(filled, name)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "circle":
            path.symlink_to(path)
        case "dangling":
            path.symlink_to("nowhere")
        case _:
            path.write_bytes(b"#" * 1_048_577)
    ran = [filled(*command) for command in COMMANDS[:2]]
    assert all(each.code in (0, 1) for each in ran)
    if not (kind == "folder" and name.endswith(".md")):  # such a folder is an account's own, with nothing in it
        assert ran[0].code == 1
        assert f"{name}:1:1: error[file-" in ran[0].out


@pytest.mark.parametrize("folder", ["rules", "templates"])
def test_a_name_that_is_not_utf_8_is_shown_as_far_as_it_can_be(filled: Project, folder: str) -> None:
    """A file from an old computer works or is named; no command breaks off."""
    odd = os.fsencode(filled.path(folder)) + b"/caf\xe9" + (b".yaml" if folder == "rules" else b".de.md")
    Path(os.fsdecode(odd)).write_text("rules: [", encoding="utf-8")
    for command in (*COMMANDS, ("check", "--format", "json"), ("check", "--format", "github")):
        assert filled(*command).code in (0, 1)
    assert "caf" in filled("check").out


TEMPLATES = {
    "blocks that share a name": "{% block a %}{% endblock %}{% block a %}{% endblock %}",
    "nested conditions": "{% if order.id %}" * 110 + "x" + "{% endif %}" * 110,
    "nested loops": "{% for a in order.lines %}" * 30 + "x" + "{% endfor %}" * 30,
    "parentheses": "{{ " + "(" * 300 + "order.id" + ")" * 300 + " }}",
    "many parentheses": "{{ " + "(" * 30_000 + "order.id" + ")" * 30_000 + " }}",
    "parentheses before a wrong sign": "{{ " + "(" * 300 + "order.id" + ")" * 300 + " @ }}",
    "filters": "{{ order.id " + "| upper " * 400 + "}}",
    "sums": "{{ 1 " + "+ 1 " * 2_000 + "}}",
    "negations": "{% if " + "not " * 2_000 + "order.id %}{% endif %}",
    "a long path": "{{ order" + ".id" * 2_000 + " }}",
    "alternatives": "{{ " + "order.id if order.id else " * 500 + "order.id }}",
    "a large number": "{{ " + "9" * 5_000 + " }}",
}


@pytest.mark.parametrize("body", TEMPLATES.values(), ids=TEMPLATES)
def test_a_template_that_python_cannot_take_is_a_problem(filled: Project, body: str) -> None:
    """`check` names the template's line, and a mail that needs it is an error of its own."""
    text = f"---\nsubject: Hello\n---\n\nDear reader,\n\n{body}\n"
    filled.write("templates/feedback-reminder.de.md", text)
    checked = filled("check")
    assert checked.code == 1
    assert "templates/feedback-reminder.de.md:7:" in checked.out
    assert filled("preview", "E-2050/feedback-reminder", *NOW).code == 1


@pytest.mark.parametrize("format_", ["%d%d", "%Y-%m-%d %c", "%d.%m.%Y %d", "%y %Y %x"])
def test_a_date_format_that_names_a_part_twice_is_a_problem(filled: Project, format_: str) -> None:
    """The mapping's line is named with what to write."""
    orders = filled.write("a.csv", "id,when\nA1,2026-08-11\n")
    mapping = filled.write(
        "a.yaml",
        "format: csv\nfields:\n  id: id\n  account: {value: shop-de}\n"
        f'  ordered: {{column: when, date: "{format_}"}}\n',
    )
    ran = filled("import", str(orders), "--mapping", str(mapping))
    assert ran.code == 1
    assert "a.yaml:5:" in ran.err


def test_closed_and_full_outputs_break_no_command(filled: Project) -> None:
    """Without a standard output a command does its work; on a full disk it says so in a sentence."""
    program = [sys.executable, "-m", "sendplan", "plan", *NOW, "--project", str(filled.folder)]
    closed = subprocess.run(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *program], check=False)
    assert closed.returncode == 0
    with open("/dev/full", "w") as full:
        ran = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr.splitlines()[-1]) == (2, "Error: no space left on device")


def test_a_reader_that_goes_away_ends_a_command_quietly(filled: Project) -> None:
    """`plan | head` says nothing more, and does not count as a success either."""
    program = [sys.executable, "-m", "sendplan", "plan", *NOW, "--format", "json", "--project", str(filled.folder)]
    reading, writing = os.pipe()
    os.close(reading)
    ran = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (141, "")


def test_a_plan_file_without_end_is_refused(filled: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A device in a plan's place is told, before the memory is full."""
    assert cli.run(["send", "/dev/zero", "--project", str(filled.folder)]) == 2
    assert "is larger than" in capsys.readouterr().err


MARKS = {
    "emphasis": "*_" * 30_000,
    "links": "[a" * 10_000,
    "a wide table": "|a" * 20_000 + "|\n" + "|-" * 20_000 + "|\n",
}


@pytest.mark.parametrize("body", MARKS.values(), ids=MARKS)
def test_a_text_of_marks_alone_is_cut_off(filled: Project, body: str) -> None:
    """A mail that would take minutes to be laid out is an error of its template, and is told at once."""
    filled.write("templates/feedback-reminder.de.md", f"---\nsubject: Hello\n---\n\n{body}\n")
    ran = filled("preview", "E-2050/feedback-reminder", *NOW)
    assert ran.code == 1
    assert "template-limit" in ran.err
