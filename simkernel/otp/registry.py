"""Registry: processes found by keys that are any terms (section 21).

A supervisor with a process a partition. The entries lie in public tables, so that registering and
looking up run in the caller; the processes are there to clear up after the dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

from simkernel.kernel import ets
from simkernel.kernel.awaited import Awaited, routine
from simkernel.kernel.effects import (
    alive,
    link,
    make_ref,
    note,
    process_flag,
    self_,
    send,
    unlink,
)
from simkernel.kernel.patterns import ANY
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec
from simkernel.otp.gen_server import GenServer, NoReply, Ok, Reply
from simkernel.otp.results import Absent
from simkernel.otp.supervisor import Supervisor
from simkernel.terms import ArgumentError, ErlangError, Pid, Ref, equal, stable_hash

KINDS = ("unique", "duplicate")
# The keys of the registry's own table, beside the keys of its meta, which are no numbers.
_INFO = -1
OPTIONS = ("keys", "name", "partitions", "listeners", "meta")


class Partition(NamedTuple):
    """One partition: its process, the table of entries by key, the table of keys by pid."""

    server: Pid
    keys: Ref
    pids: Ref


class Info(NamedTuple):
    """What a registry knows of itself; its partition, if it has one only, to save a lookup."""

    kind: str
    partitions: int
    listeners: tuple[str, ...]
    only: Partition | None = None


# --- The processes -------------------------------------------------------------------------------


class RegistrySupervisor(Supervisor):
    """Owns the table of what a registry is, and supervises its partitions."""

    async def init(self, argument: Any) -> Any:
        """Make the table, then start the partitions.

        The entries of a process may lie in the tables of any partition of a unique registry, but
        in one only of a duplicate one: so all have to start again, or only one.
        """
        name, info, meta = argument
        await ets.new(name, named=True, access="public")
        await ets.insert(name, [(_INFO, *info), *meta])
        children = [
            {
                "id": f"{name}.PIDPartition{at}",
                "start": (PartitionServer, "start_link", ((name, info, at),)),
            }
            for at in range(info.partitions)
        ]
        strategy = "one_for_all" if info.kind == "unique" else "one_for_one"
        return Supervisor.init(children, strategy=strategy)


class PartitionServer(GenServer):
    """Owns the tables of one partition, and removes the entries of processes that died."""

    @staticmethod
    def start_link(argument: Any) -> Any:
        """Start it under the name by which tools know it."""
        name, _, at = argument
        return GenServer.start_link(PartitionServer, argument, name=f"{name}.PIDPartition{at}")

    async def init(self, argument: Any) -> Any:
        """Make the tables and tell the registry where they are."""
        process_flag("trap_exit", True)
        name, info, at = argument
        kind = "set" if info.kind == "unique" else "duplicate_bag"
        keys = await ets.new(f"{name}.KeyPartition{at}", type=kind, access="public")
        pids = await ets.new(f"{name}.PIDPartition{at}", type="duplicate_bag", access="public")
        partition = Partition(self_(), keys, pids)
        if info.partitions == 1:
            await ets.insert(name, (_INFO, *info._replace(only=partition)))
        else:
            await ets.insert(name, (at, partition))
        return Ok(pids)

    def handle_call(self, request: Any, caller: Any, pids: Any) -> Any:
        """Answer "sync": whoever asks knows that what came before is done."""
        match request:
            case "sync":
                return Reply("ok", pids)

    async def handle_info(self, message: Any, pids: Any) -> Any:
        """Remove the entries of a process that died."""
        match message:
            case ("EXIT", pid, _):
                for _, key, keys, _ in await ets.take(pids, pid):
                    # The table may have gone with its partition.
                    with suppress(ErlangError):
                        await ets.match_delete(keys, (key, (pid, ANY)))
                return NoReply(pids)
            case _:
                return GenServer.handle_info(self, message, pids)


# --- Starting ------------------------------------------------------------------------------------


def _checked(options: dict[str, Any]) -> tuple[str, Info, list[tuple[Any, Any]]]:
    """Read the options of a registry; a wrong one raises, in Elixir's words (rule 21.3)."""
    kind = options.get("keys")
    if kind not in KINDS:
        raise ArgumentError(
            f"expected keys to be given and be one of 'unique' or 'duplicate', got: {kind!r}"
        )
    if "name" not in options:
        raise ArgumentError("expected the name option to be present")
    name = options["name"]
    if type(name) is not str:
        raise ArgumentError(f"expected name to be a str, got: {name!r}")
    meta = options.get("meta", {})
    if type(meta) is list and all(type(x) is tuple and len(x) == 2 for x in meta):
        meta = dict(meta)
    if type(meta) is not dict or not all(type(key) is str for key in meta):
        raise ArgumentError(f"expected meta to be a dict with names as keys, got: {meta!r}")
    partitions = options.get("partitions", 1)
    if type(partitions) is not int or partitions < 1:
        raise ArgumentError(f"expected partitions to be a positive integer, got: {partitions!r}")
    listeners = options.get("listeners", [])
    if type(listeners) not in (list, tuple) or not all(type(x) is str for x in listeners):
        raise ArgumentError(
            f"expected listeners to be a list of named processes, got: {listeners!r}"
        )
    for option in options:
        if option not in OPTIONS:
            raise ArgumentError(f"a registry has no option {option!r}; it has {OPTIONS}")
    return name, Info(kind, partitions, tuple(listeners)), list(meta.items())


# --- Finding a partition -------------------------------------------------------------------------


async def info_of(registry: Any) -> Info:
    """Give what a registry knows of itself; an unknown one raises (rule 21.2)."""
    if type(registry) is str:
        for row in await _rows(registry, _INFO):
            return Info(*row[1:])
    raise ArgumentError(f"unknown registry: {registry}")


async def _rows(registry: str, key: Any) -> list[Any]:
    try:
        return await ets.lookup(registry, key)
    except ErlangError:
        raise ArgumentError(f"unknown registry: {registry}") from None


async def partition_of(registry: str, info: Info, at: int) -> Partition:
    """Give a partition; before it has started for the first time there is none."""
    if info.only is not None:
        return info.only
    found: Partition = await ets.lookup_element(registry, at, 2)
    return found


def _place(term: Any, partitions: int) -> int:
    # As phash2: which one it is differs from Elixir, but it is always the same one.
    return stable_hash(term) % partitions if partitions > 1 else 0


async def _entries(keys: Ref, key: Any) -> list[tuple[Pid, Any]]:
    """Give the pid and value of every entry of a key; none if the table is gone."""
    try:
        return [entry for _, entry in await ets.lookup(keys, key)]
    except ErlangError:
        return []


async def _of_key(registry: str, info: Info, key: Any) -> list[Partition]:
    """Give the partitions that may have entries of a key: one if keys are unique."""
    if info.kind == "unique":
        return [await partition_of(registry, info, _place(key, info.partitions))]
    return [await partition_of(registry, info, at) for at in range(info.partitions)]


def _only_unique(info: Info, what: str) -> None:
    if info.kind != "unique":
        raise ArgumentError(f"{what} is not supported for {info.kind} registries")


async def _tell(info: Info, *message: Any) -> None:
    for listener in info.listeners:
        # As in Elixir: a listener that is not there is an error of who registers.
        await send(listener, message)


async def _take(info: Info, keys: Ref, server: Pid, key: Any, value: Any) -> tuple[str, Any]:
    """Enter the running process under a key; of a unique one the dead are removed (rule 21.8)."""
    entry = (key, (self_(), value))
    if info.kind == "duplicate":
        await ets.insert(keys, entry)
        return ("ok", server)
    while not await ets.insert_new(keys, entry):
        for row in await ets.lookup(keys, key):
            holder = row[1][0]
            if await alive(holder):
                return ("error", ("already_registered", holder))
            await ets.delete_object(keys, row)
    return ("ok", server)


async def _unlink_if_unregistered(partition: Partition) -> None:
    if not await ets.member(partition.pids, self_()):
        unlink(partition.server)


# --- The calls -----------------------------------------------------------------------------------


class Registry:
    """Register processes under keys: `await Registry.start_link(keys="unique", name="R")`.

    As a child: `(Registry, {"keys": "unique", "name": "R"})`. As a name of a server:
    `("via", Registry, ("R", key))`.
    """

    @staticmethod
    @routine
    async def start_link(given: Any = Absent, /, **options: Any) -> Any:
        """Start a registry; its options are keys, name, partitions, listeners and meta."""
        name, info, meta = _checked({**({} if given is Absent else dict(given)), **options})
        argument = (name, info, meta)
        return await gen.result_of(Supervisor.start_link(RegistrySupervisor, argument, name=name))

    @staticmethod
    def child_spec(options: Any) -> ChildSpec:
        """Give the spec of a registry as a child; its id is its name."""
        options = dict(options)
        start = (Registry, "start_link", (options,))
        return ChildSpec(id=options.get("name", Registry), start=start, type="supervisor")

    @staticmethod
    @routine
    async def register(registry: str, key: Any, value: Any) -> Any:
        """Register the running process; ("ok", pid of the partition) or the holder (21.6)."""
        info = await info_of(registry)
        own = await partition_of(registry, info, _place(self_(), info.partitions))
        keys = own.keys
        if info.kind == "unique":
            keys = (await partition_of(registry, info, _place(key, info.partitions))).keys
        # The pid's table first: from then on the entry is removed whenever this process dies.
        await link(own.server)
        row = (self_(), key, keys, make_ref())
        await ets.insert(own.pids, row)
        result = await _take(info, keys, own.server, key, value)
        if result[0] == "ok":
            note("registered", registry=registry, key=key)
            await _tell(info, "register", registry, key, self_(), value)
            return result
        await ets.delete_object(own.pids, row)
        if result[1][1] != self_():
            await _unlink_if_unregistered(own)
        return result

    @staticmethod
    @routine
    async def unregister(registry: str, key: Any) -> str:
        """Remove the running process's own entries of a key; "ok" always (rule 21.10)."""
        info = await info_of(registry)
        own = await partition_of(registry, info, _place(self_(), info.partitions))
        keys = own.keys
        if info.kind == "unique":
            keys = (await partition_of(registry, info, _place(key, info.partitions))).keys
        await ets.match_delete(keys, (key, (self_(), ANY)))
        await ets.match_delete(own.pids, (self_(), key, keys, ANY))
        await _unlink_if_unregistered(own)
        await _tell(info, "unregister", registry, key, self_())
        return "ok"

    @staticmethod
    @routine
    async def lookup(registry: str, key: Any) -> list[tuple[Pid, Any]]:
        """Give the (pid, value) of every entry of a key."""
        info = await info_of(registry)
        found = [
            entry
            for partition in await _of_key(registry, info, key)
            for entry in await _entries(partition.keys, key)
        ]
        if info.kind == "unique":
            return [entry for entry in found if await alive(entry[0])]
        return found

    @staticmethod
    @routine
    async def dispatch(
        registry: str, key: Any, function: Callable[[list[tuple[Pid, Any]]], Any]
    ) -> str:
        """Let `function` have the entries of a key, once a partition that has any (21.14)."""
        info = await info_of(registry)
        for partition in await _of_key(registry, info, key):
            entries = await _entries(partition.keys, key)
            if entries:
                await gen.result_of(function(entries))
        return "ok"

    @staticmethod
    @routine
    async def update_value(registry: str, key: Any, function: Callable[[Any], Any]) -> Any:
        """Replace the value of one's own entry; (new, old), or "error" if it is not own."""
        info = await info_of(registry)
        _only_unique(info, "Registry.update_value()")
        (partition,) = await _of_key(registry, info, key)
        for pid, old in await _entries(partition.keys, key):
            if pid == self_():
                new = await gen.result_of(function(old))
                await ets.insert(partition.keys, (key, (pid, new)))
                return (new, old)
        return "error"

    @staticmethod
    @routine
    async def keys(registry: str, pid: Pid) -> list[Any]:
        """Give the keys of a process, in a duplicate registry as often as it has them."""
        info = await info_of(registry)
        partition = await partition_of(registry, info, _place(pid, info.partitions))
        try:
            rows = await ets.lookup(partition.pids, pid)
        except ErlangError:
            return []
        keys = [key for _, key, _, _ in rows]
        return _distinct(keys) if info.kind == "unique" else keys

    @staticmethod
    @routine
    async def values(registry: str, key: Any, pid: Pid) -> list[Any]:
        """Give the values that a process has under a key."""
        info = await info_of(registry)
        at = _place(key if info.kind == "unique" else pid, info.partitions)
        partition = await partition_of(registry, info, at)
        return [value for holder, value in await _entries(partition.keys, key) if holder == pid]

    @staticmethod
    @routine
    async def count(registry: str) -> int:
        """Count all entries."""
        info = await info_of(registry)
        total = 0
        for at in range(info.partitions):
            described = await ets.info((await partition_of(registry, info, at)).keys)
            total += described[1] if described is not None else 0
        return total

    # --- Match specifications --------------------------------------------------------------------

    @staticmethod
    @routine
    async def match(registry: str, key: Any, pattern: Any, guards: Any = ()) -> list[Any]:
        """Give the (pid, value) of the entries of a key whose value fits a pattern (21.27)."""
        info = await info_of(registry)
        spec = _of_values(key, "_", pattern, guards, ("element", 2, "$_"))
        found = [
            await _selected(x.keys, ets.select, spec) for x in await _of_key(registry, info, key)
        ]
        return [entry for entries in found for entry in entries or ()]

    @staticmethod
    @routine
    async def count_match(registry: str, key: Any, pattern: Any, guards: Any = ()) -> int:
        """Count them."""
        info = await info_of(registry)
        spec = _of_values(key, "_", pattern, guards, True)
        partitions = await _of_key(registry, info, key)
        return sum([await _selected(x.keys, ets.select_count, spec) or 0 for x in partitions])

    @staticmethod
    @routine
    async def unregister_match(registry: str, key: Any, pattern: Any, guards: Any = ()) -> str:
        """Remove the running process's own entries of a key whose value fits (21.28)."""
        info = await info_of(registry)
        own = await partition_of(registry, info, _place(self_(), info.partitions))
        keys = own.keys
        if info.kind == "unique":
            keys = (await partition_of(registry, info, _place(key, info.partitions))).keys
        total = await ets.select_count(keys, _of_values(key, self_(), "_", (), True))
        spec = _of_values(key, self_(), pattern, guards, True)
        deleted = await ets.select_delete(keys, spec)
        rows = [row for row in await ets.lookup(own.pids, self_()) if equal(row[1], key)]
        for row in rows[:deleted]:
            await ets.delete_object(own.pids, row)
        if deleted == total:
            await _unlink_if_unregistered(own)
            await _tell(info, "unregister", registry, key, self_())
        return "ok"

    @staticmethod
    @routine
    async def select(registry: str, spec: Any) -> list[Any]:
        """Give what a match specification over (key, pid, value) makes of all entries (21.29)."""
        info = await info_of(registry)
        made = _of_entries(spec)
        found: list[Any] = []
        for at in range(info.partitions):
            keys = (await partition_of(registry, info, at)).keys
            found += await _selected(keys, ets.select, made) or ()
        return found

    @staticmethod
    @routine
    async def count_select(registry: str, spec: Any) -> int:
        """Count the entries for which a match specification gives True."""
        info = await info_of(registry)
        made = _of_entries(spec)
        total = 0
        for at in range(info.partitions):
            keys = (await partition_of(registry, info, at)).keys
            total += await _selected(keys, ets.select_count, made) or 0
        return total

    # --- Meta ------------------------------------------------------------------------------------

    @staticmethod
    @routine
    async def meta(registry: str, key: Any) -> Any:
        """Give ("ok", value) of what the registry is told to remember, or "error"."""
        for row in await _rows(registry, _meta_key(key)):
            return ("ok", row[1])
        return "error"

    @staticmethod
    @routine
    async def put_meta(registry: str, key: Any, value: Any) -> str:
        """Have the registry remember a value."""
        await _written(registry, ets.insert, (_meta_key(key), value))
        return "ok"

    @staticmethod
    @routine
    async def delete_meta(registry: str, key: Any) -> str:
        """Have it forget one."""
        await _written(registry, ets.delete, _meta_key(key))
        return "ok"

    # --- Names: ("via", Registry, (registry, key)) -----------------------------------------------

    @staticmethod
    @routine
    async def whereis_name(term: Any) -> Pid | str:
        """Give the process behind (registry, key) or (registry, key, value), or "undefined"."""
        registry, key, _ = _name(term)
        info = await info_of(registry)
        _only_unique(info, "a via name")
        (partition,) = await _of_key(registry, info, key)
        for pid, _ in await _entries(partition.keys, key):
            if await alive(pid):
                return pid
        return "undefined"

    @staticmethod
    @routine
    async def register_name(term: Any, pid: Pid) -> str:
        """Register the running process, which `pid` has to be."""
        registry, key, value = _name(term)
        if pid != self_():
            raise ErlangError("function_clause")
        result = await gen.result_of(Registry.register(registry, key, value))
        return "yes" if result[0] == "ok" else "no"

    @staticmethod
    @routine
    async def unregister_name(term: Any) -> str:
        """Give the name back."""
        registry, key, _ = _name(term)
        await gen.result_of(Registry.unregister(registry, key))
        return "ok"

    @staticmethod
    @routine
    async def send(term: Any, message: Any) -> Any:
        """Send to the process behind a name; a free one raises badarg (rule 21.18)."""
        registry, key, _ = _name(term)
        match await gen.result_of(Registry.lookup(registry, key)):
            case [(pid, _)]:
                send(pid, message)
                return message
            case []:
                raise ArgumentError(f"no process is registered as {term!r}")
            case several:  # of a duplicate registry: there is no clause for them
                raise ErlangError(("case_clause", several))


def _of_values(key: Any, pid: Any, pattern: Any, guards: Any, body: Any) -> Any:
    """Give the specification over rows (key, (pid, value)) of one key."""
    same = ("=:=", ("element", 1, "$_"), ("const", key))
    return [(("_", (pid, pattern)), [same, *guards], [body])]


def _of_entries(spec: Any) -> Any:
    """Give a specification over (key, pid, value) as one over rows; a wrong one raises (21.29)."""
    made = []
    if type(spec) is not list:
        raise ArgumentError("invalid match specification in Registry.select()")
    for clause in spec:
        match clause:
            case ((key, pid, value), list() as guards, list() as body):
                made.append(((key, (pid, value)), guards, body))
            case _:
                raise ArgumentError(f"invalid match specification in Registry.select(): {clause!r}")
    return made


async def _selected(keys: Ref, operation: Callable[..., Awaited[Any]], spec: Any) -> Any:
    return await operation(keys, spec)


def _name(term: Any) -> tuple[str, Any, Any]:
    match term:
        case (registry, key):
            return registry, key, None
        case (registry, key, value):
            return registry, key, value
    return _bad_name(term)


def _bad_name(term: Any) -> NoReturn:
    raise ArgumentError(f"{term!r} is no (registry, key) or (registry, key, value)")


def _meta_key(key: Any) -> Any:
    if type(key) not in (str, tuple, bool) and key is not None:
        raise ErlangError("function_clause")
    return key


async def _written(registry: str, operation: Callable[..., Awaited[Any]], what: Any) -> None:
    try:
        await operation(registry, what)
    except ErlangError:
        raise ArgumentError(f"unknown registry: {registry}") from None


def _distinct(keys: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    for key in keys:
        if not any(equal(key, other) for other in kept):
            kept.append(key)
    return kept
