"""A lease as two implementations, of server and clients, compared with what a lease must do.

The server counts from when it gives the lease, a client from when it asked for it, so that a client
that still works is never one that the server has given up. What the server says goes through a
courier, who may be slow.

The error: a client counts from when it hears that it has the lease.
"""

from simkernel import (
    Declaration,
    GenericTimeout,
    GenServer,
    GenStateMachine,
    Map,
    NextState,
    NoReply,
    Ok,
    between,
    every,
    refines,
    self_,
    send,
    send_after,
    sleep,
    spawn,
    spec,
    work,
)

CLIENTS = 2
TERM_MS = 100
# A step takes 10 ms at most: so much later than its time is over a client may stop.
MARGIN_MS = 50


def machine(clients=CLIENTS, term=3):
    m = Declaration("lease", clients=clients, term=term)
    names = range(clients)
    given = m.clock("since given", term + 1, start=term + 1)
    client = m.table("client", names, ["idle", "asking", "granted", "working"], start="idle")
    since = [m.clock(f"since[{i}]", term + 1) for i in names]

    for i in names:
        m.action(f"{i} asks", when=client[i] == "idle", then={client[i]: "asking", since[i]: 0})
        m.action(
            f"{i} is given it",
            when=(client[i] == "asking") & (given > term),
            then={client[i]: "granted", given: 0},
        )
        m.action(
            f"{i} hears of it",
            when=(client[i] == "granted") & (since[i] < term),
            then={client[i]: "working"},
        )
        m.action(
            f"{i} hears too late",
            when=(client[i] == "granted") & (since[i] >= term),
            then={client[i]: "idle"},
            fair=True,
        )
        m.action(f"{i} stops", when=client[i] == "working", then={client[i]: "idle"}, fair=True)
        m.deadline(since[i], term, when=client[i] == "working")

    pairs = [(i, j) for i in names for j in names if i < j]
    m.invariant(
        "one at a time",
        every(~((client[i] == "working") & (client[j] == "working")) for i, j in pairs),
    )
    m.sometimes("the last one works", client[clients - 1] == "working")
    m.leads_to("who works stops", client[0] == "working", client[0] != "working")

    m.lemma(
        "a client counts from before",
        every(
            client[i].is_in("granted", "working") >> ((since[i] >= given) | (since[i] >= term))
            for i in names
        ),
    )
    return m


class Lease(GenServer):
    """Its state: whether the lease is free, who waits for it, and who was given it, how often."""

    def init(self, clients):
        return Ok((True, (), Map(dict.fromkeys(range(clients), 0))))

    def handle_cast(self, request, state):
        free, waiting, given = state
        match request:
            case ("ask", name):
                return NoReply(self.gives(free, (*waiting, name), given))

    def handle_info(self, message, state):
        _, waiting, given = state
        match message:
            case "it has run out":
                return NoReply(self.gives(True, waiting, given))

    def gives(self, free, waiting, given):
        if not free or not waiting:
            return free, waiting, given
        name, *others = waiting
        spawn(courier, name)
        send_after(self_(), "it has run out", TERM_MS + MARGIN_MS)
        return False, tuple(others), given.put(name, given[name] + 1)


async def courier(name):
    await work(between(0, 120))
    await send(f"client {name}", "it is yours")


class Client(GenStateMachine):
    """Its data: its name, how often it has heard of a lease, and whether its time is over."""

    def init(self, name):
        return ("ok", "idle", (name, 0, False))

    def handle_event(self, event_type, content, state, data):
        name, heard, over = data
        match event_type, content, state:
            case "cast", "go", "idle":
                GenServer.cast("lease", ("ask", name))
                return NextState("asking", (name, heard, False))
            case "info", "it is yours", "asking" if over:
                return NextState("idle", (name, heard + 1, over))
            case "info", "it is yours", "asking":
                timeout = GenericTimeout(TERM_MS, "over", name="term")
                return NextState("working", (name, heard + 1, over), [timeout])
            case ("timeout", "term"), "over", "working":
                return NextState("idle", (name, heard, True))
            case ("timeout", "term"), "over", "asking":
                return NextState("asking", (name, heard, True))


def view(world):
    server = world.state("lease")
    clients = [world.state(f"client {i}") for i in range(CLIENTS)]
    if server is None or None in clients:
        return None
    shown = {}
    for i, (state, (_, heard, _)) in enumerate(clients):
        given = state == "asking" and server[2][i] > heard
        shown[f"client[{i}]"] = "granted" if given else state
    return shown


@spec(
    properties={"they do what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main():
    await GenServer.start_link(Lease, CLIENTS, name="lease")
    for i in range(CLIENTS):
        await GenStateMachine.start_link(Client, i, name=f"client {i}")
    for i in range(CLIENTS):
        GenStateMachine.cast(f"client {i}", "go")
    await sleep(500)
