"""Programs that others have counted the interleavings of, written anew from what they do.

What a process sees it logs, so that the outcomes of a program are all that can be told apart.
"""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ArgumentError,
    GenServer,
    Ok,
    Pid,
    Stop,
    alive,
    demonitor,
    ets,
    exit,
    log,
    monitor,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_monitor,
    unregister,
)

# --- Ends ----------------------------------------------------------------------------------------


async def _says_and_ends(to: Pid) -> None:
    send(to, "go")


async def _has_heard(ref: Any) -> bool:
    return await receive(("DOWN", ref, ANY, ANY, ANY), after=0) is not TIMEOUT


async def demonitors(flush: bool, info: bool) -> Any:
    """Hear from a child, look for its end, stop watching it, and look again."""
    _, ref = spawn_monitor(_says_and_ends, self_())
    await receive("go")
    before = await _has_heard(ref)
    told = None
    if flush or info:
        told = await demonitor(ref, flush=flush, info=info)
    else:
        demonitor(ref)
    return before, told, await _has_heard(ref)


async def two_killers() -> None:
    """Two end a third for the same reason; one of them writes first. Who watches looks whether it
    has, and fails if not; the table goes with him."""
    spawn(_watches_two_killers)


async def _watches_two_killers() -> None:
    await ets.new("t", named=True, access="public")
    victim, ref = spawn_monitor(_waits)
    for writes in (True, False):
        spawn(_kills, victim, writes)
    await receive(("DOWN", ref, ANY, ANY, "no reason"))
    if not await ets.lookup("t", "x"):
        exit(self_(), "nothing was written")


async def _waits() -> None:
    await receive("never", idle=True)


async def _kills(victim: Pid, writes: bool) -> None:
    if writes:
        try:
            await ets.insert("t", ("x", 1))
        except ArgumentError:
            log("the table was gone")
            return
    exit(victim, "no reason")


class Stops(GenServer):
    """Answers, and then ends."""

    def init(self, argument: Any) -> Any:
        return Ok(None)

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        return Stop("normal", "ok", state)


async def restarts() -> Any:
    """Start a server by its name, let it stop, and do so again."""
    for _ in range(2):
        match await GenServer.start(Stops, None, name="server"):
            case ("ok", pid):
                await GenServer.call(pid, "stop", timeout=None)
            case other:
                return other[1][0]
    return "ok"


# --- Servers -------------------------------------------------------------------------------------


async def workers(n: int, jobs: int) -> Any:
    """A server hands out jobs, results first; workers ask until there are none."""
    server = spawn(_hands_out, n, tuple(range(jobs)), self_())
    for _ in range(n):
        spawn(_works, server)
    return await receive(("results", ANY))


async def _hands_out(left: int, jobs: tuple[int, ...], main: Pid) -> None:
    results: list[int] = []
    while left or jobs:
        result = await receive(("result", ANY), after=0)
        if result is not TIMEOUT:
            results.append(result[1])
            continue
        match await receive(("job", ANY), "left"):
            case ("job", worker) if jobs:
                send(worker, ("job", jobs[0]))
                jobs = jobs[1:]
            case ("job", worker):
                send(worker, "none")
            case _:
                left -= 1
    send(main, ("results", tuple(sorted(results))))


async def _works(server: Pid) -> None:
    while True:
        send(server, ("job", self_()))
        job = await receive(("job", ANY), "none")
        if job == "none":
            send(server, "left")
            return
        send(server, ("result", job[1] + 10))


async def workers_again(n: int, jobs: int, again: int) -> Any:
    """The same, but what comes back is handed out again, all of it, for `again` jobs more; before
    each of them the server waits for all results."""
    server = spawn(_hands_out_again, n, tuple(range(jobs)), again, self_())
    for _ in range(n):
        spawn(_works, server)
    return await receive(("results", ANY))


async def _hands_out_again(left: int, jobs: tuple[int, ...], again: int, main: Pid) -> None:
    many = len(jobs)
    while left or again or jobs:
        match await receive(("job", ANY), "left"):
            case ("job", worker):
                if not jobs and again:
                    jobs, again = await _results(many), again - 1
                send(worker, ("job", jobs[0]) if jobs else "none")
                jobs = jobs[1:]
            case _:
                left -= 1
    send(main, ("results", tuple(sorted(await _results(many)))))


async def _results(many: int) -> tuple[int, ...]:
    found: tuple[int, ...] = ()
    for _ in range(many):
        found = ((await receive(("result", ANY)))[1], *found)
    return found


async def registry(n: int) -> Any:
    """`n` ask a registry whether they may have its one place; then a token asks each of them."""
    main = self_()
    spawn(_keeps_the_place, main)
    await receive("ready")
    following = main
    for _ in range(n):
        following = spawn(_wants_the_place, following)
    send(following, ("token", ()))
    _, told = await receive(("token", ANY))
    await send("registry", "stop")
    return told


async def _keeps_the_place(main: Pid) -> None:
    await register(self_(), "registry")
    send(main, "ready")
    holder: Pid | None = None
    while True:
        match await receive("stop", ("want", Pid), ("DOWN", ANY, ANY, ANY, ANY)):
            case "stop":
                return
            case ("want", pid):
                free = holder is None or not await alive(holder)
                if free:
                    monitor(pid)
                    holder = pid
                send(pid, free)
            case ("DOWN", _, _, pid, _) if pid == holder:
                holder = None


async def _wants_the_place(following: Pid) -> None:
    await send("registry", ("want", self_()))
    mine = await receive(bool)
    _, told = await receive(("token", ANY))
    send(following, ("token", (mine, *told)))


async def paxos(proposers: int, acceptors: int) -> None:
    """Each proposer tries once, with a ballot of its own; who is not promised enough waits."""
    members = tuple([spawn(_accepts) for _ in range(acceptors)])
    for ballot in range(proposers):
        spawn(_proposes, members, ballot)
    await receive("never", idle=True)


async def _accepts() -> None:
    promised, accepted = -1, (-1, None)
    while True:
        match await receive(("prepare", ANY, ANY), ("accept", ANY, ANY), idle=True):
            case ("prepare", ballot, proposer):
                if ballot > promised:
                    promised = ballot
                    send(proposer, ("promise", accepted))
            case ("accept", ballot, value):
                if ballot >= promised:
                    promised, accepted = ballot, (ballot, value)
                    log((self_(), accepted))


async def _proposes(members: tuple[Pid, ...], ballot: int) -> None:
    for member in members:
        send(member, ("prepare", ballot, self_()))
    promises = [(await receive(("promise", ANY)))[1] for _ in range(len(members) // 2 + 1)]
    before = max(promises, key=lambda accepted: accepted[0])[1]
    value = ballot if before is None else before
    for member in members:
        send(member, ("accept", ballot, value))


# --- Shared cells --------------------------------------------------------------------------------


async def shared_pointer(times: int) -> None:
    """Two write where a cell points to, after `times` of work at cells of their own."""
    await ets.new("t", named=True, access="public")
    for row in (("x", 3), ("y", 4), ("c1", 0), ("c2", 0), ("p", "nowhere")):
        await ets.insert("t", row)
    first = spawn(_points, "y", "x", "c1", 3, times, self_())
    second = spawn(_points, "x", "y", "c2", 2, times, first)
    send(second, "ok")
    await receive("ok")


async def _value(key: str) -> Any:
    return (await ets.lookup("t", key))[0][1]


async def _points(to: str, reads: str, own: str, more: int, times: int, following: Pid) -> None:
    await ets.insert("t", ("p", to))
    for _ in range(times):
        await ets.insert("t", (own, await _value(own) + await _value(reads)))
    cell = await _value("p")
    await ets.insert("t", (cell, await _value(cell) + more))
    log((self_(), await _value("x"), await _value("y")))
    await receive("ok")
    send(following, "ok")


async def hijacks() -> None:
    """Another takes a name away, and looks whether there is something for it, while a third sends
    to the name; who gets it tells a fourth, and ends."""
    spawn(_has_the_name)


async def _has_the_name() -> None:
    await register(self_(), "name")
    spawn(_sends_by_name)
    told = spawn(_is_told)
    spawn(_takes_the_name, told)
    await receive("hello")
    send(told, "it came")


async def _is_told() -> None:
    log(await receive(ANY))


async def _takes_the_name(told: Pid) -> None:
    await unregister("name")
    await register(self_(), "name")
    if await receive("hello", after=0) is not TIMEOUT:
        send(told, "it came to another")


async def _sends_by_name() -> None:
    try:
        await send("name", "hello")
    except ArgumentError:
        log("nobody has that name")


async def barber(customers: int, chairs: int) -> None:
    """Who finds no chair free goes; the barber takes them one by one."""
    shop = spawn(_cuts, chairs, customers)
    for number in range(customers):
        spawn(_enters, shop, number)
    await receive("never", idle=True)


async def _cuts(chairs: int, left: int) -> None:
    waiting: list[Pid] = []
    busy = False
    while left or waiting or busy:
        match await receive(("enters", Pid), "done"):
            case ("enters", customer):
                left -= 1
                if not busy:
                    busy = True
                    send(customer, "now")
                elif len(waiting) < chairs:
                    waiting.append(customer)
                else:
                    send(customer, "full")
            case _:
                busy = bool(waiting)
                if waiting:
                    send(waiting.pop(0), "now")


async def _enters(shop: Pid, number: int) -> None:
    send(shop, ("enters", self_()))
    told = await receive(str)
    log((number, told))
    if told == "now":
        send(shop, "done")


async def stack(n: int) -> None:
    """`n` push onto a list that hangs on one cell: they look for its top, and put theirs there if
    nobody has meanwhile."""
    await ets.new("t", named=True, access="public")
    for number in range(n):
        spawn(_pushes, number)
    await receive("never", idle=True)


async def _pushes(number: int) -> None:
    height = 0
    while True:
        while await ets.member("t", height):
            height += 1
        if await ets.insert_new("t", (height, number)):
            log((number, height))
            return
