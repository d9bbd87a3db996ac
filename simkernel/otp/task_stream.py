"""async_stream: many tasks, some at a time, on a process that watches them (19.30 to 19.45)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, NoReturn

from simkernel.errors import UsageError
from simkernel.kernel.awaited import Awaited, Receive, Rest, routine
from simkernel.kernel.effects import (
    cancel_timer,
    exit,
    link,
    monitor,
    process_flag,
    process_info,
    receive,
    self_,
    send,
    send_after,
    spawn_link,
)
from simkernel.kernel.patterns import ANY, TIMEOUT, Pattern
from simkernel.otp import gen
from simkernel.otp.task_process import callers, replying, unlink_and_exit
from simkernel.terms import ArgumentError, ErlangError, Exit, Pid, Ref

SCHEDULERS = 8
"""How many tasks run at a time unless told otherwise. OTP takes the number of cores; a run must not
depend on the machine that it runs on (rule 19.31)."""

TOO_MANY = "reached the maximum number of tasks for this task supervisor"


class Place(NamedTuple):
    """Where the tasks of a stream run: whose children they are, and whether they are linked.

    Without a supervisor they are linked to the stream's watching process, and children of nobody.
    """

    supervisor: Any = None
    links: bool = True
    shutdown: Any = None


class Options(NamedTuple):
    """The options of a stream."""

    max_concurrency: int = SCHEDULERS
    ordered: bool = True
    timeout: int | None = 5_000
    on_timeout: str = "exit"
    zip_input_on_exit: bool = False


def stream(
    items: Any,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    options: dict[str, Any],
    place: Place | None = None,
) -> Stream:
    """Make a stream; nothing runs until somebody asks for its first result."""
    for name in options:
        if name not in Options._fields:
            raise UsageError(
                f"async_stream() has no option {name!r}",
                hint=f"Its options are {', '.join(Options._fields)}.",
            )
    return Stream(items, function, args, Options(**options), place or Place())


class Stream:
    """The results to come: ("ok", value) or ("exit", reason) for each item.

        async for result in Task.async_stream(urls, fetch, max_concurrency=10): ...
        results = await Task.async_stream(urls, fetch).to_list()
        first = await Task.async_stream(urls, fetch).take(1)

    A loop that may be left early goes on an open one, which is closed at the end of the block.
    After a plain `break` the tasks run on: Python does not tell the loop's iterator of it.

        async with Task.async_stream(urls, fetch) as results:
            async for result in results: ...
    """

    __slots__ = ("args", "function", "items", "open", "options", "place")

    def __init__(
        self,
        items: Any,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        options: Options,
        place: Place,
    ):
        self.items = items
        self.function = function
        self.args = args
        self.options = options
        self.place = place
        self.open: list[Running] = []  # by `async with`, the innermost last

    def __aiter__(self) -> Running:
        return Running(self)

    async def __aenter__(self) -> Running:
        self.open.append(Running(self))
        return self.open[-1]

    async def __aexit__(self, *error: Any) -> None:
        await self.open.pop().close()

    def __iter__(self) -> NoReturn:
        raise UsageError(
            "async_stream() was used in a plain `for`",
            hint="Use `async for`, or `await Task.async_stream(...).to_list()`.",
        )

    def to_list(self) -> Awaited[list[Any]]:
        """Give all results."""
        return _taken(self, None)

    def take(self, count: int) -> Awaited[list[Any]]:
        """Give the first results, and kill what still runs then (rule 19.33)."""
        return _taken(self, count)


@routine
async def _taken(stream: Stream, count: int | None) -> list[Any]:
    found: list[Any] = []
    if count == 0:
        return found
    running = Running(stream)
    async for result in running:
        found.append(result)
        if len(found) == count:
            await running.close()
    return found


class Result(Pattern):
    """A task's reply or its end: ((ref, _), _), ("down", (ref, _), _), ("timed_out", (ref, _), _).

    As a class of its own it is matched in a third of the time: benchmarks/bench_tasks.py.
    """

    __slots__ = ("ref",)

    def __init__(self, ref: Ref):
        self.ref = ref

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match what the tasks of one stream send."""
        if type(value) is not tuple:
            return False
        if len(value) == 2:
            name = value[0]
        elif len(value) == 3 and value[0] in ("down", "timed_out"):
            name = value[1]
        else:
            return False
        return type(name) is tuple and len(name) == 2 and bool(name[0] == self.ref)

    def __repr__(self) -> str:
        return f"Result({self.ref})"


class Spawned(Pattern):
    """The answer to the request for a task: ("spawned", (ref, at), _), ("max_children", ref)."""

    __slots__ = ("at", "ref")

    def __init__(self, ref: Ref, at: int):
        self.ref = ref
        self.at = at

    def bind(self, value: Any, found: dict[str, Any]) -> bool:
        """Match the one or the other."""
        if type(value) is not tuple:
            return False
        if len(value) == 3:
            return bool(value[0] == "spawned" and value[1] == (self.ref, self.at))
        return len(value) == 2 and bool(value[0] == "max_children" and value[1] == self.ref)

    def __repr__(self) -> str:
        return f"Spawned({self.ref}, {self.at})"


class _Task(NamedTuple):
    """A task of a stream, as its caller knows it; `outcome` is None as long as it runs."""

    item: Any
    outcome: Any = None
    is_over: bool = False


class Running:
    """A stream that is being enumerated."""

    def __init__(self, stream: Stream):
        self.stream = stream
        self.free = stream.options.max_concurrency
        self.spawned = self.delivered = 0
        self.tasks: dict[int, _Task] = {}
        self.items: Any = None
        self.more = True
        self.monitor: Pid | None = None
        self.ref: Any = None
        self.is_closed = False

    def __aiter__(self) -> Running:
        return self

    def __anext__(self) -> Awaited[Any]:
        return _next(self)

    def close(self) -> Awaited[None]:
        """Kill the tasks that run, and wait until they are gone."""
        return _closed(self)

    # --- What `__anext__` does -------------------------------------------------------------------

    async def begin(self) -> None:
        """Start the process that the tasks hang on, and tell it its name."""
        given, most = self.stream, self.free
        if type(most) is not int or most < 1:
            raise ArgumentError("max_concurrency must be an integer greater than zero")
        items = given.items
        self.items = items.__aiter__() if hasattr(items, "__aiter__") else iter(items)
        me = self_()
        _, trapping = await process_info(me, "trap_exit")
        pid = spawn_link(Watching, me, trapping, given.place, given.options.timeout)
        self.monitor, self.ref = pid, monitor(pid)
        send(pid, (me, self.ref))

    async def next(self) -> Any:
        """Give the next result; the input is pulled as slots are free (rules 19.34 and 19.35)."""
        if self.monitor is None:
            await self.begin()
        while not self.is_closed:
            first = self.tasks.get(self.delivered)
            if self.stream.options.ordered and first is not None and first.is_over:
                del self.tasks[self.delivered]
                self.delivered += 1
                return first.outcome
            if self.more and self.free:
                await self.pull()
            elif self.spawned == self.delivered:
                await self.close()
            else:
                at = await self.hear()
                if at is not None and not self.stream.options.ordered:
                    self.delivered += 1
                    return self.tasks.pop(at).outcome
        raise StopAsyncIteration

    async def pull(self) -> None:
        """Take one item and start its task."""
        try:
            item = await _item(self.items)
        except BaseException as error:
            if type(error) in (StopIteration, StopAsyncIteration):
                self.more = False
                return
            if isinstance(error, GeneratorExit):
                raise
            await self.close()
            raise
        at, given = self.spawned, self.stream
        assert self.monitor is not None
        send(self.monitor, ("spawn", at))
        message = await self.wait(Spawned(self.ref, at))
        if message[0] == "max_children":
            await self.close()
            raise RuntimeError(TOO_MANY)
        work = (given.function, (item, *given.args))
        me = self_()
        send(message[2], (me, (self.ref, at), me, callers(), work))
        self.tasks[at] = _Task(item)
        self.spawned += 1
        self.free -= 1

    async def hear(self) -> int | None:
        """Take one message of the tasks; gives the position of a task that is over."""
        options = self.stream.options
        message = await self.wait(Result(self.ref))
        if len(message) == 2:
            at = message[0][1]
            task = self.tasks.get(at)
            if task is None or task.outcome is not None:
                # As in OTP: a reply that was overtaken by the end of its task (rule 19.45).
                raise ErlangError(("badmatch", tuple(self.tasks)))
            self.tasks[at] = _Task(task.item, ("ok", message[1]))
            return None
        what, (_, at), reason = message
        task = self.tasks[at]
        outcome = task.outcome
        if outcome is None:
            if what == "timed_out":
                reason = "timeout"
                if options.on_timeout == "exit":
                    await self.forget()
                    raise Exit(("timeout", self.place()))
            outcome = ("exit", (task.item, reason) if options.zip_input_on_exit else reason)
        self.tasks[at] = _Task(task.item, outcome, True)
        self.free += 1
        return at  # type: ignore[no-any-return]

    async def wait(self, pattern: Pattern) -> Any:
        """Wait for a message of the stream; the end of its watching process ends the caller."""
        down = ("DOWN", self.ref, ANY, ANY, ANY)
        why = ("async_stream", self.monitor)
        message = await gen.waiting(Receive((pattern, down), why=why))
        if message[0] == "DOWN":
            await self.forget()
            raise Exit((message[4], self.place()))
        return message

    def place(self) -> tuple[Any, ...]:
        """Give what the exits of a stream show."""
        return ("Task.Supervised", "stream", (self.stream.options.timeout,))

    async def forget(self) -> None:
        """Drop what the stream has left in the mailbox."""
        await receive(("EXIT", self.monitor, ANY), after=0)
        while await receive(Result(self.ref), after=0) is not TIMEOUT:
            pass


@routine
async def _next(running: Running) -> Any:
    return await running.next()


@routine
async def _closed(running: Running) -> None:
    if running.is_closed:
        return
    running.is_closed = True
    pid = running.monitor
    if pid is None:
        return
    send(pid, ("stop", running.ref))
    down = ("DOWN", running.ref, ANY, ANY, ANY)
    message = await gen.waiting(Receive((down,), why=("async_stream", pid)))
    await running.forget()
    if message[4] != "normal":
        raise Exit((message[4], running.place()))


async def _item(items: Iterator[Any] | AsyncIterator[Any]) -> Any:
    if isinstance(items, AsyncIterator):
        return await items.__anext__()
    try:
        return next(items)
    except StopIteration:
        raise StopAsyncIteration from None


# --- The watching process ------------------------------------------------------------------------


class _Watched(NamedTuple):
    at: int
    pid: Pid
    timer: Any
    has_timed_out: bool = False


class Watching(gen.Behaviour):
    """The process that starts the tasks of a stream, watches them, and tells the caller.

    So links and monitors are its own, and the caller gets none of their messages (rule 19.44).
    """

    __slots__ = ("place", "ref", "tasks", "timeout", "trapping", "watch")

    def __init__(self, caller: Pid, trapping: bool, place: Place, timeout: int | None):
        self.parent = caller
        self.trapping = trapping
        self.place = place
        self.timeout = timeout
        self.ref: Ref | None = None
        self.watch: Any = None
        self.tasks: dict[Ref, _Watched] = {}
        self.task = self.begin()

    async def begin(self) -> Rest:
        """Watch the caller, too, and wait for the name of the stream."""
        process_flag("trap_exit", self.trapping)
        self.watch = monitor(self.parent)
        return Rest(None, ((self.parent, ANY), ("DOWN", self.watch, ANY, ANY, ANY)))

    async def serve(self, message: Any) -> Rest:
        """Serve one message."""
        match message:
            case ("spawn", at):
                await self.spawn(at)
            case ("DOWN", watch, _, _, reason) if watch == self.watch:
                await self.leave(reason)
            case ("DOWN", ref, _, _, reason) if ref in self.tasks:
                at, _, timer, has_timed_out = self.tasks.pop(ref)
                if timer is not None:
                    await cancel_timer(timer)
                what = "timed_out" if has_timed_out else "down"
                send(self.parent, (what, (self.ref, at), reason))
            case ("timeout", (_, ref)) if ref in self.tasks:
                task = self.tasks[ref]
                if not task.has_timed_out:
                    unlink_and_exit(task.pid, "kill")
                    self.tasks[ref] = task._replace(has_timed_out=True)
            case ("stop", _):
                await self.stop()
            case (Pid() as caller, ref) if caller == self.parent and self.ref is None:
                self.ref = ref
        return Rest()

    async def spawn(self, at: int) -> None:
        """Start a task, which waits for its work."""
        pid = await self.started()
        if pid is None:
            send(self.parent, ("max_children", self.ref))
            return
        ref = monitor(pid)
        timer = None
        if self.timeout is not None:
            timer = send_after(self_(), ("timeout", (self.ref, ref)), self.timeout)
        send(self.parent, ("spawned", (self.ref, at), pid))
        self.tasks[ref] = _Watched(at, pid, timer)

    async def started(self) -> Pid | None:
        """Give a fresh task process; None if its supervisor takes no more."""
        supervisor, links, shutdown = self.place
        if supervisor is None:
            return spawn_link(replying, self.parent, False)
        request = ("start_task", (self.parent, True), "temporary", shutdown)
        result = await gen.ask(_CALL, (supervisor, request, None), request, None)
        if result[0] == "error":
            if result[1] == "max_children":
                return None
            raise ErlangError(("case_clause", result))
        pid: Pid = result[1]
        if links:
            await link(pid)
        return pid

    async def leave(self, reason: Any) -> NoReturn:
        """Go with the caller, and take the tasks along that are linked (rule 19.43)."""
        if self.place.links:
            for task in self.tasks.values():
                exit(task.pid, reason)
        raise Exit(reason)

    async def stop(self) -> NoReturn:
        """Kill all tasks, wait until they are gone, and end."""
        process_flag("trap_exit", True)
        for task in self.tasks.values():
            exit(task.pid, "kill")
        for ref in self.tasks:
            await gen.waiting(Receive((("DOWN", ref, ANY, ANY, ANY),), why="stopping"))
        raise Exit("normal")

    def save(self) -> tuple[Any, ...]:
        """Give the values that this process is between two messages."""
        return (self.ref, self.watch, tuple(self.tasks.items()))

    def load(self, values: tuple[Any, ...]) -> None:
        """Become what `save` gave."""
        self.close()
        self.task = None
        self.ref, self.watch, tasks = values
        self.tasks = dict(tasks)


_CALL = ("GenServer", "call")
