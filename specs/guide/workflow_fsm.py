"""The guide's workflow: pending until it is started, running, and then complete or failed.

It has a minute for its work. While it runs, calls are postponed, so that whoever asks for the
result or for the error is answered once there is one.

The clients do not wait for each other. Each starts the workflow, in case nobody has done so yet,
and watchers ask what came of it, some of them before it was started. A client gives the workflow
a few seconds more than the minute that it allows itself. The work is mostly quick, but sometimes
takes about as long as is allowed.
"""

from simkernel import (
    GenStateMachine,
    KeepState,
    KeepStateAndData,
    Map,
    NextState,
    Reply,
    StateTimeout,
    between,
    choose,
    log,
    now,
    receive,
    self_,
    send,
    spawn_link,
    work,
)


class WorkflowFSM(GenStateMachine, callback_mode=["state_functions", "state_enter"]):
    def init(self, _):
        return ("ok", "pending", Map())

    # State enter callbacks: run on every state transition
    def pending(self, event_type, content, data):
        match event_type, content:
            case "enter", _:
                return KeepState(data.replace(entered_at=now()))

            case ("call", caller), ("start", params):
                return NextState(
                    "running",
                    data.replace(params=params),
                    [Reply(caller, "ok"), StateTimeout(60_000, "execution_timeout")],
                )

    async def running(self, event_type, content, data):
        match event_type, content:
            case "enter", "pending":
                # Setup when entering running from pending
                send(self_(), "execute")
                return KeepState(data)

            case "info", "execute":
                result = await do_work(data.params)
                return NextState("complete", data.replace(result=result))

            case "state_timeout", "execution_timeout":
                return NextState("failed", data.replace(error="timeout"))

            # Postpone any calls while running
            case ("call", _), _:
                return KeepStateAndData("postpone")

    def complete(self, event_type, content, data):
        match event_type, content:
            case "enter", _:
                return KeepState(data)

            case ("call", caller), "get_result":
                return KeepStateAndData([Reply(caller, ("ok", data.result))])

    def failed(self, event_type, content, data):
        match event_type, content:
            case "enter", _:
                return KeepState(data)

            case ("call", caller), "get_error":
                return KeepStateAndData([Reply(caller, ("error", data.error))])


async def do_work(params):
    if await choose(["quick", "slow"]) == "quick":
        await work(between(10, 1_000))
    else:
        await work(between(55_000, 70_000))
    return ("done", params)


async def client(main, workflow, params, patience_ms):
    log((params, await GenStateMachine.call(workflow, ("start", params), patience_ms)))
    log((params, await GenStateMachine.call(workflow, "get_result", patience_ms)))
    send(main, "finished")


async def watcher(main, workflow, question):
    if await choose(["at once", "later"]) == "later":
        await work(between(10, 1_000))
    log((question, await GenStateMachine.call(workflow, question)))
    send(main, "finished")


async def main(clients=2, watchers=1, patience_ms=65_000):
    _, workflow = await GenStateMachine.start_link(WorkflowFSM, "_")
    for number in range(watchers):
        spawn_link(watcher, self_(), workflow, ["get_error", "get_result"][number % 2])
    for number in range(clients):
        spawn_link(client, self_(), workflow, number, patience_ms)
    for _ in range(clients + watchers):
        await receive("finished")
