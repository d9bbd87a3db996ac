"""An agent that calls a tool with a key of what it wants, and tries again if it hears nothing.

The tool books a flight once for each key, however often it is asked, and answers alike each time.
"""

from simkernel import (
    Exit,
    GenServer,
    GenStateMachine,
    KeepStateAndData,
    NextEvent,
    NextState,
    Ok,
    Reply,
    always,
    choose,
    receive,
    self_,
    send,
    sleep,
    spec,
)

PATIENCE_MS = 100
TRIES = 3


class Airline(GenServer):
    """The tool: what it has booked, under the key that came with each request."""

    def init(self, _):
        return Ok(())

    async def handle_call(self, request, caller, booked):
        match request:
            case ("book", key):
                await sleep(await choose([10, 90, 110]))
                return Reply("booked", self.with_booking(booked, key))

    def with_booking(self, booked, key):
        return booked if key in booked else (*booked, key)


class Agent(GenStateMachine):
    """Plans, then acts until the tool has answered or patience is over; then reports."""

    def init(self, main):
        return ("ok", "planning", (main, 0), [NextEvent("internal", "act")])

    async def handle_event(self, event_type, content, state, data):
        main, tries = data
        match event_type, content, state:
            case "internal", "act", "planning" | "acting" if tries == TRIES:
                send(main, ("agent", "gave up"))
                return NextState("done", data)
            case "internal", "act", "planning" | "acting":
                try:
                    await GenServer.call("airline", ("book", "trip"), timeout=PATIENCE_MS)
                except Exit:
                    return NextState("acting", (main, tries + 1), [NextEvent("internal", "act")])
                send(main, ("agent", "booked"))
                return NextState("done", data)
            case ("call", caller), "status", _:
                return KeepStateAndData([Reply(caller, state)])


def booked_once(world):
    return len(world.state("airline", ())) <= 1


@spec(properties={"at most one booking": always(booked_once)}, settle=True)
async def main():
    await GenServer.start_link(Airline, None, name="airline")
    await GenStateMachine.start_link(Agent, self_())
    match await receive(("agent", str)):
        case ("agent", outcome):
            return outcome
