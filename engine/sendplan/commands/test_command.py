"""`sendplan test`: the scenarios of a project, on a virtual clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click

from sendplan import report
from sendplan.commands.context import (
    clock_of,
    folder_of,
    format_option,
    load_project,
    now_option,
    project_option,
    reader_of,
)
from sendplan.commands.output import print_json
from sendplan.output_file import FileKind, write_file
from sendplan.problems import Exit
from sendplan.project.project import Project
from sendplan.scenarios import play
from sendplan.scenarios.coverage import Coverage
from sendplan.scenarios.play import Scenario, ScenarioResult
from sendplan.text import clean


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--run", "pattern", metavar="RE", help="Only scenarios whose title or file matches.")
@click.option("--coverage", is_flag=True, help="Also list what no scenario exercised.")
@click.option("--from-order", "order", metavar="ORDER", help="Write a scenario from an order of the store instead.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="With --from-order: to this file."
)
@now_option
@format_option("text", "json", "junit")
@project_option
def command(
    paths: tuple[Path, ...],
    pattern: str | None,
    coverage: bool,
    order: str | None,
    output: Path | None,
    now: str | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Play the scenarios in fixtures/scenarios (or PATHS) and compare each plan with what they expect."""
    folder = folder_of(project_dir)
    project, _ = load_project(folder)
    if order is not None:
        return _write_scenario(project, order, now, output)
    if output is not None or now is not None:
        raise click.UsageError("-o and --now go with --from-order; a scenario's steps say when they are")
    selected = list(_selected(folder, paths, pattern))
    seen = Coverage(project) if coverage else None
    observe = seen.observe if seen is not None else lambda decision: None
    results = [play.run(each, project, observe) if isinstance(each, Scenario) else each for each in selected]
    if format_ == "json":
        print_json(results_json(results) | ({"coverage": seen.report().to_json()} if seen is not None else {}))
    elif format_ == "junit":
        click.echo(results_junit(results))
    else:
        _print_text(results)
        if seen is not None:
            click.echo(clean(f"\n{seen.report().to_text()}"))
    if not results:
        click.echo("no scenario was selected", err=True)
    return Exit.DONE if results and all(result.passed for result in results) else Exit.FINDINGS


def _write_scenario(project: Project, order: str, now: str | None, output: Path | None) -> int:
    from sendplan.scenarios.from_order import scenario_from_order

    clock = clock_of(now, project.settings.calendar)
    text = scenario_from_order(project, reader_of(project), order, clock.now)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_file(output, FileKind.SCENARIO, [text.encode()])
        click.echo(f"Written to {output}; play it with: sendplan test {output}")
    return Exit.DONE


def _selected(folder: Path, paths: tuple[Path, ...], pattern: str | None) -> Iterator[Scenario | ScenarioResult]:
    try:
        wanted = re.compile(pattern or "", re.IGNORECASE)
    except re.error as error:
        raise click.UsageError(f"--run: `{pattern}` is not a valid regular expression: {error}") from None
    default = folder / play.FOLDER
    for path in play.find(paths or ([default] if default.is_dir() else [])):
        absolute = path.resolve()
        name = absolute.relative_to(folder).as_posix() if absolute.is_relative_to(folder) else str(path)
        scenario = play.read(path, name)
        title = scenario.title if isinstance(scenario, Scenario) else scenario.scenario
        if wanted.search(title) or wanted.search(name):
            yield scenario


def _print_text(results: list[ScenarioResult]) -> None:
    for result in results:
        click.echo(clean(f"{'✓' if result.passed else '✗'} {result.file}: {result.scenario}"))
        if result.problems:
            click.echo(report.problems_text(list(result.problems), color=False))
        for step in result.steps:
            if not step.passed:
                click.echo(f"  at {step.at}")
                click.echo("\n".join(f"    {clean(line)}".rstrip() for line in step.message.splitlines()))
    passed = sum(result.passed for result in results)
    click.echo(f"{passed} passed, {len(results) - passed} failed")


def results_json(results: list[ScenarioResult]) -> dict[str, Any]:
    """The outcome for machines; `passed` and `failed` count scenarios."""
    passed = sum(result.passed for result in results)
    return {
        "passed": passed,
        "failed": len(results) - passed,
        "scenarios": [
            {
                "file": result.file,
                "scenario": result.scenario,
                "passed": result.passed,
                "steps": [
                    {
                        "at": step.at,
                        "passed": step.passed,
                        "expected": step.expected,
                        "got": step.got,
                        "message": step.message,
                    }
                    for step in result.steps
                ],
                "problems": report.problems_json(list(result.problems))["problems"],
            }
            for result in results
        ],
    }


def results_junit(results: list[ScenarioResult]) -> str:
    """The outcome as JUnit XML, one test case a scenario."""
    failed = sum(not result.passed for result in results)
    suite = ElementTree.Element("testsuite", name="sendplan", tests=str(len(results)), failures=str(failed))
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=result.file, name=result.scenario)
        if not result.passed:
            steps = [f"at {step.at}\n{step.message}" for step in result.steps if not step.passed]
            said = [f"{problem.span}: {problem.message}" for problem in result.problems] + steps
            failure = ElementTree.SubElement(case, "failure", message=said[0].splitlines()[0] if said else "no steps")
            failure.text = clean("\n".join(said))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
