"""The guide's table of timeouts: three kinds, and what resets each of them.

A session sets all three at once when it is opened. Any event resets the event timeout, a change of
state resets the state timeout, and the generic one survives both. A client makes some noise, which
is an event, and then locks the session, which changes its state; when the generic timeout has come
it looks at what the session has seen. Events and timeouts may race, so that "idle" and "deadline"
may come first, or not at all; but never after what resets them.
"""

from simkernel import (
    GenStateMachine,
    KeepState,
    KeepStateAndData,
    NextState,
    Reply,
    receive,
    self_,
    send,
    sleep,
)


class Session(GenStateMachine):
    def init(self, client):
        return ("ok", "closed", (client, []))

    def handle_event(self, event_type, content, state, data):
        client, seen = data
        match event_type, content:
            case "cast", "open":
                actions = [
                    ("timeout", 400, "poll"),  # generic: survives state changes
                    ("state_timeout", 200, "deadline"),  # resets on state change
                    ("event_timeout", 100, "idle"),  # resets on any event
                ]
                return NextState("open", data, actions)

            case "cast", "noise":
                return KeepState((client, [*seen, "noise"]))

            case "cast", "lock":
                return NextState("locked", (client, [*seen, "lock"]))

            # The types under which the three come
            case "timeout", "idle":
                return KeepState((client, [*seen, "idle"]))

            case "state_timeout", "deadline":
                return KeepState((client, [*seen, "deadline"]))

            case ("timeout", _), "poll":
                send(client, "polled")
                return KeepState((client, [*seen, "poll"]))

            case ("call", caller), "seen":
                return KeepStateAndData([Reply(caller, seen)])


async def main(noise_after_ms=50, lock_after_ms=50):
    _, session = await GenStateMachine.start_link(Session, self_())
    GenStateMachine.cast(session, "open")
    await sleep(noise_after_ms)
    GenStateMachine.cast(session, "noise")
    await sleep(lock_after_ms)
    GenStateMachine.cast(session, "lock")
    await receive("polled")
    # Whatever was in time: the lock may have come after the poll.
    await sleep(1_000)

    seen = await GenStateMachine.call(session, "seen")
    assert seen.count("poll") == 1
    assert "idle" not in seen[seen.index("noise") :]
    assert "deadline" not in seen[seen.index("lock") :]
    return seen
