"""`sendplan test`: the scenarios of a project, on a virtual clock."""

from __future__ import annotations

import re
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
from sendplan.scenarios import tests
from sendplan.scenarios.coverage import Coverage
from sendplan.scenarios.play import ScenarioResult
from sendplan.scenarios.snapshots import SnapshotResult
from sendplan.scenarios.tests import PlayedTest, Test
from sendplan.text import clean


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--run", "pattern", metavar="RE", help="Only scenarios whose title or file matches.")
@click.option("--coverage", is_flag=True, help="Also list what no scenario exercised.")
@click.option("--from-order", "order", metavar="ORDER", help="Write a scenario from an order of the store instead.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="With --from-order: to this file."
)
@click.option("--update", is_flag=True, help="Keep the plans of snapshots as they are now.")
@now_option
@format_option("text", "json", "junit")
@project_option
def command(
    paths: tuple[Path, ...],
    pattern: str | None,
    coverage: bool,
    order: str | None,
    output: Path | None,
    update: bool,
    now: str | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Play the scenarios in fixtures/scenarios and the snapshots in fixtures/snapshots, or PATHS.

    Each plan is compared with what a scenario expects, or with the text that a snapshot kept.
    """
    folder = folder_of(project_dir)
    project, _ = load_project(folder)
    if order is not None:
        return _write_scenario(project, order, now, output)
    if output is not None or now is not None:
        raise click.UsageError("-o and --now go with --from-order; a scenario's steps say when they are")
    selected = _selected(folder, paths, pattern)
    seen = Coverage(project) if coverage else None
    observe = seen.observe if seen is not None else lambda decision: None
    results = [tests.run(each, project, observe, update=update) for each in selected]
    if format_ == "json":
        print_json(results_json(results) | ({"coverage": seen.report().to_json()} if seen is not None else {}))
    elif format_ == "junit":
        click.echo(results_junit(results))
    else:
        _print_text(results)
        if seen is not None:
            click.echo(clean(f"\n{seen.report().to_text()}"))
    if not results:
        click.echo("no test was selected", err=True)
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


def _selected(folder: Path, paths: tuple[Path, ...], pattern: str | None) -> list[Test | PlayedTest]:
    try:
        return list(tests.read_all(folder, paths, pattern or ""))
    except re.error as error:
        raise click.UsageError(f"--run: `{pattern}` is not a valid regular expression: {error}") from None


def _print_text(results: list[PlayedTest]) -> None:
    for result in results:
        click.echo(clean(f"{'✓' if result.passed else '✗'} {result.file}: {result.title}"))
        for line in tests.failure_text(result).splitlines():
            click.echo(f"  {clean(line)}".rstrip())
    passed = sum(result.passed for result in results)
    click.echo(f"{passed} passed, {len(results) - passed} failed")


def results_json(results: list[PlayedTest]) -> dict[str, Any]:
    """The outcome for machines; `passed` and `failed` count scenarios and snapshots."""
    passed = sum(result.passed for result in results)
    return {
        "passed": passed,
        "failed": len(results) - passed,
        "scenarios": [_scenario_json(each) for each in results if isinstance(each, ScenarioResult)],
        "snapshots": [_snapshot_json(each) for each in results if isinstance(each, SnapshotResult)],
    }


def _scenario_json(result: ScenarioResult) -> dict[str, Any]:
    return {
        "file": result.file,
        "scenario": result.title,
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


def _snapshot_json(result: SnapshotResult) -> dict[str, Any]:
    return {
        "file": result.file,
        "snapshot": result.title,
        "passed": result.passed,
        "message": result.message,
        "problems": report.problems_json(list(result.problems))["problems"],
    }


def results_junit(results: list[PlayedTest]) -> str:
    """The outcome as JUnit XML, one test case a scenario."""
    failed = sum(not result.passed for result in results)
    suite = ElementTree.Element("testsuite", name="sendplan", tests=str(len(results)), failures=str(failed))
    for result in results:
        case = ElementTree.SubElement(suite, "testcase", classname=result.file, name=result.title)
        if not result.passed:
            said = tests.failure_text(result)
            failure = ElementTree.SubElement(case, "failure", message=said.splitlines()[0] if said else "no steps")
            failure.text = clean(said)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)
