"""The guide's agent as an implementation, compared with what an agent must do.

It works on one task at a time, and has some patience for the tool. A result that comes when the
task was given up is no result any more.

The error: a result that comes when its task was given up completes the agent after all.
"""

from simkernel import (
    Declaration,
    GenStateMachine,
    KeepStateAndData,
    NextState,
    Reply,
    StateTimeout,
    between,
    receive,
    refines,
    self_,
    send,
    spawn,
    spec,
    work,
)

PATIENCE_MS = 30_000


def machine(patience=3):
    m = Declaration("agent", patience=patience)
    state = m.choice("state", ["idle", "processing", "complete", "error"], start="idle")
    tool = m.boolean("the tool works")
    late = m.boolean("an old tool works")
    mistaken = m.boolean("an old result was taken")
    waited = m.clock("waited", patience)

    m.action(
        "it accepts a task",
        when=state != "processing",
        then={state: "processing", tool: True, waited: 0},
    )
    m.action(
        "the result comes",
        when=(state == "processing") & tool,
        then={state: "complete", tool: False},
    )
    m.action(
        "its time is up",
        when=(state == "processing") & (waited >= patience),
        then={state: "error", tool: False, late: True},
        fair=True,
    )
    m.deadline(waited, patience, when=state == "processing")
    m.action("an old result comes", when=late, then={late: False})

    m.invariant("no result of another task", ~mistaken)
    m.invariant("a tool works only for a task", tool >> (state == "processing"))
    m.sometimes("it is done", state == "complete")
    m.leads_to("a task ends", state == "processing", state != "processing")
    return m


class AgentFSM(GenStateMachine):
    def init(self, _):
        return ("ok", "idle", None)

    def handle_event(self, event_type, content, state, task):
        match event_type, content, state:
            case ("call", _), ("submit", _), "processing":
                return KeepStateAndData("postpone")
            case ("call", caller), ("submit", new), _:
                actions = [Reply(caller, "accepted"), StateTimeout(PATIENCE_MS, "late")]
                return NextState("processing", new, actions)
            case "info", ("result", of), "processing" if of == task:
                return NextState("complete", None)
            case "info", ("result", _), "processing":
                return KeepStateAndData()
            case "info", ("result", _), _:
                return NextState("complete", None)
            case "state_timeout", "late", "processing":
                return NextState("error", None)


def view(world):
    found = world.state("agent")
    return found and {"state": found[0]}


async def client(main, task):
    await GenStateMachine.call("agent", ("submit", task))
    await work(between(25_000, 35_000))
    await send("agent", ("result", task))
    send(main, "finished")


@spec(
    properties={"it does what the machine does": refines(machine(), view)},
    expect=("never reached",),
)
async def main(tasks=2):
    await GenStateMachine.start_link(AgentFSM, None, name="agent")
    for task in range(tasks):
        spawn(client, self_(), task)
    for _ in range(tasks):
        await receive("finished")
