"""The guide's SessionSupervisor: a session for each client, as many as come.

The supervisor starts empty. Each client has a session started for itself, works with it, and ends
it. Sessions are alike and have no names: a client holds on to the pid that it was given. One client
crashes its session. That is the end of this session alone, whose client learns of it; a session is
temporary, for nobody would know the pid of one that was started again.

Whatever the order: each client sees its own items only, and when all are done no session is left.
"""

from simkernel import (
    ANY,
    DynamicSupervisor,
    GenServer,
    NoReply,
    Ok,
    Reply,
    Stop,
    log,
    monitor,
    pin,
    receive,
    self_,
    send,
    spawn_link,
)


class SessionSupervisor(DynamicSupervisor):
    @staticmethod
    def start_link(_):
        return DynamicSupervisor.start_link(SessionSupervisor, "ok", name="SessionSupervisor")

    def init(self, argument):
        match argument:
            case "ok":
                return DynamicSupervisor.init(strategy="one_for_one")

    @staticmethod
    def start_session(session_id):
        return DynamicSupervisor.start_child("SessionSupervisor", (Session, session_id))


class Session(GenServer, restart="temporary"):
    @staticmethod
    def start_link(session_id):
        return GenServer.start_link(Session, session_id)

    def init(self, session_id):
        return Ok((session_id, ()))

    def handle_cast(self, request, state):
        session_id, items = state
        match request:
            case ("add", item):
                return NoReply((session_id, (*items, item)))
            case "crash":
                raise RuntimeError("boom")

    def handle_call(self, request, caller, state):
        match request:
            case "items":
                return Reply(state, state)
            case "close":
                return Stop("normal", "closed", state)


async def client(main, session_id, crashes):
    ok, session = await SessionSupervisor.start_session(session_id)
    assert ok == "ok"
    ref = monitor(session)
    for item in range(2):
        GenServer.cast(session, ("add", (session_id, item)))
    owner, items = await GenServer.call(session, "items")
    assert owner == session_id
    assert items == ((session_id, 0), (session_id, 1))

    if crashes:
        GenServer.cast(session, "crash")
    else:
        assert await GenServer.call(session, "close") == "closed"
    down = await receive(("DOWN", pin(ref), "process", pin(session), ANY))
    log((session_id, "crashed" if crashes else "closed"))
    assert (down[4] == "normal") is not crashes
    send(main, ("done", session_id))


async def main(clients=3):
    await SessionSupervisor.start_link([])

    for session_id in range(clients):
        spawn_link(client, self_(), session_id, session_id == 0)
    for session_id in range(clients):
        await receive(("done", session_id))

    late = await SessionSupervisor.start_session("late")
    assert await DynamicSupervisor.terminate_child("SessionSupervisor", late[1]) == "ok"
    counts = await DynamicSupervisor.count_children("SessionSupervisor")
    assert counts["active"] == 0
    return counts["specs"]
