"""A counter that clients share: the guide's first server, under a supervisor.

The counter is a process. It can be asked (`get`, a call) and told (`increment`, a cast), and nobody
else can touch the number: whoever wants to add sends a message, and the counter takes one message
after the other. So no increment is lost, however their messages cross. It has a `tick` of its
own, too: a message that it sends itself again and again, a second apart, while clients come and go.

The clients increment and then ask. What each is told may differ from run to run: the others' casts
may have been served already, or not yet. Two things are certain in every run. A client is told at
least what it added itself, because its call cannot overtake its own casts. And when all clients are
done, all their increments are there.

The supervisor starts the counter, and would start it again, from zero, if it crashed.
"""

from simkernel import (
    GenServer,
    NoReply,
    Ok,
    Reply,
    Supervisor,
    log,
    receive,
    self_,
    send,
    send_after,
    spawn_link,
)


class Counter(GenServer):
    # Client API

    @staticmethod
    def start_link(initial=0):
        return GenServer.start_link(Counter, initial, name="Counter")

    @staticmethod
    def increment():
        return GenServer.cast("Counter", "increment")

    @staticmethod
    def get():
        return GenServer.call("Counter", "get")

    # Server callbacks

    def init(self, initial):
        return Ok(initial)

    def handle_cast(self, request, count):
        match request:
            case "increment":
                return NoReply(count + 1)

    def handle_call(self, request, caller, count):
        match request:
            case "get":
                return Reply(count, count)

    def handle_info(self, message, count):
        match message:
            case "tick":
                send_after(self_(), "tick", 1000)
                return NoReply(count)


async def client(main, name, increments):
    for _ in range(increments):
        Counter.increment()
    seen = await Counter.get()
    log(("client", name, "was told", seen))
    assert seen >= increments
    send(main, ("done", name))


async def main(clients=2, increments=3):
    children = [(Counter, 0)]
    await Supervisor.start_link(children, strategy="one_for_one")
    send(await GenServer.whereis("Counter"), "tick")

    for name in range(clients):
        spawn_link(client, self_(), name, increments)
    for name in range(clients):
        await receive(("done", name))

    total = await Counter.get()
    assert total == clients * increments
    return total
