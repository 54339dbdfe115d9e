"""The command line: which commands there are, and how their outcome becomes an exit code. Nothing else."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import sys
from collections.abc import Mapping

import click

from sendplan import __version__
from sendplan.problems import Exit, UserError, code_of_signal

_OBJECTS_BETWEEN_COLLECTIONS = 50_000

COMMANDS: Mapping[str, str] = {
    "init": "A new project from the example shop.",
    "demo": "The main job, end to end, on sample orders and a mail server of its own.",
    "check": "Check settings, rules and templates: all problems at once.",
    "import": "Read orders from exports (CSV, XLSX, JSON, XML) into the store.",
    "plan": "What would be sent now, to whom, and why. Sends nothing.",
    "diff": "What a change of rules adds, drops, moves and changes.",
    "simulate": "Replay or forecast on a virtual clock.",
    "test": "Play the scenarios and plan snapshots that say what is sent when.",
    "find": "Orders by what people know of them, with what each rule says.",
    "explain": "Why an order gets a mail, or why it does not.",
    "preview": "The message itself, without any side effect.",
    "send": "Send exactly what a plan file says, once.",
    "approve": "Say yes to a plan, where the settings ask for it.",
    "run": "Import, plan and send in one, for cron.",
    "worker": "Take part in sending what other hosts planned.",
    "board": "The project in a browser.",
    "lsp": "A language server for editors.",
    "schemas": "The project's names into its schema files, for editors.",
    "status": "What needs attention, counts, and the last runs.",
    "resolve": "Settle a message, or record one that was sent by hand.",
    "pause": "Hold a sender's or rule's messages, or all.",
    "resume": "End a pause.",
    "snooze": "Hold an order's or a buyer's messages until a day.",
    "suppress": "Send nothing to an address any more.",
    "forget": "Erase a person; nothing is sent to them twice.",
    "store": "Copy the store as a whole.",
    "adopt": "Accept a copied or restored store, and begin from now.",
    "bounces": "Read the mails that came back, from a mailbox or files.",
    "unsubscribe-server": "Answer the links to unsubscribe.",
    "login": "Obtain an OAuth 2 token for a sender.",
    "smtp-test": "Send a test mail and say which step failed.",
}
"""Every command with its short help, so that `--help` imports none of them."""


class _Commands(click.Group):
    """Imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sendplan.commands.{cmd_name.replace('-', '_')}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from sendplan.problems import did_you_mean

        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            ctx.fail(f"there is no command `{args[0]}`; {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Declare in YAML which mail goes to which buyer when; read the plan; send exactly that, once."""


def main(args: list[str] | None = None) -> None:
    """Run a command and end the process with its exit code (docs/commands.md#exit-codes)."""
    _spare_collections()
    _open_standard_streams()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run(sys.argv[1:] if args is None else args))


def _spare_collections() -> None:
    """Modules and rules stay until the end: nothing is gained by looking for garbage among them while they load."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    atexit.register(gc.freeze)


def _terminate(number: int, frame: object) -> None:
    """A service's stop ends a command like Ctrl-C: what it had begun is undone, and its scratch files are gone."""
    raise KeyboardInterrupt(number)


def _open_standard_streams() -> None:
    """Streams that were closed (`>&-`, as some services do) lead nowhere, and not into the next file that is opened."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="replace"))


def run(args: list[str]) -> int:
    """Run a command and return its exit code; a user's mistake prints its problems and never a traceback."""
    try:
        outcome = _invoke(args)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except UserError as error:
        from sendplan.commands.output import print_problems

        print_problems(error.problems, "text", err=True)
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return int(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt) as error:
        code = code_of_signal(error)
        click.echo("terminated" if code == 128 + signal.SIGTERM else "interrupted", err=True)
        return code
    except BrokenPipeError:
        # The reader (`head`, say) went away: it has seen enough, but nobody may take this for a success.
        _discard_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.filename is None:
            _discard_output()  # Perhaps it is the output itself that has no space left.
        # A file or folder that a command was to read or write, by a name that the user gave.
        name = f"`{error.filename}`: " if error.filename is not None else ""
        click.ClickException(f"{name}{(error.strerror or str(error)).lower()}").show()
        return int(Exit.USAGE)
    return int(outcome) if isinstance(outcome, int) else int(Exit.DONE)


def _invoke(args: list[str]) -> object:
    """What the command returns; click's own `main` would end the process at a broken pipe, with a finding's code."""
    with cli.make_context("sendplan", list(args)) as context:
        return cli.invoke(context)


def _discard_output() -> None:
    """Python would complain at its end about what is still to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
