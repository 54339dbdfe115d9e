"""How problems are shown to people, programs and GitHub."""

from __future__ import annotations

from sendplan.problems import Problem, Severity, Span
from sendplan.report import problems_github, problems_json, problems_text

LATER = Problem(
    "unknown-key", "unknown key `trigerr`", Span("rules/b.yaml", 3, 5, 12, "    trigerr: x"), "did you mean?"
)
EARLIER = Problem("zero-days", "`+ 0 days`", Span("rules/a.yaml", 9, 1, 2, "due: x"), severity=Severity.WARNING)
NOWHERE = Problem("no-project", "there is no project", None, "run `sendplan init`")


def test_text_shows_place_frame_and_help() -> None:
    """A person sees what is wrong, the line with a caret, and what to write, by file and line."""
    assert problems_text([LATER, EARLIER, NOWHERE], color=False) == (
        "error[no-project] there is no project\n"
        "  help: run `sendplan init`\n"
        "\n"
        "rules/a.yaml:9:1: warning[zero-days] `+ 0 days`\n"
        "  9 | due: x\n"
        "    | ^\n"
        "\n"
        "rules/b.yaml:3:5: error[unknown-key] unknown key `trigerr`\n"
        "  3 |     trigerr: x\n"
        "    |     ^^^^^^^\n"
        "  help: did you mean?\n"
        "\n"
        "2 errors, 1 warning"
    )


def test_text_says_when_all_is_well() -> None:
    """Without problems the report says so."""
    assert problems_text([], color=False) == "no problems found"


def test_colour_only_when_asked() -> None:
    """Escape sequences appear only on a terminal that wants colour."""
    assert "\x1b[1;31merror[unknown-key]\x1b[0m" in problems_text([LATER], color=True)
    assert "\x1b" not in problems_text([LATER], color=False)


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A file cannot colour the terminal, clear it or turn the line around."""
    evil = "\x1b[2Jname\u202e\x07"
    problem = Problem("x", evil, Span(f"{evil}.yaml", 1, 1, 3, evil), evil)
    text = problems_text([problem], color=False) + problems_github([problem])
    assert not set("\x1b\x07\u202e") & set(text)


def test_long_lines_are_cut_around_the_place() -> None:
    """Of a very long line only the part around the place is shown, and the caret still stands under it."""
    line = "a" * 5000 + "WRONG" + "b" * 5000
    first, second = Problem("x", "", Span("f", 1, 5001, 5006, line)).frame().split("\n")
    assert len(first) < 140
    assert first[second.index("^") : second.rindex("^") + 1] == "WRONG"


def test_json_counts_and_orders() -> None:
    """A program gets every problem with its place, and the counts."""
    report = problems_json([LATER, EARLIER, NOWHERE])
    assert (report["errors"], report["warnings"]) == (2, 1)
    assert [each["code"] for each in report["problems"]] == ["no-project", "zero-days", "unknown-key"]
    assert report["problems"][0]["file"] is None
    assert report["problems"][2] == {
        "code": "unknown-key",
        "severity": "error",
        "message": "unknown key `trigerr`",
        "file": "rules/b.yaml",
        "line": 3,
        "column": 5,
        "frame": "3 |     trigerr: x\n  |     ^^^^^^^",
        "help": "did you mean?",
    }


def test_github_annotations_are_escaped() -> None:
    """Commas, colons, percent signs and line breaks survive GitHub's workflow commands."""
    problem = Problem("a-code", "100%: a, b", Span("rules/b,c:d.yaml", 2, 7, 9, "x"), "write c")
    assert problems_github([problem, EARLIER]) == (
        "::warning file=rules/a.yaml,line=9,col=1,title=zero-days::`+ 0 days`\n"
        "::error file=rules/b%2Cc%3Ad.yaml,line=2,col=7,title=a-code::100%25: a, b%0Awrite c"
    )
    assert problems_github([NOWHERE]).startswith("::error title=no-project::")
