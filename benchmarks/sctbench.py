"""The CS family of SCTBench, written anew as programs of processes.

A shared variable is a cell of a table, a mutex is a process that is asked, a thread is a process
that tells main when it is done. What each has wrong is what the program of that name has wrong: an
order that nobody forbids, a lock that does not cover enough, or locks taken in two orders. A run
shows it as a process that crashes (`wrong`), or as processes that wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel import Exit, ets, receive, self_, send, spawn

Program = tuple[Callable[..., Any], dict[str, int]]


# --- Variables, mutexes, threads ---------------------------------------------------------------


async def variables(**values: Any) -> None:
    """Make shared variables."""
    await ets.new("v", named=True, access="public")
    for name, value in values.items():
        await ets.insert("v", (name, value))


async def get(name: Any) -> Any:
    """Read a variable."""
    return await ets.lookup_element("v", name, 2)


async def put(name: Any, value: Any) -> None:
    """Write a variable."""
    await ets.insert("v", (name, value))


async def add(name: Any, amount: int) -> None:
    """Read a variable, then write it: two steps."""
    await put(name, await get(name) + amount)


async def mutex() -> None:
    """Be a mutex."""
    while True:
        _, owner = await receive(("take", object), idle=True)
        send(owner, ("taken", self_()))
        await receive(("free", owner), idle=True)


async def take(lock: Any) -> None:
    """Wait for a mutex."""
    send(lock, ("take", self_()))
    await receive(("taken", lock))


def free(lock: Any) -> None:
    """Give a mutex back."""
    send(lock, ("free", self_()))


async def thread(main: Any, body: Any, *args: Any) -> None:
    """Run a body, then tell main."""
    await body(*args)
    send(main, "done")


async def together(*bodies: tuple[Any, ...]) -> None:
    """Run bodies side by side until all are done."""
    for body in bodies:
        spawn(thread, self_(), *body)
    for _ in bodies:
        await receive("done")


def wrong(when: bool) -> None:
    """Crash: the assertion of the program fails."""
    if when:
        raise Exit("wrong")


# --- The programs ------------------------------------------------------------------------------


async def _changes_balance(amount: int) -> None:
    await add("balance", amount)


async def account() -> None:
    """A deposit and a withdrawal read and write the balance without a lock."""
    await variables(balance=10)
    await together((_changes_balance, 5), (_changes_balance, -3))
    wrong(await get("balance") != 12)


async def _lazy(lock: Any, amount: int) -> None:
    await take(lock)
    if amount:
        await add("data", amount)
    else:
        wrong(await get("data") >= 3)
    free(lock)


async def lazy01() -> None:
    """Under one lock two threads add 1 and 2; a third takes for granted that it is not last."""
    await variables(data=0)
    lock = spawn(mutex)
    await together((_lazy, lock, 1), (_lazy, lock, 2), (_lazy, lock, 0))


async def _holds_both(one: Any, other: Any) -> None:
    await take(one)
    await take(other)
    await add("counter", 1)
    free(other)
    free(one)


async def deadlock01() -> None:
    """Two threads take two locks in opposite orders."""
    await variables(counter=0)
    one, other = spawn(mutex), spawn(mutex)
    await together((_holds_both, one, other), (_holds_both, other, one))


async def _carter(first: Any, second: Any, counter: str) -> None:
    await take(first)
    await add(counter, 1)
    if await get(counter) == 1:
        await take(second)
    free(first)
    await take(first)
    await add(counter, -1)
    if await get(counter) == 0:
        free(second)
    free(first)


async def carter01() -> None:
    """Two threads count themselves under a lock each, and the first of each takes the other's."""
    await variables(a=0, b=0)
    one, other = spawn(mutex), spawn(mutex)
    await together((_carter, one, other, "a"), (_carter, other, one, "b"))


async def _phase(first: Any, second: Any, last: bool) -> None:
    await take(first)
    await take(second)
    free(first)
    if last:
        free(second)


async def phase01() -> None:
    """One of two threads forgets a lock that it holds."""
    one, other = spawn(mutex), spawn(mutex)
    await together((_phase, one, other, False), (_phase, one, other, True))


async def _stops() -> None:
    await put("stopping", True)
    await add("pending", -1)
    if await get("pending") == 0:
        await put("stopped", True)


async def _works() -> None:
    if await get("stopping"):
        return
    await add("pending", 1)
    wrong(await get("stopped"))
    await add("pending", -1)


async def bluetooth() -> None:
    """A driver is stopped between the look whether it is stopping and the begin of some work."""
    await variables(pending=1, stopping=False, stopped=False)
    await together((_stops,), (_works,))


async def _pushes(lock: Any, count: int) -> None:
    for _ in range(count):
        await take(lock)
        await add("top", 1)
        free(lock)
        await put("flag", True)


async def _pops(lock: Any, count: int) -> None:
    for _ in range(count):
        if await get("flag"):
            await take(lock)
            wrong(await get("top") == 0)
            await add("top", -1)
            free(lock)


async def stack(count: int = 2) -> None:
    """A flag that something was pushed is never taken back: too much is popped."""
    await variables(top=0, flag=False)
    lock = spawn(mutex)
    await together((_pushes, lock, count), (_pops, lock, count))


async def _enqueues(lock: Any, count: int) -> None:
    for value in range(count):
        await take(lock)
        tail = await get("tail")
        await put(("slot", tail), value)
        await put("tail", tail + 1)
        free(lock)


async def _dequeues(lock: Any, count: int) -> None:
    for value in range(count):
        if await get("tail") > await get("head"):
            await take(lock)
            head = await get("head")
            wrong(await get(("slot", head)) != value)
            await put("head", head + 1)
            free(lock)


async def queue(count: int = 2) -> None:
    """A reader counts its turns, and not what it has read."""
    await variables(head=0, tail=0)
    lock = spawn(mutex)
    await together((_enqueues, lock, count), (_dequeues, lock, count))


async def _sends(count: int) -> None:
    for value in range(count):
        await put("buffer", value)
        await put("full", True)


async def _receives(count: int) -> None:
    for value in range(count):
        if await get("full"):
            wrong(await get("buffer") != value)
            await put("full", False)


async def circular_buffer(count: int = 2) -> None:
    """A writer does not wait until its last value was read."""
    await variables(buffer=-1, full=False)
    await together((_sends, count), (_receives, count))


async def _passes(mine: str, other: str, more: int) -> None:
    await put(mine, (await get(other) + more) % 4)


async def token_ring() -> None:
    """Each of three takes its value from the one before it; nothing says in which order."""
    await variables(x1=1, x2=2, x3=1)
    await together((_passes, "x1", "x3", 1), (_passes, "x2", "x1", 0), (_passes, "x3", "x2", 0))
    wrong(len({await get("x1"), await get("x2"), await get("x3")}) > 1)


async def _locked_add(lock: Any) -> None:
    await take(lock)
    await add("x", 1)
    free(lock)


async def wronglock(n: int = 1) -> None:
    """One thread uses another lock than the `n` others."""
    await variables(x=0)
    right, other = spawn(mutex), spawn(mutex)
    await together((_locked_add, other), *[(_locked_add, right)] * n)
    wrong(await get("x") != n + 1)


async def _sets() -> None:
    await put("a", 1)
    await put("b", -1)


async def _sees() -> None:
    a, b = await get("a"), await get("b")
    wrong((a, b) == (1, 0))


async def reorder(n: int = 2) -> None:
    """`n` threads write a, then b; another reads between the two writes of the first."""
    await variables(a=0, b=0)
    await together(*[(_sets,)] * n, (_sees,))


async def _stages(one: Any, two: Any) -> None:
    await take(one)
    await put("one", 1)
    free(one)
    await take(two)
    await put("two", await get("one") + 1)
    free(two)


async def _watches(one: Any, two: Any) -> None:
    await take(one)
    first = await get("one")
    free(one)
    if first:
        await take(two)
        wrong(await get("two") != first + 1)
        free(two)


async def twostage(n: int = 1) -> None:
    """`n` threads write one variable under its lock, then another under its own."""
    await variables(one=0, two=0)
    one, two = spawn(mutex), spawn(mutex)
    await together(*[(_stages, one, two)] * n, (_watches, one, two))


async def _dines(left: Any, right: Any) -> None:
    await take(left)
    await take(right)
    free(right)
    free(left)


async def din_phil(n: int = 2) -> None:
    """Philosophers who all take the left fork first."""
    forks = [spawn(mutex) for _ in range(n)]
    await together(*[(_dines, forks[at], forks[(at + 1) % n]) for at in range(n)])


async def _allocates(inode: int, blocks: int) -> None:
    for at in range(blocks):
        block = (inode + at) % blocks
        if not await get(("busy", block)):
            wrong(not await ets.insert_new("v", (("owner", block), inode)))
            await put(("busy", block), True)
            return


async def fsbench(n: int = 2) -> None:
    """Each inode takes a block that it found free, without a lock in between."""
    await variables()
    for block in range(n):
        await put(("busy", block), False)
    await together(*[(_allocates, 0 if at < 2 else at, n) for at in range(n)])


PROGRAMS: tuple[Program, ...] = (
    (account, {}), (lazy01, {}), (deadlock01, {}), (carter01, {}), (phase01, {}), (bluetooth, {}),
    (stack, {}), (queue, {}), (circular_buffer, {}), (token_ring, {}), (wronglock, {"n": 1}),
    (wronglock, {"n": 3}), (reorder, {"n": 2}), (reorder, {"n": 4}), (reorder, {"n": 9}),
    (reorder, {"n": 19}), (twostage, {"n": 1}), (twostage, {"n": 10}), (din_phil, {"n": 2}),
    (din_phil, {"n": 4}), (din_phil, {"n": 7}), (fsbench, {"n": 3}),
)  # fmt: skip
"""All of them, in the sizes in which the random strategies are measured."""

SMALL: tuple[Program, ...] = (
    *PROGRAMS[:11], (wronglock, {"n": 2}), (reorder, {"n": 2}), (twostage, {"n": 1}),
    (din_phil, {"n": 2}), (din_phil, {"n": 3}), (fsbench, {"n": 2}),
)  # fmt: skip
"""Those in sizes of which every class of runs is seen in seconds."""
