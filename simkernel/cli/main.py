"""The command `simkernel`: finds the command, and turns every failure into a text and a code."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from typing import Any

import click

from simkernel import __version__
from simkernel.cli import exit_codes
from simkernel.cli.terminal import emit, failure
from simkernel.errors import Divergence, InternalError, SimkernelError, UsageError

COMMANDS = {
    "check": "Search the runs of specs for anything that can go wrong.",
    "completion": "Print the completion script of a shell.",
    "diff-machines": "Tell on which events two classes differ.",
    "doctor": "Tell what is installed; look for nondeterminism in a spec.",
    "explore": "Drive a system by hand, on a local page.",
    "graph": "Draw the supervision tree of a system at a moment of a run.",
    "learn": "Show the machine that a GenServer or GenStateMachine really is.",
    "mutate": "Say how many small errors in an implementation its spec would notice.",
    "predict": "Say what else could have happened, from the trace of one run.",
    "prove": "Search or prove what declared state machines promise.",
    "replay": "Run a trace or a blob again, and compare every event.",
    "report": "Make an HTML page of a run, or of what a check found.",
    "run": "Run a spec once, with seeded picks in virtual time.",
    "supervision": "Say how many crashes a supervision tree survives, and how fast.",
    "timing": "Say which timeouts can come first, and what would have to be slow.",
    "trace": "Show a trace, or the first difference of two.",
}

EPILOG = """\b
Exit codes: 0 held, 1 violated, 2 usage or unreadable input, 3 replay diverged or nondeterminism,
4 a bug of simkernel, 5 inconclusive (with --require-complete), 130 interrupted."""


class Lazy(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import one."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"simkernel.cli.{name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="simkernel")
def group() -> None:
    """\b
    simkernel check specs/guide
    simkernel run specs/guide/counter.py --seed 7 --trace run.jsonl
    simkernel replay run.jsonl

    Runs OTP systems in virtual time, and finds out what can happen to them.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit."""
    arguments = sys.argv[1:] if args is None else args
    as_json = "--json" in arguments
    try:
        code = group.main(arguments, prog_name="simkernel", standalone_mode=False)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = exit_codes.INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as `head` does: that is no error, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = exit_codes.HELD
    except (click.ClickException, SimkernelError) as error:
        code = _report(error, as_json)
    except Exception as error:
        traceback.print_exc()
        bug = InternalError(f"{type(error).__name__}: {error}")
        code = _report(bug, as_json)
    sys.exit(code if isinstance(code, int) else exit_codes.HELD)


def _report(error: Any, as_json: bool) -> int:
    code = _code_of(error)
    if as_json:
        emit(failure(error, code))
    elif isinstance(error, SimkernelError):
        click.echo(f"error: {error}", err=True)
    else:
        error.show()
    return code


def _code_of(error: Any) -> int:
    if isinstance(error, Divergence):
        return exit_codes.DIVERGED
    if isinstance(error, UsageError | click.ClickException):
        return exit_codes.USAGE
    return exit_codes.INTERNAL
