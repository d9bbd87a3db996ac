"""A lock that is given back by whoever has it, and by nobody else.

If a holder crashes before it has done so, those behind it wait for ever.
"""

from simkernel import GenServer, NoReply, Ok, Reply, log, monitor, receive, self_, spawn, spec


class Lock(GenServer):
    """Serves who asks one after the other."""

    def init(self, _):
        return Ok((None, ()))

    def handle_call(self, request, caller, state):
        holder, line = state
        match request:
            case "take" if holder is None:
                return Reply("yours", (caller[0], line))
            case "take":
                return NoReply((holder, (*line, caller)))

    def handle_cast(self, request, state):
        match request:
            case "give back":
                return NoReply(self.passed_on(state))

    def passed_on(self, state):
        _, line = state
        if not line:
            return (None, ())
        following, *rest = line
        GenServer.reply(following, "yours")
        return (following[0], tuple(rest))


async def user(lock):
    await GenServer.call(lock, "take", timeout=None)
    log(("has it", self_()))
    GenServer.cast(lock, "give back")


@spec(victims=(user,))
async def main(users=2):
    _, lock = await GenServer.start_link(Lock, None)
    for _ in range(users):
        monitor(spawn(user, lock))
    for _ in range(users):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
