"""Random programs without end: two alike, whom nobody knows, go on for ever, and may ring.

With tags the two are told apart, by something that they never look at. Then each has one name in
the graph of situations, and what is fair can be told by names.
"""

from __future__ import annotations

from random import Random
from typing import Any

from simkernel import (
    ANY,
    again,
    cancel_timer,
    choose,
    ets,
    eventually,
    monitor,
    pin,
    receive,
    self_,
    send,
    send_after,
    spawn,
    spec,
)
from simkernel.spec import Spec, of

Ops = tuple[tuple[str, int], ...]
KINDS = ("put", "put", "when", "mine", "ours", "waits", "cancels", "helper", "skip")


def drawn(number: int, *, helpers: bool = True) -> Ops:
    """Draw what both do, again and again."""
    draw = Random(f"endless {number}")
    kinds = KINDS if helpers else tuple(kind for kind in KINDS if kind != "helper")
    ops = [(draw.choice(kinds), draw.randrange(2)) for _ in range(draw.choice((2, 3, 4)))]
    if not {"when", "ours", "helper"} & {kind for kind, _ in ops}:
        ops[draw.randrange(len(ops))] = (draw.choice(("when", "ours")), draw.randrange(2))
    return tuple(ops)


def program(ops: Ops, *, tagged: bool, fairness: str) -> Spec:
    """Make the spec of a program: in the end it rings."""

    async def main() -> Any:
        await ets.new("table", access="public", named=True)
        await ets.insert("table", ("at", 0))
        spawn(begins, ops, tagged)
        return again(idles)

    return of(spec(properties={"it rings": eventually(has_rung)}, fairness=fairness)(main))


def has_rung(world: Any) -> bool:
    """Tell whether anybody has."""
    return ("rung", True) in (world.table("table") or ())


async def idles() -> None:
    await receive("never", idle=True)


async def begins(ops: Ops, tagged: bool) -> None:
    """Start the two, and end."""
    pids = [spawn(comes, ops) for _ in range(2)]
    if {"mine", "ours"} & {kind for kind, _ in ops}:
        await ets.insert("table", ("turn", pids[0]))
    for tag, pid in enumerate(pids):
        send(pid, tag if tagged else 0)


async def comes(ops: Ops) -> Any:
    return again(goes, ops, await receive(ANY))


async def goes(ops: Ops, tag: int) -> Any:
    """Do all once."""
    for kind, value in ops:
        match kind:
            case "put":
                await ets.insert("table", ("at", value))
            case "when":
                if await ets.lookup_element("table", "at", 2) == value:
                    await rings()
            case "mine":
                await ets.insert("table", ("turn", self_()))
            case "ours":
                if (await ets.lookup_element("table", "turn", 2) == self_()) == bool(value):
                    await rings()
            case "helper":
                await has_helped(value)
            case "skip":
                if await choose([True, False]):
                    return again(goes, ops, tag)
            case _:
                await sets_timer(kind == "cancels")
    return again(goes, ops, tag)


async def rings() -> None:
    await ets.insert("table", ("rung", True))


async def sets_timer(cancels: bool) -> None:
    """Wait for a timer, or cancel it; who is too late for that rings."""
    timer = send_after(self_(), "now", 10)
    if not cancels:
        await receive("now")
    elif await cancel_timer(timer) is False:
        await rings()
        await receive("now")


async def has_helped(value: int) -> None:
    """Have a helper put something, or stop one whose timer rings."""
    one = spawn(helps, value)
    gone = monitor(one)
    send(one, "stop")
    await receive(("DOWN", pin(gone), ANY, ANY, ANY))


async def helps(value: int) -> None:
    if value:
        await sets_timer(cancels=True)
    else:
        await ets.insert("table", ("at", 1))
