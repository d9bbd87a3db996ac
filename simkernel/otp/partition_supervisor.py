"""PartitionSupervisor: the same child several times, found by a key (section 24)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simkernel.kernel import ets
from simkernel.kernel.awaited import Awaited, routine
from simkernel.kernel.effects import send
from simkernel.otp import gen
from simkernel.otp.child_spec import ChildSpec, spec_of
from simkernel.otp.results import Absent
from simkernel.otp.supervisor import Supervisor
from simkernel.terms import ArgumentError, ErlangError, Exit, Pid, stable_hash

OPTIONS = ("child_spec", "name", "partitions", "with_arguments")
FLAGS = ("strategy", "max_restarts", "max_seconds")
PARTITIONS = 8  # OTP takes the number of schedulers; a run must not depend on the machine
_COUNT = "partitions"


class Partitions(Supervisor):
    """Owns the table of the partitions' pids, and supervises them."""

    async def init(self, argument: Any) -> Any:
        """Make the table, then start the partitions."""
        name, count, children, flags = argument
        await ets.new(name, named=True)
        await ets.insert(name, (_COUNT, count))
        return Supervisor.init(children, **{"strategy": "one_for_one", **flags})


class Started:
    """Where the start function of a partition is found."""

    @staticmethod
    async def start(start: Any, args: Any, name: str, partition: int) -> Any:
        """Start a partition and note its pid: a restarted one is found under the same key."""
        function = start[0] if len(start) == 2 else getattr(start[0], start[1])
        result = await gen.result_of(function(*args))
        match result:
            case ("ok", pid) | ("ok", pid, _):
                await ets.insert(name, (partition, pid))
        return result


class PartitionSupervisor:
    """Spread work over children: `await PartitionSupervisor.start_link(child_spec=C, name="P")`.

    `("via", PartitionSupervisor, ("P", key))` is the name of the child for a key: for a number
    it is the remainder, for any other term a hash (rule 24.2).
    """

    @staticmethod
    @routine
    async def start_link(given: Any = Absent, /, **options: Any) -> Any:
        """Start it; options are child_spec, name, partitions, with_arguments and a supervisor's."""
        options = {**({} if given is Absent else dict(given)), **options}
        name, count, children = _children(options)
        flags = {key: options[key] for key in FLAGS if key in options}
        argument = (name, count, children, flags)
        return await gen.result_of(Supervisor.start_link(Partitions, argument, name=name))

    @staticmethod
    def child_spec(options: Any) -> ChildSpec:
        """Give the spec of one as a child; its id is its name."""
        options = dict(options)
        start = (PartitionSupervisor, "start_link", (options,))
        return ChildSpec(
            id=options.get("name", PartitionSupervisor), start=start, type="supervisor"
        )

    @staticmethod
    @routine
    async def partitions(name: str) -> int:
        """Give the number of partitions; an unknown name exits with noproc (rule 24.5)."""
        try:
            found: int = await ets.lookup_element(name, _COUNT, 2)
        except ErlangError:
            raise Exit(("noproc", (PartitionSupervisor, "partitions", (name,)))) from None
        return found

    @staticmethod
    @routine
    async def whereis_name(term: Any) -> Pid | str:
        """Give the child for (name, key), or "undefined"."""
        name, key = term
        count = await gen.result_of(PartitionSupervisor.partitions(name))
        at = abs(key) % count if type(key) is int else stable_hash(key) % count
        for _, pid in await ets.lookup(name, at):
            return pid  # type: ignore[no-any-return]
        return "undefined"

    @staticmethod
    @routine
    async def send(term: Any, message: Any) -> Any:
        """Send to the child for (name, key)."""
        pid = await gen.result_of(PartitionSupervisor.whereis_name(term))
        send(pid, message)
        return message

    @staticmethod
    def which_children(name: Any) -> Awaited[Any]:
        """List (partition, pid, type, modules), the last started first."""
        return Supervisor.which_children(name)

    @staticmethod
    def count_children(name: Any) -> Awaited[Any]:
        """Count specs, active children, supervisors and workers."""
        return Supervisor.count_children(name)

    @staticmethod
    def stop(name: Any, reason: Any = "normal", timeout: int | None = None) -> Awaited[Any]:
        """Stop the children, the last first, and then the supervisor."""
        return Supervisor.stop(name, reason, timeout)


def _same(args: list[Any], partition: int) -> list[Any]:
    return args


def _children(options: dict[str, Any]) -> tuple[str, int, list[Any]]:
    """Read the options; a wrong one raises, in Elixir's words (rule 24.6)."""
    for option in options:
        if option not in (*OPTIONS, *FLAGS):
            raise ArgumentError(f"a PartitionSupervisor has no option {option!r}")
    if type(options.get("name")) is not str:
        raise ArgumentError("the name option must be given to PartitionSupervisor")
    if "child_spec" not in options:
        raise ArgumentError("the child_spec option must be given to PartitionSupervisor")
    count = options.get("partitions", PARTITIONS)
    if type(count) is not int or count < 1:
        raise ArgumentError(f"the partitions option must be a positive integer, got: {count!r}")
    adapt: Callable[[list[Any], int], Any] = options.get("with_arguments", _same)
    name, spec = options["name"], spec_of(options["child_spec"])
    start = spec.start
    modules = [start[0]] if spec.modules is Absent else spec.modules
    children = []
    for partition in range(count):
        args = adapt(list(start[-1]), partition)
        if type(args) is not list:
            raise ArgumentError(f"with_arguments must return a list, got: {args!r}")
        begin = (Started, "start", (start, args, name, partition))
        kept = {"restart": spec.restart, "type": spec.type, "significant": spec.significant}
        children.append(
            ChildSpec(id=partition, start=begin, shutdown=spec.shutdown, modules=modules, **kept)
        )
    return name, count, children
