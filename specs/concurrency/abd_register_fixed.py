"""A register on three replicas, of which a majority is asked; a reader writes back what it found.

So when a read is answered, a majority has what it gave, and every later read meets one of them.
"""

from simkernel import (
    GenServer,
    Model,
    NoReply,
    Ok,
    Reply,
    linearizable,
    receive,
    self_,
    send,
    spawn,
    spec,
)


class Replica(GenServer):
    """Holds the newest (stamp, value) that it was told."""

    def init(self, _):
        return Ok((0, None))

    def handle_call(self, request, caller, held):
        match request:
            case "read":
                return Reply(held, held)
            case ("write", stamp, value):
                return Reply("ok", max(held, (stamp, value), key=lambda pair: pair[0]))


class Register(GenServer):
    """Lets a process of its own serve each request, so that they overlap."""

    def init(self, replicas):
        return Ok(replicas)

    def handle_call(self, request, caller, replicas):
        spawn(serve, replicas, request, caller)
        return NoReply(replicas)


async def serve(replicas, request, caller):
    match request:
        case ("read", nearest):
            GenServer.reply(caller, await read(replicas, nearest))
        case ("write", stamp, value):
            for replica in replicas:  # all of them, one after the other
                await GenServer.call(replica, ("write", stamp, value), timeout=None)
            GenServer.reply(caller, "ok")


async def read(replicas, nearest):
    asked = [replicas[nearest - 1], replicas[nearest]]  # of three, two are a majority
    found = [await GenServer.call(replica, "read", timeout=None) for replica in asked]
    stamp, value = max(found, key=lambda pair: pair[0])
    for replica in asked:
        await GenServer.call(replica, ("write", stamp, value), timeout=None)
    return value


class OneRegister(Model):
    initial = None

    def apply(self, state, request):
        match request:
            case ("read", _):
                return state, state
            case ("write", _, value):
                return "ok", value


async def writer(main):
    await GenServer.call("register", ("write", 1, "new"), timeout=None)
    send(main, "done")


async def reader(main):
    for nearest in (0, 2):
        await GenServer.call("register", ("read", nearest), timeout=None)
    send(main, "done")


@spec(properties={"one register": linearizable(OneRegister(), "register")})
async def main(readers=1):
    replicas = [(await GenServer.start_link(Replica, None))[1] for _ in range(3)]
    await GenServer.start_link(Register, replicas, name="register")
    for client in (writer, *[reader] * readers):
        spawn(client, self_())
    for _ in range(readers + 1):
        await receive("done")
