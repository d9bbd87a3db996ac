"""Small systems that traces are made of."""

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    Exit,
    between,
    choose,
    ets,
    link,
    log,
    process_flag,
    receive,
    register,
    self_,
    send,
    send_after,
    spawn,
    spawn_link,
    spawn_monitor,
    whereis,
    work,
)


async def worker(parent: Any, number: int) -> None:
    """Work for a while, then report; the third one crashes."""
    await work(between(1, 20))
    if number == 2:
        raise Exit(("boom", number))
    send(parent, ("done", number, [number]))


async def sink() -> None:
    """Take messages until there is nothing for a while."""
    while await receive(after=30) is not TIMEOUT:
        pass


async def main(workers: int = 3, table: str = "t") -> Any:
    """Use most kinds of events once."""
    me = self_()
    process_flag("trap_exit", True)
    await register(me, "main")
    await ets.new(table, named=True, access="public")
    for number in range(workers):
        spawn_link(worker, me, number)
    quiet, ref = spawn_monitor(sink)
    send_after(me, "tick", 5)
    log("started", workers)
    seen = []
    for _ in range(2 * workers + 1):
        seen.append(await receive(("done", ANY, ANY), ("EXIT", ANY, ANY), "tick"))
    await link(quiet)
    await ets.insert(table, ("seen", len(seen)))
    await send("main", await choose(["heads", "tails"]))
    toss = await receive("heads", "tails")
    assert await whereis("main") == me
    down = await receive(("DOWN", ref, ANY, ANY, ANY))
    spawn(sink)
    return toss, down[4]
