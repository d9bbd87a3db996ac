"""A rate limiter that looks whether a token is left, and then takes it.

Between the two somebody else may have taken the last one.
"""

from simkernel import always, ets, log, monitor, receive, spawn, spec

LIMIT = 2


async def taken(table):
    left = await ets.lookup_element(table, "tokens", 2)
    if left <= 0:
        return False
    await ets.update_counter(table, "tokens", -1)
    return True


async def client(table):
    if await taken(table):
        log("let through")


def within_the_limit(world):
    return len(world.logged) <= LIMIT


@spec(properties={"no more than the limit": always(within_the_limit)})
async def main(clients=3):
    table = await ets.new("limits", access="public")
    await ets.insert(table, ("tokens", LIMIT))
    for _ in range(clients):
        monitor(spawn(client, table))
    for _ in range(clients):
        match await receive():
            case ("DOWN", _, _, _, _):
                pass
