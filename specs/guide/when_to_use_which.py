"""The guide's last table: what asks for a GenServer, and what for a GenStateMachine.

Four processes for two jobs. A store keeps values under keys, which is what a GenServer is for; it
is here once as a GenServer, and once as a GenStateMachine, which is more than it needs. An approval
goes from draft to review to approved or back, and some requests are valid in some of these phases
only, which is what a GenStateMachine is for; it is here once as such, and once as a GenServer that
keeps its phase in its state and asks for it in every clause.

The clients see no difference. `simkernel doctor` does, from how the four were used.
"""

from simkernel import (
    GenServer,
    GenStateMachine,
    KeepStateAndData,
    Map,
    NextState,
    NoReply,
    Ok,
    Reply,
    choose,
    receive,
    self_,
    send,
    spawn_link,
)


class Store(GenServer):
    def init(self, entries):
        return Ok(entries)

    def handle_call(self, request, caller, entries):
        match request:
            case ("get", key):
                return Reply(entries.get(key), entries)

    def handle_cast(self, request, entries):
        match request:
            case ("put", key, value):
                return NoReply(entries.put(key, value))


class StoreMachine(GenStateMachine):
    def init(self, entries):
        return ("ok", "serving", entries)

    def handle_event(self, event_type, content, state, entries):
        match event_type, content:
            case ("call", caller), ("get", key):
                return KeepStateAndData([Reply(caller, entries.get(key))])
            case "cast", ("put", key, value):
                return ("keep_state", entries.put(key, value))


class Approval(GenStateMachine, callback_mode="state_functions"):
    def init(self, _):
        return ("ok", "draft", 0)

    def draft(self, event_type, content, rounds):
        match event_type, content:
            case ("call", caller), "submit":
                return NextState("review", rounds + 1, [Reply(caller, "ok")])
            case ("call", caller), "decide":
                return KeepStateAndData("postpone")
            case ("call", caller), "phase":
                return KeepStateAndData([Reply(caller, ("draft", rounds))])

    def review(self, event_type, content, rounds):
        match event_type, content:
            case ("call", caller), "decide" if rounds < 2:
                return NextState("draft", rounds, [Reply(caller, "again")])
            case ("call", caller), "decide":
                return NextState("approved", rounds, [Reply(caller, "approved")])
            case ("call", caller), "submit":
                return KeepStateAndData([Reply(caller, "not now")])
            case ("call", caller), "phase":
                return KeepStateAndData([Reply(caller, ("review", rounds))])

    def approved(self, event_type, content, rounds):
        match event_type, content:
            case ("call", caller), "phase":
                return KeepStateAndData([Reply(caller, ("approved", rounds))])
            case ("call", caller), _:
                return KeepStateAndData([Reply(caller, "not now")])


class ApprovalServer(GenServer):
    def init(self, _):
        return Ok(Map(phase="draft", rounds=0))

    def handle_call(self, request, caller, state):
        match request, state["phase"]:
            case "submit", "draft":
                return Reply("ok", state.replace(phase="review", rounds=state["rounds"] + 1))
            case "decide", "review" if state["rounds"] < 2:
                return Reply("again", state.replace(phase="draft"))
            case "decide", "review":
                return Reply("approved", state.replace(phase="approved"))
            case "phase", phase:
                return Reply((phase, state["rounds"]), state)
            case _:
                return Reply("not now", state)


async def keeps(main, behaviour, store):
    behaviour.cast(store, ("put", self_(), "mine"))
    send(main, ("kept", await behaviour.call(store, ("get", self_()))))


async def author(main, approval):
    answers = []
    for _ in range(2):
        answers.append(await GenStateMachine.call(approval, "submit"))
        answers.append(await GenStateMachine.call(approval, "decide"))
    send(main, ("decided", tuple(answers)))


async def impatient(main, approval):
    # Asks as often as it likes, in whichever order: a server that cannot postpone says no.
    for _ in range(6):
        await GenServer.call(approval, await choose(("submit", "decide", "phase")))
    for request in ("submit", "decide") * 2:
        await GenServer.call(approval, request)
    send(main, ("phase", await GenServer.call(approval, "phase")))


async def main(clients=2):
    _, store = await GenServer.start_link(Store, Map())
    _, machine = await GenStateMachine.start_link(StoreMachine, Map())
    for _ in range(clients):
        spawn_link(keeps, self_(), GenServer, store)
        spawn_link(keeps, self_(), GenStateMachine, machine)
    for _ in range(2 * clients):
        assert await receive(("kept", str)) == ("kept", "mine")

    _, approval = await GenStateMachine.start_link(Approval, "_")
    spawn_link(author, self_(), approval)
    _, answers = await receive(("decided", tuple))
    assert answers == ("ok", "again", "ok", "approved")

    _, approval = await GenServer.start_link(ApprovalServer, "_")
    spawn_link(impatient, self_(), approval)
    _, (phase, rounds) = await receive(("phase", tuple))
    assert (phase, rounds) == ("approved", 2)
