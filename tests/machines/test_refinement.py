"""An implementation is compared with its declaration as it runs: the first wrong step is named."""

from __future__ import annotations

from typing import Any

import pytest

from checkers.check import Budget, check
from checkers.machines.declaration import Declaration
from checkers.machines.expressions import if_else
from checkers.machines.refinement import refines
from simkernel import GenServer, GenStateMachine, NextState, NoReply, Ok, Reply, StateTimeout, sleep
from simkernel.errors import UsageError
from simkernel.spec import Spec


def light() -> Declaration:
    """Red, green, yellow, red."""
    m = Declaration("light")
    color = m.choice("color", ["red", "green", "yellow"], start="red")
    for old, new in (("red", "green"), ("green", "yellow"), ("yellow", "red")):
        m.action(f"from {old}", when=color == old, then={color: new})
    return m


class Light(GenStateMachine):
    def init(self, after_green):
        return ("ok", "red", after_green, [StateTimeout(10, "next")])

    def handle_event(self, event_type, content, state, after_green):
        match event_type, content, state:
            case "state_timeout", "next", "red":
                return NextState("green", after_green, [StateTimeout(10, "next")])
            case "state_timeout", "next", "green":
                return NextState(after_green, after_green, [StateTimeout(10, "next")])
            case "state_timeout", "next", _:
                return NextState("red", after_green)


def color(world: Any) -> Any:
    """Show the color."""
    found = world.state("light")
    return found and {"color": found[0]}


async def shines(after_green: str = "yellow") -> None:
    await GenStateMachine.start_link(Light, after_green, name="light")
    await sleep(100)


def judged(main: Any, refinement: Any, strategy: str = "portfolio", **parameters: Any) -> Any:
    """Check one main against one machine."""
    found = Spec("planted", main, parameters, properties={"as declared": refinement},
                 expect=("never reached",))  # fmt: skip
    return check(found, {}, strategy=strategy, budget=Budget(runs=30, seconds=1e9))


def test_an_implementation_that_does_what_it_should_holds() -> None:
    assert judged(shines, refines(light(), color), after_green="yellow").word == "Held"


@pytest.mark.parametrize("strategy", ["portfolio", "dfs", "bfs"])
def test_the_first_step_that_is_not_allowed_is_named(strategy: str) -> None:
    verdict = judged(shines, refines(light(), color), strategy, after_green="red")
    assert verdict.counterexample is not None
    (finding,) = verdict.counterexample.findings
    assert finding.kind == "property"
    assert finding.text == (
        "as declared: handle_event('state_timeout', 'next') leads from {'color': 'green'} to "
        "{'color': 'red'}; allowed are from green, to {'color': 'yellow'}"
    )


def test_a_start_that_is_not_allowed_is_named() -> None:
    m = Declaration("light")
    one = m.choice("color", ["red", "green", "yellow"], start="green")
    m.action("any", then={one: if_else(one == "red", "green", "red")})
    verdict = judged(shines, refines(m, color), after_green="yellow")
    assert "starts as {'color': 'red'}" in verdict.counterexample.findings[0].text


def test_a_view_of_what_the_machine_does_not_have_is_a_mistake() -> None:
    for shown in ({"colour": "red"}, {"color": "blue"}, "red"):
        with pytest.raises(UsageError, match="the view of light gives"):
            judged(shines, refines(light(), lambda world, shown=shown: shown), after_green="red")


# --- With variables that nobody sees --------------------------------------------------------------


def hidden_counter(limit: int) -> Declaration:
    """Show only whether something has been counted three times."""
    m = Declaration("counter")
    n, full = m.integer("n", 0, limit), m.boolean("full")
    m.action("count", when=n < limit, then={n: n + 1})
    m.action("fill", when=(n == limit) & ~full, then={full: True})
    m.action("empty", when=full, then={full: False, n: 0})
    return m


class Counter(GenServer):
    def init(self, limit):
        return Ok((0, limit))

    def handle_call(self, request, caller, state):
        n, limit = state
        match request:
            case "count":
                return Reply("ok", (n + 1, limit))

    def handle_cast(self, request, state):
        match request:
            case "empty":
                return NoReply((0, state[1]))


def full(world: Any) -> Any:
    """Show whether the counter is full."""
    found = world.state("counter")
    return found and {"full": found[0] >= found[1]}


async def counts(times: int = 3) -> None:
    await GenServer.start_link(Counter, 3, name="counter")
    for _ in range(times):
        await GenServer.call("counter", "count")
    await GenServer.cast("counter", "empty")
    await GenServer.call("counter", "count")


def test_steps_that_nobody_sees_may_come_between() -> None:
    assert judged(counts, refines(hidden_counter(3), full), times=3).word == "Held"


def test_what_is_not_seen_is_still_followed() -> None:
    m = hidden_counter(3)
    m.actions = [action for action in m.actions if action.name != "empty"]
    verdict = judged(counts, refines(m, full), times=3)
    text = verdict.counterexample.findings[0].text
    assert text.endswith("leads from {'full': True} to {'full': False}; allowed are nothing")


def test_a_clock_without_a_limit_that_nobody_sees_is_told() -> None:
    m = light()
    m.clock("since")
    with pytest.raises(UsageError, match="more than 20000 situations that look like"):
        judged(shines, refines(m, color), after_green="yellow")


def test_limit_how_much_time_passes_between_two_steps_is_not_compared() -> None:
    """A hidden clock may have gone on by as much as the machine wants: 10 ms are 50 units here."""
    m = Declaration("light")
    one = m.choice("color", ["red", "green", "yellow"], start="red")
    since = m.clock("since", 50)
    for old, new in (("red", "green"), ("green", "yellow"), ("yellow", "red")):
        m.action(f"from {old}", when=(one == old) & (since >= 50), then={one: new, since: 0})
    assert judged(shines, refines(m, color), after_green="yellow").word == "Held"
