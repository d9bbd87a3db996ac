"""A buffer with two places, whose server forgets to let the next producer in when one is free.

Who takes an item makes room, but those who wait with one are only served when somebody else comes.
"""

from simkernel import GenServer, NoReply, Ok, Reply, receive, self_, send, spawn

PLACES = 2


class Buffer(GenServer):
    """Items, and in line those who want to put one or to take one."""

    def init(self, _):
        return Ok(((), (), ()))

    def handle_call(self, request, caller, state):
        items, putters, takers = state
        match request:
            case ("put", item) if takers:
                first, *others = takers
                GenServer.reply(first, item)
                return Reply("ok", (items, putters, tuple(others)))
            case ("put", item) if len(items) < PLACES:
                return Reply("ok", ((*items, item), putters, takers))
            case ("put", item):
                return NoReply((items, (*putters, (caller, item)), takers))
            case "take" if items:
                first, *others = items
                return Reply(first, self.let_in(tuple(others), putters, takers))
            case "take":
                return NoReply((items, putters, (*takers, caller)))

    def let_in(self, items, putters, takers):
        return (items, putters, takers)


async def producer(main, buffer, items):
    for item in range(items):
        await GenServer.call(buffer, ("put", item), timeout=None)
    send(main, "done")


async def consumer(main, buffer, items):
    for _ in range(items):
        await GenServer.call(buffer, "take", timeout=None)
    send(main, "done")


async def main(items=4):
    _, buffer = await GenServer.start_link(Buffer, None)
    spawn(producer, self_(), buffer, items)
    spawn(consumer, self_(), buffer, items)
    for _ in range(2):
        await receive("done")
