"""The body of a state machine's process: which event is next, and what its callback changes.

The order of things is OTP's, step by step: semantics, section 17.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, NoReturn

from simkernel.kernel.awaited import ASLEEP, AT_REST, Rest, context
from simkernel.kernel.effects import note
from simkernel.otp import gen, in_place
from simkernel.otp.results import Absent, Ignore, Reply, Stop
from simkernel.otp.statem_actions import (
    Bad,
    ChangeCallbackModule,
    Hibernation,
    NextEvent,
    PopCallbackModule,
    Postpone,
    Timeout,
    read_action,
)
from simkernel.otp.statem_results import NONE, Halt, Move, read_result
from simkernel.otp.statem_timeouts import Timeouts
from simkernel.terms import ErlangError, Exit, Stack, Throw, equal, freeze, reason_of, show, thaw

Event = tuple[Any, Any]
"""Its type, and its content, which is frozen: a postponed event comes again as it came first."""

_BAD_ACTION = "bad_action_from_state_function"
_BAD_ENTER_ACTION = "bad_state_enter_action_from_state_function"


class Module:
    """The callbacks of one class, looked up once and shared by its processes."""

    __slots__ = (
        "_base", "_found", "by_state", "cls", "enters", "handle_event", "init", "stack",
        "terminate",
    )  # fmt: skip

    def __init__(self, cls: Any, base: Any, modes: tuple[str, ...]):
        shared = cls()
        self.cls = cls
        self.by_state = "state_functions" in modes
        self.enters = "state_enter" in modes
        self.init = shared.init
        self.handle_event = shared.handle_event
        self.terminate = getattr(shared, "terminate", None)
        self.stack = (self,)
        self._base = base
        self._found: dict[str, Any] = {}

    def function(self, state: Any) -> Any:
        """Give the callback for a state: the function of its name, of the user's own classes."""
        if not self.by_state:
            return self.handle_event
        if type(state) is not str:
            raise ErlangError("badarg")
        found = self._found.get(state)
        if found is None:
            own = self.cls.__mro__[: self.cls.__mro__.index(self._base)]
            if not any(state in cls.__dict__ for cls in own):
                raise ErlangError("undef")
            found = self._found[state] = getattr(self.cls(), state)
        return found


class Turn:
    """What one event changes, collected until it is committed."""

    __slots__ = ("data", "enters", "hibernates", "inserted", "postpones", "state", "timeouts")

    def __init__(self, state: Any, data: Any):
        self.state = state
        self.data = data
        self.enters = False
        self.hibernates = False
        self.postpones = False
        self.inserted: list[Event] | None = None
        self.timeouts: list[Timeout] | None = None


class StateMachine(gen.Behaviour):
    """The body of a GenStateMachine's process."""

    __slots__ = ("data", "modules", "postponed", "state", "timeouts")
    otp_name = "gen_statem"
    modules: tuple[Module, ...]  # the one in charge is the first
    state: Any
    data: Any
    postponed: list[Event] | None  # the oldest first; None for none
    timeouts: Timeouts | None

    # --- Starting --------------------------------------------------------------------------------

    async def init(self, module: Any, argument: Any, starter: gen.Starter) -> Rest:
        """Run `init`, acknowledge what came of it, then enter the first state."""
        self.modules = module.module_of_class().stack
        self.postponed = self.timeouts = None
        callback = self.modules[0].init
        try:
            result = await gen.result_of(callback(argument))
        except Throw as thrown:
            result = thrown.value
        except BaseException as error:
            reason, stack = fault_of(error)
            await starter.fail(("error", reason), ended_by(reason, stack))
        match result:
            case ("ok", state, data):
                actions: Any = NONE
            case ("ok", state, data, actions):
                pass
            case Ignore() | "ignore":
                await starter.fail("ignore", "normal")
            case Stop(reason, answer, rest) if answer is Absent and rest is Absent:
                await starter.fail(("error", reason), reason)
            case ("stop", reason):
                await starter.fail(("error", reason), reason)
            case None:
                reason = "function_clause"
                stack = in_place.place_of(callback)
                await starter.fail(("error", reason), ended_by(reason, stack))
            case _:
                reason = ("bad_return_from_init", result)
                await starter.fail(("error", reason), reason)
        starter.succeed()
        note("initialised", module=module)
        return await self.begin(state, data, actions, callback)

    async def begin(self, state: Any, data: Any, actions: Any, callback: Any) -> Rest:
        """Enter the first state, with the actions that `init` gave."""
        self.state, self.data = state, data
        note("state entered", state=state)
        turn = Turn(state, data)
        fault = self.act(turn, actions, entering=False)
        if fault is not None:
            await self.crash(fault, callback)
        turn.postpones = False
        turn.enters = True
        await self.enter(turn)
        queue: deque[Event] = deque()
        self.commit(turn, ("init", None), queue)
        if turn.timeouts is not None:
            await self.reset(turn.timeouts, changed=False)
        first = self.next(queue)
        if first is not None:
            return await self.go_on(first, queue)
        if turn.hibernates:
            note("hibernated")
            return ASLEEP
        return AT_REST

    # --- The loop --------------------------------------------------------------------------------

    def serve(self, message: Any) -> Coroutine[Any, Any, Rest]:
        """Make an event of a message and handle it, and all that follows from it."""
        if type(message) is tuple:
            size = len(message)
            if size == 3:
                head, second, third = message
                if head == gen.CALL:
                    return self.go_on((("call", second), freeze(third, "content")))
                if head == gen.SYSTEM:
                    return self.system(second, third)
                if head == "EXIT" and second == self.parent:
                    return self.end(third)
                if head == "timeout" and self.timeouts is not None:
                    expired = self.timeouts.expired(second, third)
                    if expired is not None:
                        return self.go_on((expired.type, expired.content))
            elif size == 2 and message[0] == gen.CAST:
                return self.go_on(("cast", freeze(message[1], "content")))
        return self.go_on(("info", freeze(message, "content")))

    async def go_on(self, event: Event, queue: deque[Event] | None = None) -> Rest:
        """Handle an event, then what is queued, then what is due, down to the next wait."""
        if queue is None:
            queue = deque()
        while True:
            turn = Turn(self.state, self.data)
            await self.step(turn, event[0], thaw(event[1]))
            if turn.enters:
                await self.enter(turn)
            changed = self.commit(turn, event, queue)
            if self.timeouts is not None or turn.timeouts is not None:
                await self.reset(turn.timeouts, changed)
            following = self.next(queue)
            if following is None:
                break
            event = following
        # A machine at rest has no stack to drop, so that hibernation is a rest like any other.
        if turn.hibernates:
            note("hibernated")
            return ASLEEP
        return AT_REST

    def next(self, queue: deque[Event]) -> Event | None:
        """Give the event that comes before anything in the mailbox, if there is one."""
        if queue:
            return queue.popleft()
        if self.timeouts is not None and self.timeouts.due:
            due = self.timeouts.next_due()
            return due.type, due.content
        return None

    async def enter(self, turn: Turn) -> None:
        """Call the new state with "enter", as often as it asks for that."""
        while turn.enters and self.modules[0].enters:
            await self.step(turn, "enter", self.state)

    async def step(self, turn: Turn, type_: Any, content: Any) -> None:
        """Run one callback and collect what it says. One that fails ends the process."""
        module = self.modules[0]
        state, data = turn.state, turn.data
        machine = context.machine
        checking = machine is not None and machine.checking
        before = (freeze(state, "state"), freeze(data, "data")) if checking else ()
        try:
            callback = module.function(state)
            if machine is not None and machine.listening:
                note(
                    "callback", module=module.cls, callback=callback.__name__, type=type_,
                    argument=content, state=state,
                )  # fmt: skip
            if module.by_state:
                result = callback(type_, content, data)
            else:
                result = callback(type_, content, state, data)
            if type(result) is CoroutineType:
                result = await result
        except Throw as thrown:
            result = thrown.value
        except BaseException as error:
            reason, stack = fault_of(error)
            if module.terminate is not None:
                await gen.next_step()
            await self.end(reason, stack)
        if checking:
            for name, value, was in zip(("state", "data"), (state, data), before, strict=True):
                if not in_place.is_unchanged(value, was):
                    in_place.report(callback, was, value, name)
        ending = self.collect(turn, result, type_ == "enter")
        if type(ending) is Halt:
            await self.halt(ending, callback)
        elif ending is not None:
            said = ""
            if ending == "function_clause":
                said = f"no clause for {show(type_)}, {show(content)} in state {show(state)}"
            await self.crash(ending, callback, said)

    def collect(self, turn: Turn, result: Any, entering: bool) -> Any:
        """Take a result into the turn; gives a Halt, or what is wrong with it, or None."""
        read = read_result(result)
        if type(read) is not Move:
            if result is None:
                # A raise, as far as OTP is concerned: of an enter call, it ends in the old state.
                return "function_clause"
            self.state, self.data = turn.state, turn.data
            return read or ("bad_return_from_state_function", result)
        state, data, actions, turn.enters = read
        if state is not Absent and not equal(state, turn.state):
            if entering:
                self.state, self.data = turn.state, turn.data
                return ("bad_state_enter_return_from_state_function", result)
            turn.state = state
            turn.enters = True
        if data is not Absent:
            turn.data = data
        return None if actions is NONE else self.act(turn, actions, entering)

    # --- Actions ---------------------------------------------------------------------------------

    def act(self, turn: Turn, actions: Any, entering: bool) -> Any:
        """Do actions, or collect them, from left to right; gives what is wrong with one."""
        for action in actions if type(actions) is list else [actions]:
            read = read_action(action)
            kind = type(read)
            if kind is Reply:
                gen.reply(read.answer, read.state)
                continue
            if kind is Timeout:
                turn.timeouts = [*(turn.timeouts or ()), read]
                continue
            if kind is Hibernation:
                turn.hibernates = read.flag
                continue
            fault = self.fault(read, action, entering)
            if fault is not None:
                self.state, self.data = turn.state, turn.data
                return (fault, action)
            if kind is Postpone:
                turn.postpones = read.flag
            elif kind is NextEvent:
                event = read.type, freeze(read.content, "content")
                turn.inserted = [*(turn.inserted or ()), event]
            else:
                self.switch(read)
        return None

    def fault(self, read: Any, action: Any, entering: bool) -> str | None:
        """Give what is wrong with an action, if anything is."""
        kind = type(read)
        if kind is Bad:
            inserts = type(action) is NextEvent or is_next_event(action)
            return _BAD_ENTER_ACTION if entering and inserts else _BAD_ACTION
        if kind is PopCallbackModule and len(self.modules) == 1:
            return _BAD_ACTION
        if not entering or (kind is Postpone and not read.flag):
            return None
        # OTP 25 takes the pair for an unknown action, and the atom for one at the wrong place.
        return _BAD_ACTION if kind is Postpone and type(action) is tuple else _BAD_ENTER_ACTION

    def switch(self, action: Any) -> None:
        """Let another module take over, at once."""
        modules = self.modules
        if type(action) is PopCallbackModule:
            self.modules = modules[1:]
            return
        module = action.module.module_of_class()
        if type(action) is ChangeCallbackModule:
            modules = modules[1:]
        self.modules = (module, *modules) if modules else module.stack

    # --- The commit ------------------------------------------------------------------------------

    def commit(self, turn: Turn, event: Event, queue: deque[Event]) -> bool:
        """Let what was collected be: the state, then the queue; tells whether the state changed."""
        old = self.state
        changed = not equal(turn.state, old)
        self.state, self.data = turn.state, turn.data
        if turn.postpones:
            note("event postponed", type=event[0], content=event[1])
            if self.postponed is None:
                self.postponed = []
            self.postponed.append(event)
        if changed:
            note("state entered", state=turn.state, old=old)
            if self.postponed is not None:
                queue.extendleft(reversed(self.postponed))
                self.postponed = None
        if turn.inserted is not None:
            queue.extendleft(reversed(turn.inserted))
        return changed

    async def reset(self, wanted: list[Timeout] | None, changed: bool) -> None:
        """Cancel the timeouts that the event cancels, then do what actions say of timeouts."""
        timeouts = self.timeouts
        if timeouts is None:
            timeouts = self.timeouts = Timeouts()
        else:
            if changed:
                await timeouts.cancel("state_timeout")
            await timeouts.cancel("timeout")
        if wanted is not None:
            await timeouts.change(wanted)
        if not timeouts.running:
            self.timeouts = None

    # --- The end ---------------------------------------------------------------------------------

    async def halt(self, halt: Halt, callback: Any) -> NoReturn:
        """Send the replies that a stop asks for, and then end."""
        if halt.data is not Absent:
            self.data = halt.data
        replies = halt.replies
        for reply in replies if type(replies) is list else [replies]:
            read = read_action(reply)
            if type(read) is not Reply:
                await self.crash(("bad_reply_action_from_state_function", reply), callback)
            gen.reply(read.answer, read.state)
        await self.end(halt.reason)

    async def crash(self, reason: Any, callback: Any, said: str = "") -> NoReturn:
        """End for what a callback should not have returned."""
        await self.end(reason, in_place.place_of(callback, said))

    async def end(self, reason: Any, stack: Stack | None = None) -> NoReturn:
        """Run `terminate`, which is not shown the stack, then exit."""
        module = self.modules[0]
        if module.terminate is not None:
            note("callback", module=module.cls, callback="terminate", argument=reason)
            try:
                await gen.result_of(module.terminate(reason, self.state, self.data))
            except Throw:
                pass
            except BaseException as error:
                reason, stack = fault_of(error)
        reason = ended_by(reason, stack)
        gen.log_end(reason)
        raise Exit(reason)

    # --- System messages, snapshots --------------------------------------------------------------

    def seen(self) -> Any:
        """Show state and data."""
        return self.state, self.data

    def become(self, seen: Any) -> None:
        """Take what `sys.replace_state` gives."""
        self.state, self.data = seen

    def resting(self) -> Rest:
        """Wait for the next message."""
        return AT_REST

    def save(self) -> tuple[Any, ...]:
        """Give the values that this process is between two messages."""
        classes = tuple(module.cls for module in self.modules)
        postponed = tuple((type_, thaw(content)) for type_, content in self.postponed or ())
        timeouts = () if self.timeouts is None else self.timeouts.save()
        return (
            classes, self.state, self.data, postponed, timeouts, self.parent, self.suspended,
        )  # fmt: skip

    def load(self, values: tuple[Any, ...]) -> None:
        """Become what `save` gave."""
        if self.task is not None:
            self.task.close()
            self.task = None
        classes, self.state, self.data, postponed, timeouts, self.parent, self.suspended = values
        self.modules = tuple(cls.module_of_class() for cls in classes)
        self.postponed = [(type_, freeze(content)) for type_, content in postponed] or None
        self.timeouts = Timeouts(timeouts) if timeouts else None


def is_next_event(action: Any) -> bool:
    """Tell whether a tuple was meant to insert an event.

    >>> is_next_event(("next_event", "no type", 1)), is_next_event(-1)
    (True, False)
    """
    return type(action) is tuple and len(action) == 3 and action[0] == "next_event"


def fault_of(error: BaseException) -> tuple[Any, Stack | None]:
    """Give the reason of a failure, and its stack if it is an error and no exit."""
    reason = reason_of(error)
    return (reason, None) if type(error) is Exit else reason


def ended_by(reason: Any, stack: Stack | None) -> Any:
    """Give the exit reason."""
    return reason if stack is None else (reason, stack)
