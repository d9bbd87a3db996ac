"""A connection that is tried again, later each time, until a deadline; compared with its machine.

Whoever waits for the next attempt has a timer, and nobody else. The other side may connect, too.
The clocks of this machine stop where they no longer matter, so that it can be followed.

The error: when the other side connects, the timer is not cancelled.
"""

from simkernel import (
    Declaration,
    GenericTimeout,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    between,
    cancel_timer,
    choose,
    refines,
    self_,
    send,
    sleep,
    spawn,
    spec,
    start_timer,
    work,
)

UNIT_MS = 100
GIVE_UP = 6
LONGEST = 3


def machine(give_up=GIVE_UP, longest=LONGEST):
    m = Declaration("retry", give_up=give_up, longest=longest)
    state = m.choice("state", ["idle", "trying", "waiting", "connected"], start="idle")
    retries = m.integer("retries")
    armed = m.boolean("timer is set")
    began = m.clock("since it began", give_up)
    waited = m.clock("waited", longest)

    m.action("start", when=state == "idle", then={state: "trying", retries: 0, began: 0})
    m.action(
        "it fails",
        when=state == "trying",
        then={state: "waiting", retries: retries + 1, armed: True, waited: 0},
    )
    m.action(
        "the timer fires",
        when=(state == "waiting") & armed & ((waited >= retries) | (waited >= longest)),
        then={state: "trying", armed: False},
        fair=True,
    )
    m.action("it succeeds", when=state == "trying", then={state: "connected", retries: 0})
    m.action(
        "the other side connects",
        when=state == "waiting",
        then={state: "connected", retries: 0, armed: False},
    )
    m.action("it is lost", when=state == "connected", then={state: "trying", began: 0})
    m.action(
        "it is given up",
        when=(state == "waiting") & (began >= give_up),
        then={state: "idle", armed: False},
        fair=True,
    )

    m.invariant("a timer is set only to wait", armed >> (state == "waiting"))
    m.invariant("who waits is woken up", (state == "waiting") >> armed)
    m.invariant("connected is a new start", (state == "connected") >> (retries == 0))
    m.sometimes("it is connected", state == "connected")
    return m


class Connection(GenStateMachine):
    """Its data: how often it has tried again, the timer that wakes it up, if its time is over."""

    def init(self, _):
        return ("ok", "idle", (0, None, False))

    async def handle_event(self, event_type, content, state, data):
        retries, timer, over = data
        match event_type, content, state:
            case ("cast", "start", "idle") | ("cast", "lost", "connected"):
                spawn(attempt, self_())
                deadline = GenericTimeout(GIVE_UP * UNIT_MS, "over", name="deadline")
                return NextState("trying", (0, None, False), [deadline])
            case "info", "failed", "trying":
                ms = min(retries + 1, LONGEST) * UNIT_MS
                timer = start_timer(ms, self_(), "wake up")
                late = [("next_event", "internal", "over")] if over else []
                return NextState("waiting", (retries + 1, timer, over), late)
            case "info", ("timeout", of, "wake up"), "waiting" if of == timer:
                spawn(attempt, self_())
                return NextState("trying", (retries, None, over))
            case "info", "succeeded", "trying":
                return NextState("connected", (0, None, False), [no_deadline()])
            case "cast", "they connect", "waiting":
                return NextState("connected", (0, timer, False), [no_deadline()])
            case ("timeout", "deadline"), "over", "trying":
                return NextState("trying", (retries, None, True))
            case ((("timeout", "deadline") | "internal"), "over", "waiting"):
                await cancel_timer(timer)
                return NextState("idle", (retries, None, False))
            case _, ("timeout", _, "wake up") | "they connect" | "lost", _:
                return KeepStateAndData()


def no_deadline():
    return GenericTimeout("infinity", "over", name="deadline")


async def attempt(connection):
    await work(between(1, 50))
    await send(connection, await choose(["failed", "succeeded"]))


def view(world):
    found = world.state("connection")
    if found is None:
        return None
    state, (retries, timer, _) = found
    return {"state": state, "retries": retries, "timer is set": timer is not None}


@spec(
    properties={"it does what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main(events=2):
    await GenStateMachine.start_link(Connection, None, name="connection")
    GenStateMachine.cast("connection", "start")
    for _ in range(events):
        await sleep(await choose([150, 500]))
        GenStateMachine.cast("connection", await choose(["they connect", "lost"]))
    await sleep(1_500)
