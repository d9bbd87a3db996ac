"""A rate limiter that takes a token first, and looks at what that left.

The operation on the counter is one event: nobody comes between.
"""

from simkernel import always, ets, log, monitor, receive, spawn, spec

LIMIT = 2


async def taken(table):
    return await ets.update_counter(table, "tokens", -1) >= 0


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
