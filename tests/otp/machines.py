"""A state machine that logs what it is called with and does as it is told."""

from typing import Any

from simkernel import (
    ANY,
    GenStateMachine,
    get,
    log,
    process_flag,
    put,
    receive,
    simulate,
)


class Shown(GenStateMachine):
    """Log every callback, then give what the table says for state and content (or "enter")."""

    def init(self, argument: Any) -> Any:
        start, table = argument
        put("table", table)
        return start() if callable(start) else start

    def handle_event(self, type_: Any, content: Any, state: Any, data: Any) -> Any:
        short = "call" if type(type_) is tuple and type_[0] == "call" else type_
        log((short, content, state, data))
        tag = "enter" if type_ == "enter" else content
        result = get("table").get((state, tag), "keep_state_and_data")
        acts = callable(result) and not isinstance(result, type)
        return result(type_, data) if acts else result

    def terminate(self, reason: Any, state: Any, data: Any) -> Any:
        log(("terminate", reason, state, data))


class Entering(Shown, callback_mode=["handle_event_function", "state_enter"]):
    """The same with enter calls."""


def callbacks(table: Any, *events: Any, start: Any = None, cls: Any = Shown) -> list[Any]:
    """Cast events (a number is a time to wait) to a machine in state "a"; give its callbacks."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        _, pid = await GenStateMachine.start_link(cls, (start or ("ok", "a", 0), table))
        for event in events:
            if type(event) is int:
                await receive(("never",), after=event)
            else:
                GenStateMachine.cast(pid, event)
        await receive(("never",), after=1_000)

    result = simulate(main)
    assert result.reason is None, result.reason
    return list(result.logged)


def ending(table: Any, event: Any, start: Any = None, cls: Any = Shown) -> tuple[Any, list[Any]]:
    """Call a machine with one event; give its exit reason and its callbacks."""

    async def main() -> Any:
        process_flag("trap_exit", True)
        _, pid = await GenStateMachine.start_link(cls, (start or ("ok", "a", 0), table))
        GenStateMachine.cast(pid, event)
        return (await receive(("EXIT", pid, ANY), after=1_000))[2]

    result = simulate(main)
    assert result.reason is None, result.reason
    return result.returned, list(result.logged)
