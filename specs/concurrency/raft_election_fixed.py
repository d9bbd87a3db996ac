"""An election as in Raft, by nodes that keep their term and their vote over a restart.

Both are on disk before anybody hears of the vote, so that whoever is started again in the same term
gives it to no other. Two majorities have a node in common, and this one votes once in a term: the
referee hears of one winner of each. Faults: check it with `--faults 1`. Whom the network lets a and
b reach: with `parted=0` each other as well.
"""

from simkernel import (
    ChildSpec,
    GenServer,
    NoReply,
    Ok,
    Supervisor,
    again,
    ets,
    receive,
    send,
    sleep,
    spawn,
    spec,
)

NODES = ("a", "b", "c")
MAJORITY = len(NODES) // 2 + 1


class Node(GenServer):
    """A follower, or a candidate with the votes that it has; on disk is what outlives it."""

    @staticmethod
    def start_link(*given):
        return GenServer.start_link(Node, given, name=given[0])

    async def init(self, given):
        me, peers, referee = given
        [(_, term, vote)] = await ets.lookup("disk", me)
        return Ok((me, peers, referee, term, vote, ()))

    async def handle_cast(self, request, state):
        me, peers, referee, term, vote, votes = state
        match request:
            case "time is up":  # nobody leads, as far as this one knows
                await kept(me, term + 1, me)
                for peer in peers:
                    GenServer.cast(peer, ("vote for", me, term + 1))
                return NoReply((me, peers, referee, term + 1, me, (me,)))
            case ("vote for", candidate, asked) if asked > term:
                await kept(me, asked, candidate)
                GenServer.cast(candidate, ("vote", me, asked))
                return NoReply((me, peers, referee, asked, candidate, ()))
            case ("vote for", candidate, asked) if asked == term and vote is None:
                await kept(me, term, candidate)
                GenServer.cast(candidate, ("vote", me, term))
                return NoReply((me, peers, referee, term, candidate, votes))
            case ("vote", voter, given) if given == term and vote == me and voter not in votes:
                votes = (*votes, voter)
                if len(votes) == MAJORITY:
                    send(referee, ("leader", term, me))
                return NoReply((me, peers, referee, term, vote, votes))
            case _:
                return NoReply(state)


async def kept(me, term, vote):
    """Write to disk what has to outlive a restart."""
    await ets.insert("disk", (me, term, vote))


def peers_of(me, parted):
    """Give whom a node can reach: where the network is cut, the candidates miss each other."""
    return tuple(one for one in NODES if one != me and not (parted and {one, me} == {"a", "b"}))


async def referee(winners=()):
    """Hear of leaders: one in each term."""
    _, term, winner = await receive(("leader", int, str), idle=True)
    assert all(other == winner for of, other in winners if of == term), "two leaders in one term"
    return again(referee, (*winners, (term, winner)))


@spec(victims=(Node,))
async def main(parted=1):
    await ets.new("disk", access="public", named=True)
    for me in NODES:
        await ets.insert("disk", (me, 0, None))
    hears = spawn(referee)
    given = [(me, peers_of(me, parted), hears) for me in NODES]
    children = [ChildSpec(one[0], (Node, "start_link", one)) for one in given]
    await Supervisor.start_link(children, strategy="one_for_one")
    GenServer.cast("a", "time is up")
    await sleep(50)
    GenServer.cast("b", "time is up")
