"""One decision by Paxos: a proposer takes up the newest value that a majority tells it of.

So what a majority has accepted is what every later proposer proposes.
"""

from simkernel import GenServer, Ok, Reply, always, log, monitor, receive, spawn, spec


class Acceptor(GenServer):
    """Holds the highest ballot promised, and the (ballot, value) accepted last."""

    def init(self, _):
        return Ok((0, None))

    def handle_call(self, request, caller, state):
        promised, accepted = state
        match request:
            case ("prepare", ballot) if ballot > promised:
                return Reply(("promise", accepted), (ballot, accepted))
            case ("accept", ballot, value) if ballot >= promised:
                return Reply("accepted", (ballot, (ballot, value)))
            case _:
                return Reply("refused", state)


def taken_up(promises, value):
    earlier = [accepted for accepted in promises if accepted is not None]
    return max(earlier)[1] if earlier else value


async def proposer(acceptors, ballot, value):
    majority = len(acceptors) // 2 + 1
    promises = []
    for acceptor in acceptors:
        match await GenServer.call(acceptor, ("prepare", ballot), timeout=None):
            case ("promise", accepted):
                promises.append(accepted)
        if len(promises) == majority:
            break
    if len(promises) < majority:
        return
    value = taken_up(promises, value)
    count = 0
    for acceptor in acceptors:
        answer = await GenServer.call(acceptor, ("accept", ballot, value), timeout=None)
        count += answer == "accepted"
    if count >= majority:
        log(("chosen", value))


def one_value(world):
    return len(set(world.logged)) <= 1


@spec(properties={"one value is chosen": always(one_value)})
async def main(acceptors=3):
    team = [(await GenServer.start_link(Acceptor, None))[1] for _ in range(acceptors)]
    monitor(spawn(proposer, team, 1, "red"))
    monitor(spawn(proposer, team[::-1], 2, "blue"))
    for _ in range(2):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
