"""`sendplan board`: the project in a browser."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode

import click

from sendplan.commands.context import clock_of, folder_of, load_settings, now_option, project_option
from sendplan.commands.unsubscribe_server_command import answering
from sendplan.problems import Exit, Problem, UserError

PORT = 8642


@click.command("board")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes any free one.")
@click.option("--read-only", is_flag=True, help="Only show: nothing can be changed from the pages.")
@click.option("--url", metavar="URL", help="Where a proxy serves the board, such as https://board.example.com.")
@click.option("--user-header", metavar="NAME", help="The header in which that proxy names who is signed in.")
@click.option("--unsubscribe-port", type=click.IntRange(0, 65535), help="Also answer the links to unsubscribe, there.")
@now_option
@project_option
def command(
    port: int,
    read_only: bool,
    url: str | None,
    user_header: str | None,
    unsubscribe_port: int | None,
    now: str | None,
    project_dir: Path | None,
) -> int:
    """Serve the project's pages on this machine, until Ctrl-C, and print the link that opens them.

    The pages are bound to loopback. The link holds a token of this start; whoever has it can sign in.
    """
    if url is not None and not re.fullmatch(r"https?://[^/?#@\s]+", url):
        raise click.UsageError(
            f"--url: write the address without a path, such as https://board.example.com, not `{url}`"
        )
    if user_header is not None and url is None:
        raise click.UsageError("--user-header trusts a proxy: name its address with --url")
    folder = folder_of(project_dir)
    fixed = clock_of(now, load_settings(project_dir).calendar).now if now is not None else None
    try:
        from sendplan.board.application import application
        from sendplan.board.server import HOST, listening, serve
    except ImportError:
        raise UserError(_NO_EXTRA, Exit.USAGE) from None
    from sendplan.board.current import Current
    from sendplan.board.guard import Addresses

    current = Current(folder, fixed)
    try:
        bound = listening(port)
    except OSError:
        raise click.ClickException(f"port {port} is taken; choose another with --port, or 0 for any") from None
    port = bound.getsockname()[1]
    app, sessions = application(current, Addresses(port, url), read_only=read_only, user_header=user_header)
    link = f"{url or f'http://{HOST}:{port}'}/sign-in?{urlencode({'token': sessions.token})}"
    beside = []
    if unsubscribe_port is not None:
        answers, its_socket, address = answering(project_dir, unsubscribe_port, "--unsubscribe-port")
        beside.append((answers, its_socket))

    def ready() -> None:
        click.echo(f"The board is open until Ctrl-C:\n{link}")
        if beside:
            click.echo(f"Links to unsubscribe are answered at {address}")

    serve(app, bound, ready, beside)
    return Exit.DONE


_NO_EXTRA = Problem("missing-extra", "the board needs packages of its own", help="pip install 'sendplan[board]'")
