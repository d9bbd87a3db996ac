"""Of many deaths the one that explains the others is the finding."""

from __future__ import annotations

from typing import Any

from checkers.judged import judged_run
from simkernel import (
    ANY,
    Exit,
    GenServer,
    NoReply,
    Ok,
    Supervisor,
    process_flag,
    receive,
    self_,
    send,
    spawn,
    spawn_link,
)
from simkernel.settings import Settings
from simkernel.spec import of


class Frail(GenServer):
    """Fails as soon as it is told to."""

    def init(self, arg: Any) -> Any:
        """Begin with nothing."""
        return Ok(arg)

    def handle_cast(self, request: Any, state: Any) -> Any:
        """Fail."""
        raise RuntimeError("backend")

    def handle_call(self, request: Any, caller: Any, state: Any) -> Any:
        """Never answer, and fail then."""
        GenServer.cast(self_(), "fail")
        return NoReply(state)


async def a_server_takes_main_and_its_supervisor_along() -> None:
    await Supervisor.start_link([], strategy="one_for_one")
    _, frail = await GenServer.start_link(Frail, None)
    GenServer.cast(frail, "fail")
    await receive("never", idle=True)


async def calls(frail: Any) -> None:
    await GenServer.call(frail, "now")


async def a_server_fails_its_caller() -> None:
    _, frail = await GenServer.start(Frail, None)
    spawn(calls, frail)


async def follows(parent: Any) -> None:
    process_flag("trap_exit", True)
    send(parent, "ready")
    _, _, reason = await receive(("EXIT", ANY, ANY))
    raise Exit(reason)


async def another_reason(parent: Any) -> None:
    process_flag("trap_exit", True)
    send(parent, "ready")
    await receive(("EXIT", ANY, ANY))
    raise Exit("the other one failed")


async def crashes(first: Any) -> None:
    spawn_link(first, self_())
    await receive("ready")
    raise RuntimeError("backend")


async def one_ends_of_the_same_reason() -> None:
    spawn(crashes, follows)


async def one_ends_of_another_reason() -> None:
    spawn(crashes, another_reason)


def found(main: Any) -> list[tuple[str, str]]:
    """Give who is said to have crashed, and the beginning of what is said of it."""
    _, _, findings = judged_run(of(main), {}, Settings(time="any"))
    return [(one.process, one.kind) for one in findings]


def test_a_server_that_takes_all_along_is_what_crashed() -> None:
    assert found(a_server_takes_main_and_its_supervisor_along) == [("<root.2>", "crash")]


def test_a_server_is_named_before_the_caller_who_fails_of_it() -> None:
    found_here = found(a_server_fails_its_caller)
    assert found_here == [("<root.1>", "crash"), ("<root.2>", "crash")]


def test_who_traps_an_exit_and_passes_its_reason_on_has_not_noticed_it() -> None:
    assert found(one_ends_of_the_same_reason) == [("<root.1>", "crash")]


def test_who_traps_an_exit_and_ends_of_another_reason_has_noticed_it() -> None:
    assert found(one_ends_of_another_reason) == [("<root.1.1>", "crash")]
