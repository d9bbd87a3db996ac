"""A circuit breaker that lets one probe through once it is half open, and refuses the others.

After some failures nobody is let through for a while; then the probe tells whether the service is
back.
"""

from simkernel import (
    GenStateMachine,
    KeepStateAndData,
    NextState,
    Reply,
    StateTimeout,
    always,
    receive,
    self_,
    send,
    sleep,
    spawn,
    spec,
)

OPEN_MS = 50
FAILURES_MAX = 2


class Breaker(GenStateMachine):
    """Its data: failures in a row, and how many probes are under way."""

    def init(self, _):
        return ("ok", "closed", (0, 0))

    def handle_event(self, event_type, content, state, data):
        failures, probes = data
        match event_type, content, state:
            case ("call", caller), "may I", "closed":
                return KeepStateAndData([Reply(caller, "yes")])
            case ("call", caller), "may I", "open":
                return KeepStateAndData([Reply(caller, "no")])
            case ("call", caller), "may I", "half open":
                return self.probed(caller, failures, probes)
            case "cast", "failed", "half open":
                return NextState("open", (failures, 0), [StateTimeout(OPEN_MS, "try again")])
            case "cast", "failed", "closed" if failures + 1 >= FAILURES_MAX:
                return NextState("open", (failures + 1, 0), [StateTimeout(OPEN_MS, "try again")])
            case "cast", "failed", "closed":
                return NextState("closed", (failures + 1, 0))
            case "cast", "failed", "open":
                return KeepStateAndData()
            case "state_timeout", "try again", "open":
                return NextState("half open", (failures, 0))

    def probed(self, caller, failures, probes):
        if probes:
            return KeepStateAndData([Reply(caller, "no")])
        return NextState("half open", (failures, probes + 1), [Reply(caller, "yes")])


async def client(breaker, main):
    await asks(breaker)
    send(main, "done")


async def asks(breaker):
    if await GenStateMachine.call(breaker, "may I", timeout=None) == "yes":
        await sleep(5)  # the service does not answer
        GenStateMachine.cast(breaker, "failed")


def one_probe(world):
    found = world.state("breaker")
    return found is None or found[1][1] <= 1


@spec(properties={"one probe at a time": always(one_probe)}, expect=("never reached",))
async def main(clients=2):
    _, breaker = await GenStateMachine.start_link(Breaker, None, name="breaker")
    for _ in range(FAILURES_MAX):
        await asks(breaker)
    await sleep(80)
    for _ in range(clients):
        spawn(client, breaker, self_())
    for _ in range(clients):
        await receive("done")
