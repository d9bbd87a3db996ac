"""A circuit breaker as an implementation, compared with what a circuit breaker must do.

After some failures nobody passes for a while, and then one probe: the others are refused until it
is known what came of that one.
"""

from simkernel import (
    Declaration,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    Reply,
    StateTimeout,
    monitor,
    receive,
    refines,
    sleep,
    spawn,
    spec,
)

OPEN_MS = 50
FAILURES_MAX = 2


def machine(clients=3, failures_max=FAILURES_MAX, pause=2):
    m = Declaration("circuit breaker", clients=clients, failures_max=failures_max, pause=pause)
    state = m.choice("state", ["closed", "open", "half open"], start="closed")
    failures = m.integer("failures", 0, failures_max)
    probes = m.integer("probes", 0, clients)
    since = m.clock("since opened", pause)

    m.action(
        "a call fails",
        when=(state == "closed") & (failures + 1 < failures_max),
        then={failures: failures + 1},
    )
    m.action(
        "it opens",
        when=(state == "closed") & (failures + 1 >= failures_max),
        then={state: "open", failures: failures_max, since: 0},
    )
    m.action("a call succeeds", when=state == "closed", then={failures: 0})
    m.action(
        "it tries again",
        when=(state == "open") & (since >= pause),
        then={state: "half open", probes: 0},
        fair=True,
    )
    m.action("it lets one through", when=(state == "half open") & (probes == 0), then={probes: 1})
    m.action(
        "the probe fails",
        when=(state == "half open") & (probes > 0),
        then={state: "open", since: 0, probes: 0},
        fair=True,
    )
    m.action(
        "the probe succeeds",
        when=(state == "half open") & (probes > 0),
        then={state: "closed", failures: 0, probes: 0},
    )
    m.deadline(since, pause, when=state == "open")

    m.invariant("one probe at a time", probes <= 1)
    m.invariant("closed means few failures", (state == "closed") >> (failures < failures_max))
    m.sometimes("it closes again", (state == "closed") & (since == pause))
    m.leads_to("it does not stay open", state == "open", state != "open")
    return m


class Breaker(GenStateMachine):
    """Its data: failures in a row, and how many probes are under way."""

    def init(self, _):
        return ("ok", "closed", (0, 0))

    def handle_event(self, event_type, content, state, data):
        failures, probes = data
        match event_type, content, state:
            case ("call", caller), "may I", "half open" if not probes:
                return NextState(state, (failures, 1), [Reply(caller, "yes")])
            case ("call", caller), "may I", _:
                return KeepStateAndData([Reply(caller, "yes" if state == "closed" else "no")])
            case "cast", "failed", "open":
                return KeepStateAndData()
            case "cast", "failed", _:
                failed = min(failures + 1, FAILURES_MAX)
                if state == "closed" and failed < FAILURES_MAX:
                    return NextState("closed", (failed, 0))
                return NextState("open", (failed, 0), [StateTimeout(OPEN_MS, "try again")])
            case "state_timeout", "try again", "open":
                return NextState("half open", (failures, 0))


def view(world):
    found = world.state("breaker")
    if found is None:
        return None
    state, (failures, probes) = found
    return {"state": state, "failures": failures, "probes": probes}


async def client(waits_ms):
    await sleep(waits_ms)
    if await GenStateMachine.call("breaker", "may I") == "yes":
        GenStateMachine.cast("breaker", "failed")


@spec(
    properties={"it does what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main(clients=2):
    await GenStateMachine.start_link(Breaker, None, name="breaker")
    for waits_ms in (0, 0, *[80] * clients):
        monitor(spawn(client, waits_ms))
    for _ in range(clients + 2):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
