"""What `process_info` tells of a process (section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simkernel.kernel.awaited import ASLEEP, Hibernated
from simkernel.kernel.effects import FLAGS, flag_of
from simkernel.kernel.process import AT_REST, BUSY, NEW, WAITING
from simkernel.terms import Pid, freeze, thaw

if TYPE_CHECKING:
    from simkernel.kernel.machine import Machine
    from simkernel.kernel.process import Process

KEYS = (
    "message_queue_len", "messages", "links", "monitors", "monitored_by", "trap_exit",
    "registered_name", "status", "priority", "current_function", "initial_call", "dictionary",
    "ancestors", "parent", "min_heap_size", "fullsweep_after", "message_queue_data",
)  # fmt: skip

STATUS_OF = {NEW: "runnable", BUSY: "running", WAITING: "waiting", AT_REST: "waiting"}

# Asking oneself for these reads what has arrived (lesson 7).
OF_THE_QUEUE = frozenset({"message_queue_len", "messages"})


def information(m: Machine, p: Process, keys: Any) -> Any:
    """Give (key, value) for one key, a list of pairs for several, in the order asked."""
    if isinstance(keys, str):
        return freeze((keys, thaw(_value(m, p, keys))))
    return freeze([(key, _value(m, p, key)) for key in keys])


def reads_queue(keys: Any) -> bool:
    """Tell whether one of `keys` reads the message queue."""
    return any(key in OF_THE_QUEUE for key in ([keys] if isinstance(keys, str) else keys))


def function_name(function: Any) -> str:
    """Give `module.name` of a function or class."""
    function = thaw(function)
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', '?')}.{name}"


def _value(m: Machine, p: Process, key: str) -> Any:
    if key in FLAGS:
        return flag_of(p, key)
    match key:
        case "message_queue_len":
            return len(p.mailbox or ())
        case "messages":
            return freeze([thaw(message) for message in p.mailbox or ()])
        case "links":
            return freeze(list(p.links or ()))
        case "monitors":
            return freeze([("process", target) for _, target in (p.monitors or {}).values()])
        case "monitored_by":
            return freeze([watcher for watcher, _ in (p.watchers or {}).values()])
        case "registered_name":
            return p.name if p.name is not None else freeze([])
        case "status":
            return STATUS_OF.get(p.status, "exiting")
        case "current_function":
            asleep = type(p.want) is Hibernated or p.want is ASLEEP
            return ("erlang", "hibernate", 3) if asleep else function_name(p.origin[0])
        case "initial_call":
            return function_name(p.origin[0])
        case "dictionary":
            return freeze(list((p.dictionary or {}).items()))
        case "ancestors":
            return freeze(list(p.ancestors))
    # "parent": the creator, which for the root is nobody.
    return Pid(p.pid.path[:-1]) if p.pid.path else "undefined"
