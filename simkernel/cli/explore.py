"""`simkernel explore`: a local page on which a person decides what happens next."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from simkernel.cli import exit_codes
from simkernel.cli.check import TRACES
from simkernel.cli.journey import Journey
from simkernel.cli.loopback import Desk, Server
from simkernel.cli.options import json_option, network_option, param_option, parameters_of
from simkernel.cli.terminal import emit
from simkernel.errors import UsageError
from simkernel.loading import load
from simkernel.settings import Settings
from simkernel.trace.blob import parameters_text

TOKEN_BYTES = 24


@click.command("explore")
@click.argument("spec", type=click.Path())
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Its port; one that is free if 0."
)
@param_option
@network_option
@click.option(
    "--time",
    "time_model",
    type=click.Choice(["concrete", "any"]),
    default="concrete",
    show_default=True,
    help="concrete: steps take no time, timers are exact; any: steps and signals take any time.",
)
@click.option(
    "--faults", type=click.IntRange(min=0), default=0, show_default=True,
    help="How many faults may be chosen: crashes, and on cluster lost, doubled, late messages.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(min=0.1), default=20.0, show_default=True,
    help="Most time of a search from here.",
)  # fmt: skip
@json_option
def command(
    spec: str, port: int, params: tuple[str, ...], network: str, time_model: str, faults: int,
    seconds: float, as_json: bool,
) -> int:  # fmt: skip
    """\b
    simkernel explore specs/guide/agent_fsm.py
    simkernel explore specs/concurrency/philosophers.py --port 8800 --time any
    simkernel explore specs/concurrency/two_phase_commit.py --network cluster --faults 1

    Drive the system of SPEC by hand, on a page of this machine: what may happen next are buttons,
    beside them the run so far, the supervision tree and all states. Undo; search from here for
    what can go wrong; save what you have found for `simkernel replay`. The address holds the path.

    Open the address that is printed; nobody without it is answered. Ctrl-C ends it, with exit
    code 0.
    """
    given = parameters_of(load(spec), params)
    settings = Settings(network=network, time=time_model, faults=faults, picker="recorded")
    search = {
        "spec": spec, "parameters": parameters_text(given), "settings": settings.to_json(),
        "seconds": seconds,
    }  # fmt: skip
    told = [f"{name}={value}" for name, value in parameters_text(given).items()]
    told += [f"network {network}", f"time {time_model}"] + ([f"faults {faults}"] if faults else [])
    desk = Desk(Journey(spec, given, settings), Path(TRACES), search, told)
    try:
        server = Server(desk, secrets.token_urlsafe(TOKEN_BYTES), port)
    except OSError as error:
        raise UsageError(
            f"port {port} cannot be had: {error.strerror}",
            where="--port",
            hint="Leave it out: a free one is taken.",
        ) from error
    if as_json:
        emit({"schema": "simkernel.explore/1", "spec": spec, "address": server.address,
              "port": server.server_port})  # fmt: skip
    else:
        click.echo(f"exploring {spec}: {server.address}")
        click.echo("Ctrl-C ends it.", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return exit_codes.HELD
    finally:
        server.server_close()
        desk.close()
    return exit_codes.HELD
