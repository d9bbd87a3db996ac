"""A rate limiter as an implementation, compared with what a rate limiter must do.

In each period so many requests pass, and no more: at its beginning there are as many tokens again
as there may be.

The error: in a new period there are so many tokens more, and those of the last one stay.
"""

from simkernel import (
    Declaration,
    GenServer,
    NoReply,
    Ok,
    Reply,
    monitor,
    receive,
    refines,
    self_,
    send_after,
    sleep,
    some,
    spawn,
    spec,
)

CAPACITY = 2
PERIOD_MS = 100


def machine(clients=3, capacity=CAPACITY, period=2):
    m = Declaration("rate limiter", clients=clients, capacity=capacity, period=period)
    tokens = m.integer("tokens", 0, capacity, start=capacity)
    passed = m.integer("passed", 0, capacity)
    client = m.table("client", range(clients), ["idle", "looked"], start="idle")
    since = m.clock("since filled", period)
    m.symmetric(client)

    m.action(
        "a new period",
        when=since >= period,
        then={tokens: capacity, passed: 0, since: 0},
        fair=True,
    )
    m.deadline(since, period)
    for i in range(clients):
        m.action(
            f"{i} looks", when=(client[i] == "idle") & (tokens > 0), then={client[i]: "looked"}
        )
        m.action(
            f"{i} passes",
            when=(client[i] == "looked") & (tokens > 0),
            then={client[i]: "idle", tokens: tokens - 1, passed: passed + 1},
        )
        m.action(
            f"{i} is too late",
            when=(client[i] == "looked") & (tokens == 0),
            then={client[i]: "idle"},
        )

    m.invariant("no more than the capacity", tokens + passed <= capacity)
    m.sometimes("all tokens are taken", tokens == 0)
    m.leads_to("there are tokens again", tokens == 0, tokens > 0)
    m.sometimes("somebody looks", some(client[i] == "looked" for i in range(clients)))
    return m


class Limiter(GenServer):
    """Its state: the tokens that are left, and how many have passed in this period."""

    def init(self, _):
        send_after(self_(), "a new period", PERIOD_MS)
        return Ok((CAPACITY, 0))

    def handle_call(self, request, caller, state):
        tokens, passed = state
        match request:
            case "may I" if tokens > 0:
                return Reply("yes", (tokens - 1, passed + 1))
            case "may I":
                return Reply("no", state)

    def handle_info(self, message, state):
        tokens, _ = state
        match message:
            case "a new period":
                send_after(self_(), "a new period", PERIOD_MS)
                return NoReply((tokens + CAPACITY, 0))


def view(world):
    found = world.state("limiter")
    return found and {"tokens": found[0], "passed": found[1]}


async def client(waits_ms):
    await sleep(waits_ms)
    await GenServer.call("limiter", "may I")


@spec(
    properties={"it does what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main(clients=4):
    await GenServer.start_link(Limiter, None, name="limiter")
    for number in range(clients):
        monitor(spawn(client, (20, 100)[number % 2]))
    for _ in range(clients):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
    await sleep(PERIOD_MS)
