"""Two-phase commit in which who has voted yes waits for the decision, however long it takes.

That is what makes two-phase commit block, and what makes it right.
"""

from simkernel import always, between, choose, log, receive, self_, send, spawn, spec, work


async def participant(coordinator):
    vote = await choose(["yes", "no"])
    send(coordinator, ("vote", self_(), vote))
    if vote == "no":
        log("aborted")
        return
    match await receive(("decision", str)):
        case ("decision", decision):
            log(decision)


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
