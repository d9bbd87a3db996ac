"""Programs whose numbers of equivalence classes are known, by closed forms or published counts."""

from __future__ import annotations

from typing import Any

from simkernel import (
    ANY,
    TIMEOUT,
    ArgumentError,
    Exit,
    Pid,
    choose,
    ets,
    make_ref,
    process_flag,
    receive,
    register,
    self_,
    send,
    spawn,
    spawn_link,
)


async def for_ever() -> None:
    await receive("never", idle=True)


# --- Shared tables -------------------------------------------------------------------------------


async def table() -> None:
    await ets.new("t", named=True, access="public")


async def inserts(row: Any) -> None:
    await ets.insert("t", row)


async def value(key: Any) -> Any:
    return (await ets.lookup("t", key))[0][1]


async def readers(n: int) -> None:
    await table()
    spawn(inserts, ("x", 42))
    for number in range(n):
        spawn(_reads, number)
    await for_ever()


async def _reads(number: int) -> None:
    await ets.lookup("t", number)
    await ets.lookup("t", "x")


async def lastzero(n: int) -> None:
    await table()
    for number in range(n + 1):
        await inserts((number, 0))
    spawn(_searches, n)
    for number in range(1, n + 1):
        spawn(_adds_one, number)
    await for_ever()


async def _searches(n: int) -> None:
    while n > 0 and await value(n) != 0:
        n -= 1


async def _adds_one(number: int) -> None:
    await inserts((number, await value(number - 1) + 1))


async def indexer(n: int) -> None:
    await table()
    for number in range(n - 1, -1, -1):
        spawn(_indexes, number)
    await for_ever()


async def _indexes(number: int) -> None:
    for m in range(1, 5):
        word = 11 * m + number
        slot = 7 * word % 128
        while not await ets.insert_new("t", (slot, word)):
            slot = (slot + 1) % 128


async def writers(n: int) -> None:
    await table()
    for number in range(n):
        spawn(inserts, ("x", number))
    await for_ever()


async def rmw(n: int) -> None:
    await table()
    await inserts(("x", 0, -1))
    for number in range(n):
        spawn(_increments, number)
    await for_ever()


async def _increments(number: int) -> None:
    await inserts(("x", await value("x") + 1, number))


async def store_buffering() -> None:
    await table()
    await inserts(("x", 0))
    await inserts(("y", 0))
    spawn(_buffers, "x", "y")
    spawn(_buffers, "y", "x")
    await for_ever()


async def _buffers(mine: str, other: str) -> None:
    await inserts((mine, 1))
    await value(other)


async def insert_new(n: int) -> None:
    await table()
    for number in range(n):
        spawn(_locks, number)
    await for_ever()


async def _locks(number: int) -> None:
    await ets.insert_new("t", ("lock", number))


# --- Mailboxes -----------------------------------------------------------------------------------


async def says(to: Any, *words: Any) -> None:
    for word in words:
        send(to, word)


async def fan_in(n: int) -> Any:
    for number in range(n):
        spawn(says, self_(), number)
    return tuple([await receive() for _ in range(n)])


async def fan_in_selective(n: int) -> None:
    for number in range(n):
        spawn(says, self_(), number)
    for number in range(n):
        await receive(number)


async def fan_in_first(n: int) -> Any:
    for number in range(n):
        spawn(says, self_(), number)
    await receive()
    await for_ever()


async def fan_in_none(n: int) -> None:
    for number in range(n):
        spawn(says, self_(), number)
    await for_ever()


async def fan_in_of(n: int, k: int) -> None:
    for number in range(n):
        spawn(says, self_(), *[(number, serial) for serial in range(k)])
    for _ in range(n * k):
        await receive()


async def first_of(n: int, k: int) -> None:
    for number in range(n):
        spawn(says, self_(), number)
    for _ in range(k):
        await receive()


async def pairs(n: int) -> None:
    for number in range(n):
        spawn(says, spawn(_hears, number), number)
    await for_ever()


async def _hears(word: Any) -> None:
    await receive(word)


async def reporting_pairs(n: int) -> None:
    for number in range(n):
        spawn(says, spawn(_reports, self_(), number), number)
    for _ in range(n):
        await receive()


async def _reports(to: Any, number: int) -> None:
    await receive()
    send(to, number)


async def ping_pong(n: int) -> None:
    other = spawn(_pongs)
    for number in range(n):
        send(other, (self_(), number))
        await receive(number)


async def _pongs() -> None:
    while True:
        sender, number = await receive((ANY, ANY), idle=True)
        send(sender, number)


async def ring(n: int) -> None:
    following = self_()
    for _ in range(n):
        following = spawn(_passes_on, following)
    send(following, "token")
    await receive("token")


async def _passes_on(to: Any) -> None:
    send(to, await receive())


async def triangle() -> Any:
    spawn(_greets, self_(), spawn(_passes_on, self_()))
    return await receive(), await receive()


async def _greets(main: Any, other: Any) -> None:
    send(main, "hello")
    send(other, "world")


async def two_senders() -> None:
    for tag in "ab":
        spawn(says, self_(), (tag, 1), (tag, 2))
    for tag in "aabb":
        await receive((tag, ANY))


async def lock() -> None:
    while True:
        what, who = await receive(("acquire", ANY), ("stop", ANY), idle=True)
        if what == "stop":
            return
        send(who, "ok")
        await receive(("release", who))


async def mutex(n: int) -> None:
    held = spawn(lock)
    for number in range(n):
        spawn(_holds, self_(), (held,), number)
    for number in range(n):
        await receive(("done", number))
    send(held, ("stop", None))


async def _holds(main: Any, locks: tuple[Any, ...], number: int) -> None:
    for one in locks:
        send(one, ("acquire", self_()))
        await receive("ok")
    for one in reversed(locks):
        send(one, ("release", self_()))
    send(main, ("done", number))


async def philosophers(n: int, ordered: bool) -> Any:
    forks = [spawn(lock) for _ in range(n)]
    for number in range(n):
        mine = [number, (number + 1) % n]
        pair = sorted(mine) if ordered else mine
        spawn(_holds, self_(), tuple(forks[one] for one in pair), number)
    for number in range(n):
        await receive(("done", number))
    return "fed"


async def server(n: int, k: int) -> None:
    counter = spawn(_counts)
    for number in range(n):
        spawn(_calls, self_(), counter, number, k)
    for number in range(n):
        await receive(("done", number))
    send(counter, "stop")


async def _counts() -> None:
    count = 0
    while (message := await receive(idle=True)) != "stop":
        count += 1
        sender, ref = message
        send(sender, (ref, count))


async def _calls(main: Any, counter: Any, number: int, k: int) -> None:
    for _ in range(k):
        ref = make_ref()
        send(counter, (self_(), ref))
        await receive((ref, ANY))
    send(main, ("done", number))


# --- Names and signals ---------------------------------------------------------------------------


async def one_name(n: int) -> None:
    for _ in range(n):
        spawn(_takes_the_name)
    await for_ever()


async def _takes_the_name() -> None:
    try:
        await register(self_(), "one")
    except ArgumentError:
        return
    await for_ever()


async def trap(n: int) -> Any:
    process_flag("trap_exit", True)
    for number in range(n):
        spawn_link(_ends_with, number)
    return tuple([(await receive(("EXIT", ANY, ANY)))[2] for _ in range(n)])


async def _ends_with(reason: Any) -> None:
    raise Exit(reason)


# --- With time-outs, from published comparisons --------------------------------------------------


async def messages_1() -> None:
    poller = spawn(_polls_for_special)
    spawn(says, poller, "c")
    send(poller, "a")
    send(poller, "special")


async def _polls_for_special() -> None:
    by_name = await receive("special", after=0) is not TIMEOUT
    if not by_name:
        await receive("special")
    for word in ("a", "c"):
        await receive(word) if by_name else await receive()


async def same_messages_2() -> None:
    for tag in "ab":
        spawn(says, self_(), "unlock", (tag,))
    await receive("unlock")
    await receive((ANY,))


async def different_observers() -> None:
    for word in (("x", 0), ("y", 0), ("x", 1), "o"):
        spawn(says, self_(), word)
    if await receive("o", after=0) is TIMEOUT:
        await receive((ANY, ANY))
    else:
        await receive(("x", ANY))


async def receive_patterns(second: str) -> None:
    spawn(says, self_(), ("foo", 1), ("bar", 1))
    spawn(says, self_(), (second, 2))
    for tag in ("foo", "bar"):
        await receive((tag, ANY))


async def after_reduced() -> None:
    for word in "ab":
        spawn(says, self_(), word)
    taken, may_time_out = 0, True
    while taken < 2:
        if await receive(after=0 if may_time_out else None) is TIMEOUT:
            may_time_out = False
        else:
            taken += 1
    await receive(after=0)
    await for_ever()


async def calls_with_timeout(n: int) -> None:
    counter = spawn(_counts)
    for _ in range(n):
        spawn(_calls_impatiently, counter)
    await for_ever()


async def _calls_impatiently(counter: Any) -> None:
    ref = make_ref()
    send(counter, (self_(), ref))
    await receive((ref, ANY), after=100)


async def mutual_call() -> None:
    first, second = spawn(_serves), spawn(_serves)
    spawn(says, first, ("call", second))
    spawn(says, second, ("call", first))


async def _serves() -> None:
    while True:
        what, who = await receive(idle=True)
        if what == "call":
            send(who, ("ask", self_()))
            await receive("answer")
        else:
            send(who, "answer")


async def election(n: int) -> Any:
    """Chang and Roberts: the largest number that comes round has won."""
    nodes = [spawn(_elects, self_(), number) for number in range(n)]
    for number, node in enumerate(nodes):
        send(node, nodes[(number + 1) % n])
    return await receive()


async def _elects(main: Any, number: int) -> None:
    following = await receive(Pid)
    send(following, number)
    while (heard := await receive(int, idle=True)) != number:
        if heard > number:
            send(following, heard)
    send(main, ("elected", number))


async def two_phase_commit(n: int) -> Any:
    for number in range(n):
        spawn(_votes, self_(), number)
    votes = [await receive() for _ in range(n)]
    return all(yes for _, yes in votes)


async def _votes(to: Any, number: int) -> None:
    send(to, (number, await choose([True, False])))


async def chain(n: int, c: int) -> None:
    """Replication in a chain: clients write at its head, and its tail answers."""
    following = None
    for _ in range(n):
        following = spawn(_replicates, following)
    for number in range(c):
        spawn(_writes, self_(), following, number)
    for number in range(c):
        await receive(("done", number))


async def _replicates(following: Any) -> None:
    while True:
        what = await receive(ANY, idle=True)
        send(what[0] if following is None else following, what)


async def _writes(main: Any, head: Any, number: int) -> None:
    send(head, (self_(), number))
    await receive((self_(), number))
    send(main, ("done", number))
