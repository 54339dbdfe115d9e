"""`sendplan unsubscribe-server`: answers the links of `shop.unsubscribe`."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendplan.commands.context import load_settings, project_option, store_for
from sendplan.problems import Exit, Problem, UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

PORT = 8643


@click.command("unsubscribe-server")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0 takes any free one.")
@project_option
def command(port: int, project_dir: Path | None) -> int:
    """Answer the links to unsubscribe, on this computer alone: a web server in front passes them on."""
    app, bound, link = answering(project_dir, port, "--port")
    from sendplan.board.server import serve

    serve(app, bound, lambda: click.echo(f"Links to unsubscribe are answered until Ctrl-C at {link}"))
    return Exit.DONE


def answering(project_dir: Path | None, port: int, option: str) -> tuple[ASGIApp, socket.socket, str]:
    """What answers the links, the socket that it is for, and its address; `option` is what the port was given by.

    Raises UserError for a shop whose links lead elsewhere, and without the packages; ClickException for a port that is
    taken.
    """
    settings = load_settings(project_dir)
    if not any(link.startswith("https:") and "{token}" in link for link in settings.shop.unsubscribe):
        raise UserError(_NO_LINK, Exit.USAGE)
    try:
        from sendplan.board.server import HOST, listening
        from sendplan.operating.unsubscribe_page import unsubscribe_app
    except ImportError:
        raise UserError(_NO_EXTRA, Exit.USAGE) from None
    with store_for(settings):
        pass  # Made or brought up to date now, not by the first click.
    try:
        bound = listening(port)
    except OSError:
        raise click.ClickException(f"port {port} is taken; choose another with {option}, or 0 for any") from None
    app = unsubscribe_app(settings, lambda: store_for(settings))
    return app, bound, f"http://{HOST}:{bound.getsockname()[1]}/"


_NO_LINK = Problem(
    "missing-key",
    "`shop.unsubscribe` has no https address with {token}, so no link leads here",
    help="write `unsubscribe: https://shop.example.com/u/{token}` under `shop` in sendplan.yaml",
)
_NO_EXTRA = Problem("missing-extra", "the server needs packages of its own", help="pip install 'sendplan[unsubscribe]'")
