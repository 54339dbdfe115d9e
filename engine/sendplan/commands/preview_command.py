"""`sendplan preview`: the message itself, without any side effect; `--to` sends it to the merchant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sendplan.addresses import address_error
from sendplan.commands.context import clock_of, format_option, load_project, now_option, project_option, reader_of
from sendplan.commands.output import print_json, remark
from sendplan.mail.diagnosis import TestResult
from sendplan.mail.preview import MessagePreview, preview, send_preview
from sendplan.output_file import FileKind, write_file
from sendplan.problems import Exit
from sendplan.text import clean
from sendplan.units import size_text

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("preview")
@click.argument("key")
@now_option
@click.option("-o", "--output", type=_FILE, help="Write the mail as an .eml file.")
@click.option("--html", "page", type=_FILE, help="Write the HTML part.")
@click.option("--open", "show", is_flag=True, help="Show the HTML part in the browser.")
@click.option("--to", metavar="ADDR", help="Send this one to your own address, marked as a test.")
@format_option("text", "json")
@project_option
def command(
    key: str,
    now: str | None,
    output: Path | None,
    page: Path | None,
    show: bool,
    to: str | None,
    format_: str,
    project_dir: Path | None,
) -> int:
    """Show the message KEY (ORDER/RULE or ORDER/RULE/STEP) as it would leave, whether or not it is due."""
    if to is not None and (wrong := address_error(to)):
        raise click.UsageError(f"--to: `{to}` is not an e-mail address: {wrong}")
    project, _ = load_project(project_dir, kept=True)
    reader, clock = reader_of(project), clock_of(now, project.settings.calendar)
    shown = preview(project, reader, key, clock)
    if output is not None:
        write_file(output, FileKind.MAIL, shown.message.chunks())
    if page is not None:
        write_file(page, FileKind.PREVIEW, [_page(shown)])
    if show:
        _open(page or _page_of_its_own(shown))
    sent = send_preview(project, reader, key, clock, to) if to is not None else None
    if format_ == "json":
        print_json(_json(shown, sent))
    else:
        for file in filter(None, (output, page)):
            click.echo(f"Written to {file}")
        if sent is not None:
            _tell(sent, to or "")
        if not (output or page or show or to):
            click.echo("\n".join(map(clean, _lines(shown))))
    return Exit.DONE if sent is None or sent.ok else Exit.SOME_FAILED


def _lines(shown: MessagePreview) -> list[str]:
    files = [f"Attachment: {each.shown} ({each.type}, {size_text(each.size)})" for each in shown.attachments]
    return [*shown.headers, f"Subject (decoded): {shown.subject}", *files, "", *shown.text.splitlines()]


def _json(shown: MessagePreview, sent: TestResult | None) -> dict[str, Any]:
    files = [
        {"name": each.name, "file": each.shown, "type": each.type, "size": each.size} for each in shown.attachments
    ]
    told = {"ok": sent.ok, "step": sent.step, "message": sent.message, "advice": sent.advice} if sent else None
    return {
        "key": shown.key,
        "language": shown.language,
        "headers": shown.headers,
        "subject": shown.subject,
        "text": shown.text,
        "html": shown.html,
        "attachments": files,
        **({"sent": told} if told else {}),
    }


def _tell(sent: TestResult, to: str) -> None:
    if sent.ok:
        click.echo(clean(f"Sent to {to}, marked as a test; the ledger knows nothing of it"))
        return
    click.echo(clean(f"Not sent to {to} ({sent.step}): {sent.message}"))
    if sent.advice:
        click.echo(clean(f"  advice  {sent.advice}"))


def _page(shown: MessagePreview) -> bytes:
    return f"<!-- sendplan preview -->\n{shown.html}".encode()


def _page_of_its_own(shown: MessagePreview) -> Path:
    """A file that outlives the command, readable by this user only."""
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="sendplan-preview-", suffix=".html", delete=False) as file:
        file.write(_page(shown))
    return Path(file.name)


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.resolve().as_uri()):
        remark(f"no browser was found; the page is {page}")
