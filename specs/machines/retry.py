"""A connection that is tried again, later each time, until a deadline; a timer wakes it up.

Neither how often it is tried nor the time has a bound: this machine is proved, not searched.

The error: when the other side connects, the timer is not cancelled.
"""

from simkernel import Declaration, play


def machine(give_up=60):
    m = Declaration("retry", give_up=give_up)
    state = m.choice("state", ["idle", "trying", "waiting", "connected"], start="idle")
    now = m.clock("now")
    began = m.integer("began")
    retries = m.integer("retries")
    armed = m.boolean("timer is set")
    due = m.integer("timer is due")
    generation = m.integer("generation")
    of_timer = m.integer("generation of the timer")

    m.action("start", when=state == "idle", then={state: "trying", retries: 0, began: now})
    m.action(
        "it fails",
        when=state == "trying",
        then={
            state: "waiting",
            retries: retries + 1,
            armed: True,
            due: now + retries + 1,
            generation: generation + 1,
            of_timer: generation + 1,
        },
    )
    m.action(
        "the timer fires",
        when=(state == "waiting") & armed & (now >= due),
        then={state: "trying", armed: False},
        fair=True,
    )
    m.action("it succeeds", when=state == "trying", then={state: "connected", retries: 0})
    m.action(
        "the other side connects", when=state == "waiting", then={state: "connected", retries: 0}
    )
    m.action("it is lost", when=state == "connected", then={state: "trying", began: now})
    m.action(
        "it is given up",
        when=(state == "waiting") & (now - began >= give_up),
        then={state: "idle", armed: False},
        fair=True,
    )

    m.invariant("a timer is set only to wait", armed >> (state == "waiting"))
    m.invariant("who waits is woken up", (state == "waiting") >> armed)
    m.invariant("no timer of the past", armed >> (of_timer == generation))
    m.invariant("connected is a new start", (state == "connected") >> (retries == 0))
    m.sometimes("it is connected", state == "connected")
    return m


async def main(steps=30):
    return await play(machine(), steps)
