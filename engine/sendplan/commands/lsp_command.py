"""`sendplan lsp`: a language server for editors, over standard input and output."""

from __future__ import annotations

import os
import sys

import click

from sendplan.problems import Exit, Problem, UserError


@click.command("lsp")
def command() -> int:
    """Tell an editor of problems, names and meanings while somebody writes a project's files.

    It speaks the Language Server Protocol over standard input and output; editors start it themselves.
    """
    try:
        from sendplan.language_server.server import make_server
    except ImportError:
        raise UserError(_NO_EXTRA, Exit.USAGE) from None
    # The server closes what it writes to; the command still has to end like every other.
    make_server().start_io(stdout=os.fdopen(os.dup(sys.stdout.fileno()), "wb"))
    return Exit.DONE


_NO_EXTRA = Problem(
    "missing-extra", "the language server needs a package of its own", help="pip install 'sendplan[lsp]'"
)
