"""Two-phase commit as two implementations, of manager and participants, compared with its machine.

A participant gives up by itself, or promises to do what the manager decides. The manager commits
once all have promised, and aborts if that takes too long.
"""

from simkernel import (
    Declaration,
    GenServer,
    NoReply,
    Ok,
    between,
    choose,
    every,
    refines,
    self_,
    send,
    send_after,
    sleep,
    some,
    spec,
    work,
)

PARTICIPANTS = 3


def machine(participants=PARTICIPANTS):
    m = Declaration("two-phase commit", participants=participants)
    rms = range(participants)
    manager = m.choice("manager", "init committed aborted", start="init")
    commit = m.boolean("commit sent")
    abort = m.boolean("abort sent")
    rm = m.table("rm", rms, ["working", "prepared", "committed", "aborted"], start="working")
    seen = m.table("seen", rms, bool)
    prepared = m.table("prepared sent", rms, bool)
    m.symmetric(rm, seen, prepared)

    deciding = manager == "init"
    m.action(
        "manager commits",
        when=deciding & every(seen.values()),
        then={manager: "committed", commit: True},
    )
    m.action("manager aborts", when=deciding, then={manager: "aborted", abort: True})
    for i in rms:
        m.action(f"manager hears of {i}", when=deciding & prepared[i], then={seen[i]: True})
        m.action(
            f"{i} prepares", when=rm[i] == "working", then={rm[i]: "prepared", prepared[i]: True}
        )
        m.action(f"{i} gives up", when=rm[i] == "working", then={rm[i]: "aborted"})
        m.action(f"{i} commits", when=commit, then={rm[i]: "committed"})
        m.action(f"{i} aborts", when=abort, then={rm[i]: "aborted"})

    done = {end: some(rm[i] == end for i in rms) for end in ("committed", "aborted")}
    m.invariant("all do the same", ~(done["committed"] & done["aborted"]))
    m.sometimes("all commit", every(rm[i] == "committed" for i in rms))
    m.sometimes("all abort", every(rm[i] == "aborted" for i in rms))

    m.lemma("commit is sent by a manager that committed", commit == (manager == "committed"))
    m.lemma("abort is sent by a manager that aborted", abort == (manager == "aborted"))
    m.lemma("nobody commits unasked", every((rm[i] == "committed") >> commit for i in rms))
    m.lemma("what was seen was sent", every(seen[i] >> prepared[i] for i in rms))
    m.lemma("who commits has seen all", commit >> every(seen.values()))
    m.lemma(
        "who has prepared waits",
        every(prepared[i] >> (commit | abort | (rm[i] == "prepared")) for i in rms),
    )
    m.lemma("no commit, no aborted", commit >> every(rm[i] != "aborted" for i in rms))
    m.lemma("who has spoken works no more", every(prepared[i] >> (rm[i] != "working") for i in rms))
    return m


class Manager(GenServer):
    """Its state: what it has decided, and who has promised."""

    def init(self, _):
        send_after(self_(), "too long", 50)
        return Ok(("init", frozenset()))

    def handle_cast(self, request, state):
        decided, promised = state
        match request:
            case ("prepared", name) if decided == "init":
                send(self_(), "count")
                return NoReply((decided, promised | {name}))
            case ("prepared", _):
                return NoReply(state)

    def handle_info(self, message, state):
        decided, promised = state
        match message:
            case "count" if decided == "init" and len(promised) == PARTICIPANTS:
                return NoReply((self.decides("committed"), promised))
            case "too long" if decided == "init":
                return NoReply((self.decides("aborted"), promised))
            case "count" | "too long":
                return NoReply(state)

    def decides(self, what):
        for name in range(PARTICIPANTS):
            GenServer.cast(f"rm {name}", what)
        return what


class Participant(GenServer):
    """Its state: its name, and how it stands."""

    def init(self, name):
        return Ok((name, "working"))

    async def handle_cast(self, request, state):
        name, stands = state
        match request:
            case "vote" if stands == "working":
                await work(between(0, 60))
                if await choose(["prepared", "aborted"]) == "prepared":
                    GenServer.cast("manager", ("prepared", name))
                    return NoReply((name, "prepared"))
                return NoReply((name, "aborted"))
            case "vote":
                return NoReply(state)
            case "committed" | "aborted" as decided:
                return NoReply((name, decided))


def view(world):
    manager = world.state("manager")
    team = [world.state(f"rm {i}") for i in range(PARTICIPANTS)]
    if manager is None or None in team:
        return None
    decided, promised = manager
    shown = {"manager": decided}
    for name, stands in team:
        shown[f"rm[{name}]"] = stands
        shown[f"seen[{name}]"] = name in promised
    return shown


@spec(
    properties={"they do what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main():
    for name in range(PARTICIPANTS):
        await GenServer.start_link(Participant, name, name=f"rm {name}")
    await GenServer.start_link(Manager, None, name="manager")
    for name in range(PARTICIPANTS):
        GenServer.cast(f"rm {name}", "vote")
    await sleep(200)
