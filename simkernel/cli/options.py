"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, TypeVar

import click

from simkernel.errors import UsageError
from simkernel.settings import NETWORKS
from simkernel.spec import Spec

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
network_option = click.option(
    "--network",
    type=click.Choice(NETWORKS),
    default="node",
    show_default=True,
    help="Order of signals: as on one node, or per pair only, as between nodes.",
)
param_option = click.option(
    "--param", "params", multiple=True, metavar="K=V", help="A parameter of the spec; repeatable."
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the picks."
)

report_option = click.option(
    "--report", "report_path", type=click.Path(), help="Write an HTML page of it there."
)


def milliseconds(_: click.Context, option: click.Parameter, text: str) -> tuple[float, float]:
    """Read `5` or `0..10`, in ms."""
    low, dots, high = text.partition("..")
    try:
        interval = (float(low), float(high if dots else low))
    except ValueError:
        interval = (-1.0, 0.0)
    if not 0 <= interval[0] <= interval[1]:
        raise click.BadParameter(f"{text!r} is neither ms nor low..high in ms, such as 0..10")
    return interval


def parameters_of(spec: Spec, params: tuple[str, ...]) -> dict[str, Any]:
    """Read `k=v` for each parameter, as the type that its default has."""
    given = {}
    for text in params:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"{text!r} is no parameter", where="--param", hint="Write --param name=value."
            )
        given[name] = _value(name, value, spec.parameters.get(name))
    spec.arguments(given)
    return given


def _value(name: str, text: str, default: Any) -> Any:
    if isinstance(default, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    if default is not None and type(value) is not type(default):
        if type(default) is float and type(value) is int:
            return float(value)
        raise UsageError(
            f"{name} takes {type(default).__name__}, not {text!r}",
            where="--param",
            hint=f"Its default is {default!r}.",
        )
    return value
