"""A lock that watches who has it, and who is in line.

Whoever has it gives it back by its end at the latest; who ends in line is in line no more.
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
                monitor(caller[0])
                return Reply("yours", (caller[0], line))
            case "take":
                monitor(caller[0])
                return NoReply((holder, (*line, caller)))

    def handle_cast(self, request, state):
        match request:
            # Its end may have been noticed first.
            case ("give back", pid) if pid == state[0]:
                return NoReply(self.passed_on(state))
            case ("give back", _):
                return NoReply(state)

    def handle_info(self, message, state):
        holder, line = state
        match message:
            case ("DOWN", _, "process", pid, _) if pid == holder:
                return NoReply(self.passed_on(state))
            case ("DOWN", _, "process", pid, _):
                return NoReply((holder, tuple(one for one in line if one[0] != pid)))

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
    GenServer.cast(lock, ("give back", self_()))


@spec(victims=(user,))
async def main(users=2):
    _, lock = await GenServer.start_link(Lock, None)
    for _ in range(users):
        monitor(spawn(user, lock))
    for _ in range(users):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
