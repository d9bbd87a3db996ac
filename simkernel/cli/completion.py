"""`simkernel completion`: the script that a shell completes our commands with."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from simkernel.cli import exit_codes
from simkernel.cli.options import json_option
from simkernel.cli.terminal import emit


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@json_option
def command(shell: str, as_json: bool) -> int:
    """\b
    simkernel completion bash >> ~/.bashrc
    simkernel completion zsh >> ~/.zshrc
    simkernel completion fish > ~/.config/fish/completions/simkernel.fish

    Print the completion script of a shell.
    """
    from simkernel.cli.main import group

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(group, {}, "simkernel", "_SIMKERNEL_COMPLETE").source()
    if as_json:
        emit({"schema": "simkernel.completion/1", "shell": shell, "script": script})
    else:
        click.echo(script)
    return exit_codes.HELD
