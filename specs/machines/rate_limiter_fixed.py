"""A rate limiter: in each period so many requests pass, and no more.

Each client looks whether there is a token, and takes it.
"""

from simkernel import Declaration, play, some


def machine(clients=3, capacity=2, period=2):
    m = Declaration("rate limiter", clients=clients, capacity=capacity, period=period)
    tokens = m.integer("tokens", 0, capacity, start=capacity)
    passed = m.integer("passed", 0, capacity)
    client = m.table("client", range(clients), ["idle", "looked"], start="idle")
    since = m.clock("since filled", period)
    m.symmetric(client)

    m.action(
        "a new period",
        when=since >= period,
        then={tokens: capacity, passed: 0, since: 0},
        fair=True,
    )
    m.deadline(since, period)
    for i in range(clients):
        m.action(
            f"{i} looks", when=(client[i] == "idle") & (tokens > 0), then={client[i]: "looked"}
        )
        m.action(
            f"{i} passes",
            when=(client[i] == "looked") & (tokens > 0),
            then={client[i]: "idle", tokens: tokens - 1, passed: passed + 1},
        )
        m.action(
            f"{i} is too late",
            when=(client[i] == "looked") & (tokens == 0),
            then={client[i]: "idle"},
        )

    m.invariant("no more than the capacity", tokens + passed <= capacity)
    m.sometimes("all tokens are taken", tokens == 0)
    m.leads_to("there are tokens again", tokens == 0, tokens > 0)
    m.sometimes("somebody looks", some(client[i] == "looked" for i in range(clients)))
    return m


async def main(steps=30):
    return await play(machine(), steps)
