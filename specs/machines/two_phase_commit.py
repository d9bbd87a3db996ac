"""Two-phase commit: a manager of transactions, and participants who all commit or all abort.

Messages are never removed, so they may come late and more than once.

The error: the manager does not wait for the vote of participant 0.
"""

from simkernel import Declaration, every, play, some


def machine(participants=3):
    m = Declaration("two-phase commit", participants=participants)
    rms = range(participants)
    manager = m.choice("manager", "init committed aborted", start="init")
    commit = m.boolean("commit sent")
    abort = m.boolean("abort sent")
    rm = m.table("rm", rms, ["working", "prepared", "committed", "aborted"], start="working")
    seen = m.table("seen", rms, bool)
    prepared = m.table("prepared sent", rms, bool)

    deciding = manager == "init"
    m.action(
        "manager commits",
        when=deciding & every(seen[i] for i in rms if i),
        then={manager: "committed", commit: True},
    )
    m.action("manager aborts", when=deciding, then={manager: "aborted", abort: True})
    for i in rms:
        m.action(f"manager hears of {i}", when=deciding & prepared[i], then={seen[i]: True})
        m.action(
            f"{i} prepares", when=rm[i] == "working", then={rm[i]: "prepared", prepared[i]: True}
        )
        m.action(f"{i} gives up", when=rm[i] == "working", then={rm[i]: "aborted"})
        m.action(f"{i} commits", when=commit, then={rm[i]: "committed"})
        m.action(f"{i} aborts", when=abort, then={rm[i]: "aborted"})

    done = {end: some(rm[i] == end for i in rms) for end in ("committed", "aborted")}
    m.invariant("all do the same", ~(done["committed"] & done["aborted"]))
    m.sometimes("all commit", every(rm[i] == "committed" for i in rms))
    m.sometimes("all abort", every(rm[i] == "aborted" for i in rms))
    return m


async def main(steps=30):
    return await play(machine(), steps)
