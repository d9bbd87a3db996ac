"""The checks that need no property: what each finds, and what it leaves alone."""

from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.findings import Finding
from simkernel import (
    ANY,
    Exit,
    GenServer,
    Ok,
    Supervisor,
    Task,
    alive,
    exit,
    monitor,
    process_flag,
    receive,
    self_,
    send,
    send_after,
    send_interval,
    sleep,
    spawn,
    spawn_link,
    spawn_monitor,
    to_ms,
)
from simkernel.errors import UnknownStrategy, UsageError
from simkernel.kernel.effects import now
from simkernel.spec import of, spec


def verdict(main: Any, strategy: str = "dfs", **options: Any) -> Any:
    """Check a function."""
    budget = Budget(runs=50, seconds=1e9, effects=options.pop("effects", 500), situations=1_000)
    return check(of(main), {}, strategy=strategy, budget=budget, **options)


def kinds(main: Any, strategy: str = "dfs", **options: Any) -> list[str]:
    """Give what is found, as kind and process."""
    found = verdict(main, strategy, **options).counterexample
    return [] if found is None else [f"{f.kind} {f.process}" for f in found.findings]


async def crash() -> None:
    raise ValueError("no")


async def leaves_quietly() -> None:
    raise Exit("shutdown")


async def a_crash_nobody_notices() -> None:
    spawn(crash)


async def a_crash_that_a_monitor_sees() -> None:
    spawn_monitor(crash)
    await receive(("DOWN", ANY, ANY, ANY, ANY))


async def a_crash_that_is_trapped() -> None:
    process_flag("trap_exit", True)
    spawn_link(crash)
    await receive(("EXIT", ANY, ANY))


async def a_quiet_end() -> None:
    spawn(leaves_quietly)


async def middle() -> None:
    spawn_link(crash)
    await receive(idle=True)


async def a_crash_that_is_trapped_one_link_further() -> None:
    process_flag("trap_exit", True)
    spawn_link(middle)
    await receive(("EXIT", ANY, ANY))


async def a_crash_that_takes_main_along() -> None:
    spawn_link(crash)
    await receive(idle=True)


async def watches(pid: Any) -> None:
    monitor(pid)
    await receive()


async def crash_when_told() -> None:
    await receive("now")
    raise ValueError("no")


async def a_crash_that_takes_its_only_watcher_along() -> None:
    pid = spawn_link(crash_when_told)
    spawn_link(watches, pid)
    await sleep(1)
    send(pid, "now")
    await receive(idle=True)


async def a_kill_on_purpose() -> None:
    pid = spawn(waits_idly)
    exit(pid, "kill")


async def waits_idly() -> None:
    await receive(idle=True)


async def waits() -> None:
    await receive("go")


async def a_process_that_waits_for_ever() -> None:
    send(spawn(waits), "stop")


async def a_process_that_waits_idly() -> None:
    spawn(waits_idly)


async def asks(pid: Any) -> None:
    await alive(pid)


async def a_process_that_is_answered() -> None:
    spawn(asks, self_())


async def waits_with_a_clock_running() -> None:
    send_interval(10, self_(), "tick")
    spawn(waits)


async def one_order_only() -> Any:
    spawn(says, self_(), "a")
    spawn(says, self_(), "b")
    first = await receive()
    if first == "b":
        raise Exit("b came first")
    return first


async def says(to: Any, word: str) -> None:
    send(to, word)


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
@pytest.mark.parametrize("network", ["node", "cluster"])
@pytest.mark.parametrize(
    ("main", "found"),
    [
        (a_crash_nobody_notices, ["crash <root.1>"]),
        (a_crash_that_a_monitor_sees, []),
        (a_crash_that_is_trapped, []),
        (a_crash_that_is_trapped_one_link_further, []),
        (a_crash_that_takes_main_along, ["crash <root.1>"]),
        (a_crash_that_takes_its_only_watcher_along, ["crash <root.1>"]),
        (a_quiet_end, []),
        (a_kill_on_purpose, []),
        (a_process_that_waits_for_ever, ["stuck <root.1>"]),
        (a_process_that_waits_idly, []),
        (a_process_that_is_answered, []),
        (waits_with_a_clock_running, []),
        (one_order_only, ["crash <root>"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_found(main, found, network, strategy):
    assert kinds(main, strategy, network=network) == found


def test_a_finding_says_what_is_waited_for_and_what_lies_in_the_mailbox():
    found = verdict(a_process_that_waits_for_ever).counterexample.findings
    text = "<root.1> waits for ever for 'go'; 1 other messages lie in its mailbox"
    assert found == (Finding("stuck", "<root.1>", text),)


def test_an_expected_finding_is_none():
    @spec(expect=("crash",))
    async def expected() -> None:
        await a_crash_nobody_notices()

    assert kinds(expected) == []


def test_a_kind_that_there_is_not_cannot_be_expected():
    @spec(expect=("crush",))
    async def misspelt() -> None:
        pass

    with pytest.raises(UsageError, match="there is no finding 'crush'"):
        kinds(misspelt)


async def spins() -> None:
    while True:
        send(self_(), 1)
        await receive()


async def counts() -> None:
    for number in range(10_000):
        send(self_(), number)
        await receive()


@pytest.mark.parametrize("strategy", ["walk", "dfs"])
def test_a_run_without_end_is_never_held(strategy):
    got = verdict(counts, strategy)
    assert (got.word, got.complete) == ("Inconclusive", False)


def test_the_effect_budget_is_named():
    assert "effect budget" in verdict(spins, "walk").searched.why_stopped


async def reads_the_clock() -> float:
    return to_ms(now())


def test_a_clock_that_is_read_as_a_number_takes_completeness_away_and_is_named():
    got = verdict(reads_the_clock)
    assert (got.word, got.complete) == ("Inconclusive", False)
    assert [note.rpartition("/")[2].split(":")[0] for note in got.notes] == ["test_findings.py"]


async def returns_at_once() -> int:
    send_after(self_(), "late", 5)
    return 1


def test_dfs_that_saw_everything_is_complete_and_says_how_much_it_was():
    got = verdict(returns_at_once)
    assert (got.word, got.complete) == ("Held", True)
    assert got.sentence == (
        "in every run on node, time bounded (steps of 0 to 10 ms): 2 ends, 8 situations"
    )


def test_walks_are_never_complete():
    got = verdict(returns_at_once, "walk")
    assert (got.word, got.complete, got.searched.runs) == ("Held", False, 50)


def test_ctrl_c_keeps_what_was_found():
    calls = []

    def elapsed() -> float:
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return 0.0

    got = verdict(a_crash_nobody_notices, "walk", elapsed=elapsed)
    assert got.word == "Violated"
    assert got.searched.why_stopped == "interrupted"


def test_ctrl_c_before_anything_was_found_is_inconclusive():
    def elapsed() -> float:
        raise KeyboardInterrupt

    assert verdict(returns_at_once, "walk", elapsed=elapsed).word == "Inconclusive"


def test_an_unknown_strategy_is_refused_with_the_known_ones():
    with pytest.raises(UnknownStrategy, match="portfolio, walk, pct, pos, surw, bfs, dfs"):
        verdict(returns_at_once, "magic")


def test_the_shortest_bad_run_is_kept():
    lengths = [
        check(of(one_order_only), {}, budget=Budget(runs=runs)).counterexample for runs in (3, 200)
    ]
    found = [example.transitions for example in lengths if example is not None]
    assert found == sorted(found, reverse=True)


async def ends_though_a_child_watches_it() -> None:
    spawn(watches_main, self_())
    await receive("ready")
    raise Exit("boom")


async def watches_main(main: Any) -> None:
    monitor(main)
    send(main, "ready")
    await receive(("DOWN", ANY, ANY, ANY, ANY))


async def is_taken_along_by_a_crash_that_it_monitors() -> None:
    _, ref = spawn_monitor(waits_for_nothing)
    child = Task.async_(raises)
    await receive(("DOWN", ref, ANY, ANY, ANY), ("never", child.pid))


async def waits_for_nothing() -> None:
    await receive("never", idle=True)


def raises() -> None:
    raise ValueError("no")


@pytest.mark.parametrize(
    ("main", "found"),
    [
        (ends_though_a_child_watches_it, "crash <root>"),
        (is_taken_along_by_a_crash_that_it_monitors, "crash <root.2>"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_crash_of_main_is_found_whoever_watches(main: Any, found: str) -> None:
    assert kinds(main) == [found]


class Unable(GenServer):
    @staticmethod
    def start_link(given: Any) -> Any:
        return GenServer.start_link(Unable, given)

    def init(self, given: Any) -> Any:
        raise RuntimeError("no configuration")


async def starts_what_cannot_start() -> None:
    await Supervisor.start_link([(Unable, None)], strategy="one_for_one")
    await sleep(100)


async def sees_that_it_cannot_start() -> None:
    process_flag("trap_exit", True)
    await starts_what_cannot_start()


async def stops_what_it_has_started() -> None:
    _, supervisor = await Supervisor.start_link([], strategy="one_for_one")
    exit(supervisor, "shutdown")
    await receive("what never comes")


def test_main_that_goes_down_with_what_it_could_not_start_is_found() -> None:
    """Its reason is a shutdown, and so it was taken for an ordinary end in most of the runs."""
    assert "crash <root>" in kinds(starts_what_cannot_start, "walk")
    got = verdict(starts_what_cannot_start, "walk")
    assert f"{got.searched.hits} of {got.searched.runs}" == "50 of 50"
    assert kinds(stops_what_it_has_started) == []
    assert "crash <root>" not in kinds(sees_that_it_cannot_start)


class Able(GenServer):
    @staticmethod
    def start_link(given: Any) -> Any:
        return GenServer.start_link(Able, given)

    def init(self, given: Any) -> Any:
        return Ok(given)


async def starts_what_may_crash() -> None:
    await Supervisor.start_link([(Able, None)], strategy="one_for_one")


def test_that_a_fault_keeps_a_system_from_starting_is_no_finding() -> None:
    assert kinds(starts_what_may_crash, faults=1) == []
