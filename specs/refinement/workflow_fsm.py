"""The guide's workflow as an implementation, compared with what a workflow must do.

While it runs, questions are postponed. It has a minute for its work; what is done too late is
thrown away.

The error: what is done too late counts after all.
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


def machine(callers=2, limit=3):
    m = Declaration("workflow", callers=callers, limit=limit)
    state = m.choice("state", ["pending", "running", "complete", "failed"], start="pending")
    waiting = m.integer("waiting", 0, callers)
    work = m.choice("work", ["none", "under_way", "lost"], start="none")
    ran = m.clock("ran", limit)

    m.action(
        "start",
        when=state == "pending",
        then={state: "running", work: "under_way", ran: 0},
        fair=True,
    )
    m.action(
        "the work is done",
        when=(state == "running") & (work == "under_way"),
        then={state: "complete", work: "none"},
    )
    m.action("the work is lost", when=work == "under_way", then={work: "lost"})
    m.action(
        "its time is up",
        when=(state == "running") & (ran >= limit),
        then={state: "failed", work: "none"},
        fair=True,
    )
    m.action(
        "somebody asks",
        when=(waiting < callers) & state.is_in("pending", "running"),
        then={waiting: waiting + 1},
    )
    m.action(
        "they are answered",
        when=(waiting > 0) & state.is_in("complete", "failed"),
        then={waiting: 0},
        fair=True,
    )

    m.invariant("it runs with work", (state == "running") >> (work != "none"))
    m.sometimes("it fails", state == "failed")
    m.sometimes("it completes", state == "complete")
    m.leads_to("whoever asks is answered", waiting > 0, waiting == 0)
    return m


class WorkflowFSM(GenStateMachine, callback_mode="state_functions"):
    def init(self, _):
        return ("ok", "pending", None)

    def pending(self, event_type, content, result):
        match event_type, content:
            case "cast", "start":
                spawn(execute, self_())
                return NextState("running", None, [StateTimeout(60_000, "too long")])
            case ("call", _), "get_result":
                return KeepStateAndData("postpone")

    def running(self, event_type, content, result):
        match event_type, content:
            case "info", ("executed", new):
                return NextState("complete", new)
            case "state_timeout", "too long":
                return NextState("failed", None)
            case ("call", _), "get_result":
                return KeepStateAndData("postpone")

    def complete(self, event_type, content, result):
        match event_type, content:
            case ("call", caller), "get_result":
                return KeepStateAndData([Reply(caller, ("ok", result))])

    def failed(self, event_type, content, result):
        match event_type, content:
            case ("call", caller), "get_result":
                return KeepStateAndData([Reply(caller, "error")])
            case "info", ("executed", new):
                return NextState("complete", new)


async def execute(workflow):
    await work(between(55_000, 65_000))
    send(workflow, ("executed", 42))


async def watcher(main):
    await GenStateMachine.call("workflow", "get_result", None)
    send(main, "answered")


def view(world):
    found = world.state("workflow")
    return found and {"state": found[0]}


@spec(
    properties={"it does what the machine does": refines(machine(), view)},
    expect=("never reached",),
    settle=True,
)
async def main(watchers=2):
    await GenStateMachine.start_link(WorkflowFSM, None, name="workflow")
    for _ in range(watchers):
        spawn(watcher, self_())
    GenStateMachine.cast("workflow", "start")
    for _ in range(watchers):
        await receive("answered")
