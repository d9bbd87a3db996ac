"""The guide's registry: sessions that are found by their id, and workers named by it.

A session registers itself under "session:ID" and is looked up by whoever wants to talk to it. The
answer of a lookup is `("ok", pid)` or `("error", "not_found")`, and it is as old as the moment in
which it was given: the session may end before it is sent to. So a visitor monitors what it found,
and takes either an answer or the DOWN for one.

A worker has its name from the registry as well, by `("via", Registry, ...)`. Two starters want
the same worker; one of them starts it, the other is told who it is, and both call it by its name.

In every run each visitor gets an answer or learns that the session is gone, exactly one of the
starters starts the worker, and a session that has ended is not found any more.
"""

from simkernel import (
    ANY,
    GenServer,
    Ok,
    Registry,
    Reply,
    Supervisor,
    log,
    monitor,
    receive,
    self_,
    send,
    spawn,
    spawn_link,
)


async def lookup(id):
    match await Registry.lookup("MyApp.Registry", f"session:{id}"):
        case [(pid, _value)]:
            return ("ok", pid)
        case []:
            return ("error", "not_found")


async def session(main, id):
    await Registry.register("MyApp.Registry", f"session:{id}", {})
    send(main, ("registered", id))
    match await receive():
        case ("hello", visitor):
            send(visitor, ("welcome", id))


async def visitor(main, id):
    match await lookup(id):
        case ("ok", pid):
            ref = monitor(pid)
            send(pid, ("hello", self_()))
            match await receive(("welcome", id), ("DOWN", ref, ANY, ANY, ANY)):
                case ("welcome", _):
                    send(main, ("visited", id))
                case ("DOWN", *_):
                    send(main, ("gone", id))
        case ("error", "not_found"):
            send(main, ("not found", id))


class MyWorker(GenServer):
    def init(self, arg):
        return Ok(arg)

    def handle_call(self, request, caller, arg):
        match request:
            case "get":
                return Reply(arg, arg)


def via(id):
    return ("via", Registry, ("MyApp.Registry", f"worker:{id}"))


async def starter(main, id):
    match await GenServer.start(MyWorker, id, name=via(id)):
        case ("ok", _pid):
            send(main, "started")
        case ("error", ("already_started", _pid)):
            send(main, "already started")
    assert await GenServer.call(via(id), "get") == id
    send(main, "called")


async def main(visitors=2, starters=2):
    children = [(Registry, {"keys": "unique", "name": "MyApp.Registry"})]
    await Supervisor.start_link(children, strategy="one_for_one")

    spawn(session, self_(), 1)
    await receive(("registered", 1))
    for _ in range(visitors):
        spawn_link(visitor, self_(), 1)
    outcomes = [(await receive((ANY, 1)))[0] for _ in range(visitors)]
    log(tuple(outcomes))
    assert outcomes.count("visited") == 1
    assert await lookup(2) == ("error", "not_found")

    for _ in range(starters):
        spawn_link(starter, self_(), 7)
    answers = [await receive("started", "already started") for _ in range(starters)]
    assert answers.count("started") == min(starters, 1)
    for _ in range(starters):
        await receive("called")
    return tuple(outcomes)
