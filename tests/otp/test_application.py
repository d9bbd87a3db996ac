"""Section 22: applications."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.dfs import outcomes
from simkernel import (
    Application,
    Exit,
    GenServer,
    Supervisor,
    Throw,
    alive,
    exit,
    log,
    monitor,
    now,
    process_flag,
    process_info,
    receive,
    register,
    self_,
    send,
    simulate,
    sleep,
    spawn,
    to_ms,
    whereis,
    work,
)
from simkernel.choice import Walk
from simkernel.errors import UsageError
from simkernel.kernel import driver
from simkernel.kernel.machine import Machine
from simkernel.spec import result_of
from tests.otp.children import Child, child, crash
from tests.otp.running import down_of, logged, notes, run

NOT = "not_started"


async def tree(name: str, **options: Any) -> Any:
    """Start a top supervisor with one child."""
    flags = {"strategy": "one_for_one", "name": f"{name}.sup", **options}
    return await Supervisor.start_link([child(name)], **flags)


class Bank(Application, app="bank", env={"rate": 3}, description="a bank", version="1.2"):
    """An application that others depend on."""

    async def start(self, type: Any, args: Any) -> Any:
        log(("start", type, args))
        return await tree("bank")


class Shop(Application, app="shop", applications=(Bank,), args=("goods",)):
    """It has a state and all callbacks."""

    async def start(self, type: Any, args: Any) -> Any:
        log(("start", type, args))
        match await tree("shop"):
            case ("ok", pid):
                return ("ok", pid, ["open"])

    async def prep_stop(self, state: Any) -> Any:
        log(("prep_stop", state, await whereis("shop") is not None))
        return [*state, "closing"]

    async def stop(self, state: Any) -> None:
        log(("stop", state, await whereis("shop") is not None))


def lines(main: Any, *args: Any) -> list[Any]:
    """Give what was logged, without the starts of children."""
    return [line for line in logged(main, *args) if line[0] != "up"]


# --- 22.1 to 22.4 --------------------------------------------------------------------------------


@pytest.mark.rule("22.1", "22.2", "22.19")
def test_an_application_is_started() -> None:
    async def main() -> Any:
        before = await whereis("application_controller")
        answer = await Application.start(Bank)
        listed = await Application.which_applications()
        running = await whereis("bank.sup"), await whereis("application_controller")
        return before, answer, None not in running, listed

    assert run(main) == (None, "ok", True, [("bank", "a bank", "1.2")])


@pytest.mark.rule("22.2")
def test_start_is_called_with_the_type_and_the_arguments() -> None:
    async def main() -> None:
        await Application.ensure_all_started(Shop)

    assert lines(main) == [("start", "normal", []), ("start", "normal", ("goods",))]


@pytest.mark.rule("22.3")
def test_what_it_depends_on_has_to_be_started() -> None:
    async def main() -> Any:
        return [
            await Application.start(Shop),
            await Application.start(Bank),
            await Application.start(Shop),
        ]

    assert run(main) == [("error", (NOT, "bank")), "ok", "ok"]


@pytest.mark.rule("22.4")
def test_one_that_runs_is_not_started_again() -> None:
    async def main() -> Any:
        await Application.start(Bank)
        return await Application.start(Bank), await Application.start("bank")

    assert run(main) == (("error", ("already_started", "bank")),) * 2


# --- 22.5 to 22.8 --------------------------------------------------------------------------------


class Bad(Application, app="bad", args="error"):
    """Fails to start in the way that it is told."""

    async def start(self, type: Any, args: Any) -> Any:
        match await ways():
            case "error":
                return ("error", "nope")
            case "raise":
                raise ValueError("boom")
            case "exit":
                raise Exit("bye")
            case "normal":
                raise Exit("normal")
            case "throw":
                raise Throw("x")
            case "odd":
                return "odd"
            case "child":
                return await Supervisor.start_link(
                    [{"id": 1, "start": (fails, ())}], strategy="one_for_one"
                )


def fails() -> Any:
    return ("error", "bad")


async def ways() -> Any:
    """Ask the process "way" how to fail."""
    send(await whereis("way"), self_())
    return await receive()


async def way(how: Any) -> None:
    while True:
        send(await receive(idle=True), how)


async def fails_by(how: str, type: str = "temporary") -> Any:
    await register(spawn(way, how), "way")
    return await Application.start(Bad, type)


CALLED = (Bad, "start", ["normal", "error"])
FAILURES = [
    pytest.param("error", ("nope", CALLED), marks=pytest.mark.rule("22.5")),
    pytest.param(
        "child",
        (("shutdown", ("failed_to_start_child", 1, "bad")), CALLED),
        marks=pytest.mark.rule("22.5"),
    ),
    pytest.param("normal", (("EXIT", "normal"), CALLED), marks=pytest.mark.rule("22.6")),
    pytest.param("exit", ("bad_return", (CALLED, ("EXIT", "bye"))), marks=pytest.mark.rule("22.6")),
    pytest.param("throw", ("bad_return", (CALLED, "x")), marks=pytest.mark.rule("22.6")),
    pytest.param("odd", ("bad_return", (CALLED, "odd")), marks=pytest.mark.rule("22.6")),
]


@pytest.mark.rule("22.5", "22.6")
@pytest.mark.parametrize(("how", "reason"), FAILURES)
def test_a_start_that_fails(how: str, reason: Any) -> None:
    async def main() -> Any:
        answer = await fails_by(how)
        return answer, await Application.which_applications(), await Application.stop("bad")

    assert run(main) == (("error", reason), [], ("error", (NOT, "bad")))


@pytest.mark.rule("22.6")
def test_a_start_that_raises() -> None:
    error, (kind, (called, (exited, (raised, _stack)))) = run(fails_by, "raise")
    assert (error, kind, called, exited) == ("error", "bad_return", CALLED, "EXIT")
    assert (raised.name, raised.message) == ("ValueError", "boom")


@pytest.mark.rule("22.7")
def test_unknown_types_and_names() -> None:
    async def main() -> Any:
        return [
            await Application.start(Bank, "funny"),
            await Application.start("nobody"),
            await Application.ensure_all_started("nobody"),
            await Application.stop("nobody"),
        ]

    missing = ("no such file or directory", "nobody.app")
    assert run(main) == [
        ("error", ("invalid_restart_type", "funny")),
        ("error", missing),
        ("error", ("nobody", missing)),
        ("error", (NOT, "nobody")),
    ]


@pytest.mark.rule("22.8")
def test_the_callbacks_run_in_a_process_of_their_own() -> None:
    async def main() -> Any:
        await Application.start(Bank)
        pid = await whereis("bank.sup")
        links = (await process_info(pid, "links"))[1]
        return self_() in links, await whereis("application_controller") in links

    assert run(main) == (False, False)


class Slow(Application, app="slow"):
    """Takes 20 ms to start."""

    async def start(self, type: Any, args: Any) -> Any:
        await work(20)
        return await tree("slow")


@pytest.mark.rule("22.8")
def test_others_start_meanwhile_and_a_second_start_gets_the_same_answer() -> None:
    async def starts(app: Any, boss: Any) -> None:
        answer = await Application.start(app)
        send(boss, (app.app, answer, to_ms(now())))

    async def main() -> Any:
        for app in (Slow, Slow, Bank):
            spawn(starts, app, self_())
        return [await receive() for _ in range(3)]

    assert run(main) == [("bank", "ok", 0), ("slow", "ok", 20), ("slow", "ok", 20)]


# --- 22.9 ----------------------------------------------------------------------------------------


class Mall(Application, app="mall", applications=(Bank, Shop)):
    """Depends on two, one of which depends on the other."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("mall")


class Doomed(Application, app="doomed", applications=(Bank, Bad)):
    """Depends on one that fails."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("doomed")


@pytest.mark.rule("22.9", "22.19")
def test_ensure_all_started_starts_what_is_needed_first() -> None:
    async def main() -> Any:
        first = await Application.ensure_all_started(Mall)
        names = [name for name, _, _ in await Application.which_applications()]
        return first, names, await Application.ensure_all_started(Mall)

    assert run(main) == (
        ("ok", ["bank", "shop", "mall"]),
        ["mall", "shop", "bank"],
        ("ok", []),
    )


@pytest.mark.rule("22.9")
def test_ensure_all_started_is_all_or_nothing() -> None:
    async def main() -> Any:
        await fails_by("error")
        failed = await Application.ensure_all_started(Doomed)
        return failed, await Application.which_applications()

    assert run(main) == (("error", ("bad", ("nope", CALLED))), [])


# --- 22.10 to 22.13 ------------------------------------------------------------------------------


@pytest.mark.rule("22.10")
def test_stop_calls_prep_stop_stops_the_tree_and_calls_stop() -> None:
    async def main() -> Any:
        await Application.ensure_all_started(Shop)
        log("stopping")
        log(await Application.stop(Shop))
        log([name for name, _, _ in await Application.which_applications()])

    got = lines(main)
    assert got[got.index("stopping") :] == [
        "stopping",
        ("prep_stop", ["open"], True),
        ("stop", ["open", "closing"], False),
        "ok",
        ["bank"],
    ]


class Bare(Application, app="bare"):
    """Its state is that of an application without one."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("bare")

    def stop(self, state: Any) -> None:
        log(("stop", state))


@pytest.mark.rule("22.10")
def test_the_state_is_an_empty_list_where_start_gives_none() -> None:
    async def main() -> Any:
        await Application.start(Bare)
        await Application.stop(Bare)

    assert lines(main) == [("stop", [])]


@pytest.mark.rule("22.10")
def test_it_can_be_started_again() -> None:
    async def main() -> Any:
        await Application.start(Bare)
        await Application.stop(Bare)
        return await Application.start("bare"), await whereis("bare") is not None

    assert run(main) == ("ok", True)


@pytest.mark.rule("22.11")
def test_stopping_what_is_not_started() -> None:
    async def main() -> Any:
        before = await Application.stop(Bank)
        await Application.start(Bank)
        return before, await Application.stop("bank"), await Application.stop("bank")

    wrong = ("error", (NOT, "bank"))
    assert run(main) == (wrong, "ok", wrong)


class Clumsy(Application, app="clumsy"):
    """Both of its callbacks at the end fail."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("clumsy")

    def prep_stop(self, state: Any) -> Any:
        raise ValueError("prep")

    def stop(self, state: Any) -> Any:
        log(("stop", state))
        raise ValueError("stop")


@pytest.mark.rule("22.12")
def test_callbacks_that_fail_do_not_keep_it_from_stopping() -> None:
    async def main() -> Any:
        await Application.start(Clumsy)
        log(("answer", await Application.stop(Clumsy)))

    assert lines(main) == [("stop", []), ("answer", "ok")]


class Messy(Application, app="messy"):
    """It leaves a process behind that is linked to nobody and traps exits."""

    async def start(self, type: Any, args: Any) -> Any:
        await register(spawn(left_over), "left over")
        return await tree("messy")


async def left_over() -> None:
    process_flag("trap_exit", True)
    while True:
        await receive(idle=True)


@pytest.mark.rule("22.13")
@pytest.mark.parametrize("how", ["stop", "crash"])
def test_what_outlives_the_tree_is_killed(how: str) -> None:
    async def main() -> Any:
        await Application.start(Messy)
        pid = await whereis("left over")
        mine = spawn(left_over)
        monitor(pid)
        if how == "stop":
            await Application.stop(Messy)
        else:
            exit(await whereis("messy.sup"), "kill")
        return await down_of(pid), await alive(mine)

    assert run(main) == ("killed", True)


# --- 22.14 to 22.17 ------------------------------------------------------------------------------


async def tree_ends(type: str, reason: str) -> Any:
    """Let the tree of the shop end with a reason; gives what holds a moment later."""
    await Application.start(Bank)
    await Application.start(Shop, type)
    log("ending")
    pid = await whereis("shop.sup")
    monitor(pid)
    if reason == "shutdown":
        for _ in range(4):
            await crash("shop")
    else:
        await Supervisor.stop("shop.sup", reason)
    await sleep(1)
    return [name for name, _, _ in await Application.which_applications()]


@pytest.mark.rule("22.14")
@pytest.mark.parametrize("reason", ["normal", "shutdown"])
def test_a_temporary_application_may_end(reason: str) -> None:
    async def main() -> Any:
        log(await tree_ends("temporary", reason))
        log(await Application.stop("shop"))
        log(await Application.stop("shop"))

    got = lines(main)
    assert got[got.index("ending") + 1 :] == [
        ("prep_stop", ["open"], False),
        ("stop", ["open", "closing"], False),
        ["bank"],
        "ok",
        ("error", (NOT, "shop")),
    ]


@pytest.mark.rule("22.14")
def test_what_has_ended_counts_as_started_and_can_be_started_again() -> None:
    async def main() -> Any:
        await Application.start(Bank)
        await Supervisor.stop("bank.sup")
        await sleep(1)
        return await Application.start(Shop), await Application.start(Bank)

    assert run(main) == ("ok", "ok")


@pytest.mark.rule("22.15")
def test_a_transient_application_may_end_with_normal() -> None:
    assert run(tree_ends, "transient", "normal") == ["bank"]


@pytest.mark.rule("22.15", "22.16")
@pytest.mark.parametrize(
    ("type", "reason"),
    [("transient", "shutdown"), ("permanent", "shutdown"), ("permanent", "normal")],
)
def test_the_node_stops(type: str, reason: str) -> None:
    result = simulate(tree_ends, type, reason)
    assert result.reason == "killed"
    assert result.deaths[-1][1] == ("application_terminated", "shop", reason)
    assert not result.stuck


class Careful(Application, app="careful"):
    """Says when it is stopped."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("careful")

    def stop(self, state: Any) -> None:
        log("careful stopped")


class Last(Application, app="last"):
    """Says when it is stopped."""

    async def start(self, type: Any, args: Any) -> Any:
        return await tree("last")

    def stop(self, state: Any) -> None:
        log("last stopped")


async def bystander() -> None:
    process_flag("trap_exit", True)
    while True:
        log(("bystander got", await receive(idle=True)))


@pytest.mark.rule("22.16")
def test_when_the_node_stops_the_others_are_stopped_in_order_and_then_all_are_gone() -> None:
    async def main() -> None:
        spawn(bystander)
        await Application.start(Careful)
        await Application.start(Last)
        await Application.start(Bare, "permanent")
        exit(await whereis("bare.sup"), "kill")
        await receive()

    assert lines(main) == [("stop", []), "last stopped", "careful stopped"]
    told = [fields for kind, fields in notes(main) if kind == "node stopped"]
    assert told == [{"reason": ("application_terminated", "bare", "killed")}]


@pytest.mark.rule("22.17")
def test_a_permanent_application_that_cannot_start_stops_the_node_behind_its_answer() -> None:
    async def main() -> None:
        log(await fails_by("error", "permanent"))
        await receive()

    failure = ("nope", CALLED)
    logged = set()
    for seed in range(20):
        m = Machine(main)
        result = result_of(m, driver.drive(m, Walk(seed), 100_000))
        assert result.reason == "killed"
        assert result.deaths[-1][1] == ("application_start_failure", "bad", failure)
        logged.add(len(result.logged))
    assert logged == {0, 1}


# --- 22.18, and what a class declares ------------------------------------------------------------


@pytest.mark.rule("22.18")
def test_the_environment() -> None:
    async def main() -> Any:
        before = await Application.get_env(Bank, "rate", "none")
        await Application.load(Bank)
        found = [
            await Application.get_env("bank", "rate"),
            await Application.fetch_env(Bank, "rate"),
            await Application.fetch_env(Bank, "none"),
            await Application.get_env(Bank, "none"),
            await Application.get_env(Bank, "none", 7),
            await Application.put_env(Bank, "rate", [4]),
            await Application.get_env(Bank, "rate"),
            await Application.delete_env(Bank, "rate"),
            await Application.get_env(Bank, "rate"),
            await Application.which_applications(),
        ]
        return before, found

    before, found = run(main)
    assert before == "none"
    assert found == [3, ("ok", 3), "error", None, 7, "ok", [4], "ok", None, []]


@pytest.mark.rule("22.18")
def test_loading_twice() -> None:
    async def main() -> Any:
        return await Application.load(Bank), await Application.load(Bank)

    assert run(main) == ("ok", ("error", ("already_loaded", "bank")))


def test_an_application_has_the_name_of_its_class_unless_told_otherwise() -> None:
    class Plain(Application):
        pass

    assert Plain.app == "Plain"


def test_an_unknown_option_of_the_class_is_reported() -> None:
    with pytest.raises(UsageError, match="'colour'"):
        type("Wrong", (Application,), {}, colour="red")


# --- In a search ---------------------------------------------------------------------------------


class Tiny(Application, app="tiny"):
    """As small as can be."""

    async def start(self, type: Any, args: Any) -> Any:
        return await GenServer.start_link(Child, "tiny")


async def starts_and_stops() -> Any:
    await Application.start(Tiny)
    stopped = await Application.stop(Tiny)
    return stopped, await whereis("tiny"), tuple(await Application.which_applications())


@pytest.mark.rule("22.10")
def test_in_every_order_of_events_stop_leaves_nothing() -> None:
    assert outcomes(starts_and_stops) == {("ok", None, ())}
