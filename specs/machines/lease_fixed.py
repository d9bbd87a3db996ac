"""A lease that is given for some time: whoever holds it works alone until it has run out.

The server counts from when it gives the lease, a client from when it asked for it: so a client
that still works is never one that the server has given up.
"""

from simkernel import Declaration, every, play


def machine(clients=2, term=3):
    m = Declaration("lease", clients=clients, term=term)
    names = range(clients)
    given = m.clock("since given", term + 1, start=term + 1)
    client = m.table("client", names, ["idle", "asking", "granted", "working"], start="idle")
    since = [m.clock(f"since[{i}]", term + 1) for i in names]

    for i in names:
        m.action(f"{i} asks", when=client[i] == "idle", then={client[i]: "asking", since[i]: 0})
        m.action(
            f"{i} is given it",
            when=(client[i] == "asking") & (given > term),
            then={client[i]: "granted", given: 0},
        )
        m.action(
            f"{i} hears of it",
            when=(client[i] == "granted") & (since[i] < term),
            then={client[i]: "working"},
        )
        m.action(
            f"{i} hears too late",
            when=(client[i] == "granted") & (since[i] >= term),
            then={client[i]: "idle"},
            fair=True,
        )
        m.action(f"{i} stops", when=client[i] == "working", then={client[i]: "idle"}, fair=True)
        m.deadline(since[i], term, when=client[i] == "working")

    pairs = [(i, j) for i in names for j in names if i < j]
    m.invariant(
        "one at a time",
        every(~((client[i] == "working") & (client[j] == "working")) for i, j in pairs),
    )
    m.sometimes("the last one works", client[clients - 1] == "working")
    m.leads_to("who works stops", client[0] == "working", client[0] != "working")

    m.lemma(
        "a client counts from before",
        every(
            client[i].is_in("granted", "working") >> ((since[i] >= given) | (since[i] >= term))
            for i in names
        ),
    )
    return m


async def main(steps=30):
    return await play(machine(), steps)
