"""An election on a ring whose nodes have a place besides the number, so that no two are equal.

Each node sends what it is called round; who gets a higher name than its own passes it on, who gets
its own back has won.
"""

from simkernel import always, log, receive, self_, send, spawn, spec

IDS = (3, 1, 3)


def mine(id, place):
    return (id, place)


async def node(id, place):
    me = mine(id, place)
    match await receive(("next", object)):
        case (_, following):
            pass
    send(following, ("elect", me))
    while True:
        match await receive():
            case ("elect", other) if other > me:
                send(following, ("elect", other))
            case ("elect", other) if other == me:
                log(("leader", place))
                send(following, ("over", place))
            case ("elect", _):
                pass
            case ("over", winner):
                if winner != place:
                    send(following, ("over", winner))
                return


def one_leader(world):
    return len(set(world.logged)) <= 1


@spec(properties={"at most one leader": always(one_leader)})
async def main():
    ring = [spawn(node, id, place) for place, id in enumerate(IDS)]
    for place, pid in enumerate(ring):
        send(pid, ("next", ring[(place + 1) % len(ring)]))
    return self_()
