"""The guide's workflow: pending, running, and then complete or failed.

While it runs, callers wait for what comes of it.

The error: the time limit is not looked at where the work was lost.
"""

from simkernel import Declaration, play


def machine(callers=2, limit=3):
    m = Declaration("workflow", callers=callers, limit=limit)
    state = m.choice("state", ["pending", "running", "complete", "failed"], start="pending")
    waiting = m.integer("waiting", 0, callers)
    work = m.choice("work", ["none", "under_way", "lost"], start="none")
    ran = m.clock("ran", limit)

    m.action(
        "start",
        when=state == "pending",
        then={state: "running", work: "under_way", ran: 0},
        fair=True,
    )
    m.action(
        "the work is done",
        when=(state == "running") & (work == "under_way"),
        then={state: "complete", work: "none"},
    )
    m.action("the work is lost", when=work == "under_way", then={work: "lost"})
    m.action(
        "its time is up",
        when=(state == "running") & (ran >= limit) & (work != "lost"),
        then={state: "failed", work: "none"},
        fair=True,
    )
    m.action(
        "somebody asks",
        when=(waiting < callers) & state.is_in("pending", "running"),
        then={waiting: waiting + 1},
    )
    m.action(
        "they are answered",
        when=(waiting > 0) & state.is_in("complete", "failed"),
        then={waiting: 0},
        fair=True,
    )

    m.invariant("it runs with work", (state == "running") >> (work != "none"))
    m.sometimes("it fails", state == "failed")
    m.sometimes("it completes", state == "complete")
    m.leads_to("whoever asks is answered", waiting > 0, waiting == 0)
    return m


async def main(steps=30):
    return await play(machine(), steps)
