"""`simkernel timing --every-order`: which timeouts can come first in some order of events."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from checkers.chains import Chains, chains_everywhere
from checkers.slowness import Judged, Orders, Report
from checkers.timing import Bounds
from simkernel.cli import exit_codes
from simkernel.cli.terminal import Progress, emit
from simkernel.kernel.guards import guards
from simkernel.kernel.watchdog import watchdog
from simkernel.spec import Spec

SITUATIONS_MAX = 1_000_000


def shown(
    spec: Spec, given: Mapping[str, Any], bounds: Bounds, network: str, seconds: float,
    quiet: bool, as_json: bool,
) -> int:  # fmt: skip
    """Search, and print what was found; gives the exit code."""
    progress, start = Progress(quiet or as_json), time.monotonic()

    def over(share: float, what: str) -> Any:
        def asked(count: int) -> str:
            progress.show(f"{count} {what}")
            if count > SITUATIONS_MAX:
                return f"{SITUATIONS_MAX} {what} were seen"
            return f"{seconds:g} s are over" if time.monotonic() - start > share * seconds else ""

        return asked

    search = Orders(spec, given, bounds, network, over(0.8, "situations"))
    report, chains, interrupted = search.result, Chains([], 0, "interrupted", set(), set()), False
    try:
        with guards(), watchdog():
            search.report()
            chains = chains_everywhere(spec, given, network, over(1.0, "classes"))
    except KeyboardInterrupt:
        interrupted = True
        report.stopped = "interrupted"
    finally:
        progress.clear()
    code = exit_codes.INTERRUPTED if interrupted else exit_codes.HELD
    if as_json:
        emit({"schema": "simkernel.timing/1", "exit": code, "spec": spec.path, "network": network,
              "every_order": True, "situations": report.situations, "stopped": report.stopped,
              "classes": chains.classes, "classes_stopped": chains.stopped,
              "deadlines": [_object(one, report, chains) for one in report.deadlines],
              "chains": [{"deadline": one.outer.what, "process": one.outer.process,
                          "ms": one.outer.us / 1000, "inner": one.inner,
                          "inner_ms": one.inner_us / 1000} for one in chains.chains]})  # fmt: skip
        return code
    for line in _lines(report, chains):
        click.echo(line)
    return code


def _lines(report: Report, chains: Chains) -> Iterator[str]:
    for one in report.deadlines:
        yield f"{one.key.process}: {one.key.what}, {one.key.us / 1000:g} ms"
        yield from _of(one, report, chains)
    for chain in chains.chains:
        outer = chain.outer
        yield (f"{outer.process}: {outer.what} allows {outer.us / 1000:g} ms, the {chain.inner} "
               f"calls below it up to {chain.inner_us / 1000:g} ms: it may give up first, and "
               "their answers come too late")  # fmt: skip
    if not report.deadlines:
        yield "no timeout is set"
    if report.stopped:
        yield f"not every order was seen: {report.stopped}; {report.situations} situations"
    else:
        yield f"in every order of events: {report.situations} situations"
    if chains.stopped:
        yield f"chains of calls were looked at in {chains.classes} classes only: {chains.stopped}"


def _of(one: Judged, report: Report, chains: Chains) -> Iterator[str]:
    if one.fires:
        yield "    it comes first in some order within the bounds"
        return
    if one.within:
        yield "    it cannot come first, in whatever order"
    else:
        yield "    it came first in none of the orders that were seen, which are not all"
    for name, need in one.needs.items():
        sure = "" if need.exact else " (or less: not every order was seen)"
        yield f"    unless {name} takes {_ms(need.us)} ms or more{sure}"
    if one.open:
        yield f"    not decided for {', '.join(one.open)}"
    if _never(one, report, chains):
        yield "    it never comes, however slow all of this is"


def _never(one: Judged, report: Report, chains: Chains) -> bool:
    """Tell whether a deadline comes first in no run at all."""
    key = tuple(one.key)
    return bool(one.within and not one.needs and not one.open and not report.stopped
                and not chains.stopped and key not in chains.fired)  # fmt: skip


def _ms(us: Any) -> str:
    return f"{float(us) / 1000:,.3f}".rstrip("0").rstrip(".")


def _object(one: Judged, report: Report, chains: Chains) -> dict[str, Any]:
    return {
        "process": one.key.process, "what": one.key.what, "ms": one.key.us / 1000,
        "may_come_first": one.fires, "decided": one.fires or one.within,
        "needs_ms": {name: {"ms": float(need.us) / 1000, "exact": need.exact}
                     for name, need in one.needs.items()},
        "undecided": list(one.open), "never": _never(one, report, chains),
    }  # fmt: skip
