"""Two-phase commit in which a participant loses patience.

Each participant votes and is then told what all of them do. One that has voted yes and hears
nothing for a while aborts by itself; the others may have been told to commit.
"""

from simkernel import TIMEOUT, always, between, choose, log, receive, self_, send, spawn, spec, work

PATIENCE_MS = 100


async def participant(coordinator):
    vote = await choose(["yes", "no"])
    send(coordinator, ("vote", self_(), vote))
    if vote == "no":
        log("aborted")
        return
    match await receive(("decision", str), after=PATIENCE_MS):
        case ("decision", decision):
            log(decision)
        case timeout if timeout is TIMEOUT:
            log("aborted")


def all_alike(world):
    return len(set(world.logged)) <= 1


@spec(properties={"all do the same": always(all_alike)}, settle=True)
async def main(participants=2):
    team = [spawn(participant, self_()) for _ in range(participants)]
    votes = []
    for pid in team:
        match await receive(("vote", pid, str)):
            case (_, _, vote):
                votes.append(vote)
    await work(between(0, 200))
    decision = "committed" if votes == ["yes"] * participants else "aborted"
    for pid in team:
        send(pid, ("decision", decision))
