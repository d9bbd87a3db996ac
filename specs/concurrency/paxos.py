"""One decision by Paxos, with proposers that forget what they are told.

An acceptor that promises to ignore older ballots tells which value it has accepted before. A
proposer has to take up the newest such value; these go on with their own, so that two values may
each be accepted by a majority.
"""

from simkernel import TIMEOUT, GenServer, Ok, Reply, receive, self_, send, spawn_monitor


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
    return value


async def proposer(main, acceptors, ballot, value):
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
        send(main, ("chosen", value))


async def main(acceptors=3):
    team = [(await GenServer.start_link(Acceptor, None))[1] for _ in range(acceptors)]
    _, red = spawn_monitor(proposer, self_(), team, 1, "red")
    _, blue = spawn_monitor(proposer, self_(), team[::-1], 2, "blue")
    for ref in (red, blue):
        await receive(("DOWN", ref, "process", object, object))
    chosen = set()
    while (found := await receive(("chosen", str), after=0)) is not TIMEOUT:
        chosen.add(found[1])
    assert len(chosen) <= 1, "two values are chosen"
