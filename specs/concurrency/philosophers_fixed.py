"""Philosophers who take the fork with the lower number first: so the last one reaches across.

In a circle of waiting, each would wait for a higher fork than the one that it has.
"""

from simkernel import GenServer, NoReply, Ok, Reply, receive, self_, send, spawn

SEATS = 2


class Fork(GenServer):
    """Lies on the table, or is somebody's; who else wants it waits in line."""

    def init(self, _):
        return Ok((None, ()))

    def handle_call(self, request, caller, state):
        holder, line = state
        match request:
            case "take" if holder is None:
                return Reply("yours", (caller[0], line))
            case "take":
                return NoReply((holder, (*line, caller)))
            case "put back" if not line:
                return Reply("ok", (None, ()))
            case "put back":
                following, *rest = line
                GenServer.reply(following, "yours")
                return Reply("ok", (following[0], tuple(rest)))


async def philosopher(main, left, right):
    await GenServer.call(left, "take", timeout=None)
    await GenServer.call(right, "take", timeout=None)
    await GenServer.call(right, "put back", timeout=None)
    await GenServer.call(left, "put back", timeout=None)
    send(main, "has eaten")


async def main():
    forks = [(await GenServer.start_link(Fork, None))[1] for _ in range(SEATS)]
    for seat in range(SEATS):
        low, high = sorted((seat, (seat + 1) % SEATS))
        spawn(philosopher, self_(), forks[low], forks[high])
    for _ in range(SEATS):
        await receive("has eaten")
