"""The guide's list of actions, all of them in one result.

A job is begun by a call. The result of that call asks for everything that a state machine can ask
for: it replies, sets a deadline for the new state and a timeout that polls, hibernates, and inserts
an event of its own, which is handled before anything that is in the mailbox. What other clients ask
of the job while it is set up is postponed until it is ready.
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
    spawn_link,
)


class Job(GenStateMachine, callback_mode="state_functions"):
    def init(self, _):
        return ("ok", "new", [])

    def new(self, event_type, content, done):
        match event_type, content:
            case ("call", caller), "begin":
                actions = [
                    ("reply", caller, "begun"),  # reply to caller
                    ("state_timeout", 30_000, "deadline"),  # state-scoped timeout
                    ("timeout", 5_000, "poll"),  # generic timeout
                    "hibernate",  # reduce memory footprint
                    ("next_event", "internal", "setup"),  # queue internal event
                ]
                return ("next_state", "preparing", done, actions)

            case ("call", _), "ask":
                return KeepStateAndData("postpone")  # defer event to next state

    def preparing(self, event_type, content, done):
        match event_type, content:
            case "internal", "setup":
                return KeepState([*done, "setup"])

            case ("call", _), "ask":
                return KeepStateAndData("postpone")

            # Whichever comes first; the deadline goes with the state that it belongs to.
            case ("timeout", _), "poll":
                return NextState("ready", [*done, "poll"])

            case "state_timeout", "deadline":
                return NextState("ready", [*done, "deadline"])

    def ready(self, event_type, content, done):
        match event_type, content:
            case ("call", caller), "ask":
                return KeepStateAndData([Reply(caller, done)])

            case ("timeout", _), "poll":
                return KeepStateAndData()


async def client(main, job):
    send(main, ("told", await GenStateMachine.call(job, "ask")))


async def main(clients=2):
    _, job = await GenStateMachine.start_link(Job, "_")
    for _ in range(clients):
        spawn_link(client, self_(), job)
    assert await GenStateMachine.call(job, "begin") == "begun"
    for _ in range(clients):
        _, (first, then) = await receive(("told", list))
        assert first == "setup"
        assert then in ("poll", "deadline")
