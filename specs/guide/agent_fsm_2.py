"""The guide's agent: it works on one task at a time, and has half a minute for it.

An idle agent accepts a task, and while it works on it further tasks are postponed. What comes of a
task is sent to it as a message. Anybody may ask at any time how it stands.

The clients all want something of it at once. Each submits a task and has it done by a tool, which
sends its result to the agent: mostly soon, sometimes only about when the agent's time is up. In
between the clients ask for the status.
"""

from simkernel import (
    GenStateMachine,
    KeepStateAndData,
    Map,
    NextState,
    Reply,
    StateTimeout,
    between,
    choose,
    log,
    receive,
    self_,
    send,
    spawn_link,
    work,
)


class AgentFSM(GenStateMachine):
    # Client API

    @staticmethod
    def start_link(opts):
        return GenStateMachine.start_link(AgentFSM, opts)

    @staticmethod
    def submit(pid, task):
        return GenStateMachine.call(pid, ("submit", task))

    @staticmethod
    def status(pid):
        return GenStateMachine.call(pid, "status")

    # Server callbacks

    def init(self, opts):
        return ("ok", "idle", Map(tasks=[], results=[], error=None, config=opts))

    def handle_event(self, event_type, content, state, data):
        match event_type, content, state:
            # State: idle
            case ("call", caller), ("submit", task), "idle":
                return NextState(
                    "processing",
                    data.replace(tasks=[task]),
                    [Reply(caller, "accepted"), StateTimeout(30_000, "timeout")],
                )

            case ("call", caller), "status", _:
                return KeepStateAndData([Reply(caller, (state, len(data.results)))])

            # State: processing, with timeout
            case "state_timeout", "timeout", "processing":
                return NextState("error", data.replace(error="timeout"))

            # Internal event for completion
            case "info", ("result", result), "processing":
                return NextState("complete", data.replace(results=[result, *data.results]))

            # Postpone submissions while processing
            case ("call", _), ("submit", _), "processing":
                return KeepStateAndData("postpone")


async def tool(agent, task):
    if await choose(["quick", "slow"]) == "quick":
        await work(between(10, 1_000))
    else:
        await work(between(25_000, 35_000))
    send(agent, ("result", ("done", task)))


async def client(main, agent, task):
    accepted = await AgentFSM.submit(agent, task)
    log((task, accepted, await AgentFSM.status(agent)))
    await tool(agent, task)
    log((task, "done", await AgentFSM.status(agent)))
    send(main, ("finished", task))


async def main(tasks=2):
    _, agent = await AgentFSM.start_link(Map(model="small"))
    for task in range(tasks):
        spawn_link(client, self_(), agent, task)
    for task in range(tasks):
        await receive(("finished", task))
    return await AgentFSM.status(agent)
