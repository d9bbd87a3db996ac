"""Watching the properties of a spec along a run: formulas, `sometimes`, and histories of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from checkers.dependency import CALLS, READ, RETURNS, Access
from checkers.findings import Finding
from checkers.linearizable import Linearization, Model, Operation, linearization, sequential_order
from checkers.ltl import FALSE, TRUE, Formula, Predicate, predicates
from checkers.machines.refinement import Possible, Refinement
from checkers.reading import Reading
from checkers.world import World
from simkernel.errors import Overrun, SimkernelError, StepTooLong, UsageError
from simkernel.kernel import driver
from simkernel.kernel.awaited import context
from simkernel.kernel.machine import Machine
from simkernel.terms import exact_key, show, thaw


@dataclass(frozen=True)
class Sometimes:
    """A predicate that has to hold in some situation of some run."""

    predicate: Predicate


@dataclass(frozen=True)
class Consistent:
    """The calls to a server have to be answered as by a model, one after the other."""

    model: Model
    server: Any
    order: Callable[[Any, Model], Linearization]


def sometimes(predicate: Predicate) -> Sometimes:
    """Give: it holds in some situation of some run. If it never does, the spec shows too little."""
    return Sometimes(predicate)


def linearizable(model: Model, server: Any) -> Consistent:
    """Give: the calls to `server` (a name) seem to happen one by one, each while it was made."""
    return Consistent(model, server, linearization)


def sequentially_consistent(model: Model, server: Any) -> Consistent:
    """Give: the calls to `server` (a name) seem to happen one by one, in each client's order."""
    return Consistent(model, server, sequential_order)


class Monitor:
    """Follows the properties along one run, and can be put back to where it was."""

    def __init__(self, properties: Mapping[str, Any]):
        self.left: dict[str, Formula] = {}
        self.goals: dict[str, Predicate] = {}
        self.consistent: dict[str, Consistent] = {}
        self.refined: dict[str, Refinement] = {}
        for name, what in properties.items():
            if isinstance(what, Formula):
                self.left[name] = what
            elif isinstance(what, Sometimes):
                self.goals[name] = what.predicate
            elif isinstance(what, Consistent):
                self.consistent[name] = what
            elif isinstance(what, Refinement):
                self.refined[name] = what
            else:
                raise UsageError(
                    f"property {name!r} is {what!r}",
                    where="properties=",
                    hint="Make it with always, never, sometimes, eventually, leads_to, until, "
                    "refines or linearizable.",
                )
        self.reached: set[str] = set()
        self.failed: tuple[tuple[str, int], ...] = ()
        # What has been called, of which server; and by whom a call is open, as its place there.
        self.calls: list[tuple[Any, Operation]] = []
        self.open: dict[Any, int] = {}
        self.clock = 0
        # Of each machine that is refined: what was last seen of it, and where it may be.
        self.stands: dict[str, tuple[Any, Possible]] = {}
        self.said: dict[str, str] = {}
        self.last = ""
        # Where it is to note what its histories make of an event, if somebody wants to know.
        self.touched: list[Access] | None = None
        formulas, goals = [*self.left.values()], [*self.goals.values()]
        self.reading = reading = Reading(lambda: [*predicates(formulas), *goals])
        self.world: Callable[[Machine, str], World] = lambda m, name: World(m, reading.reads)
        self._machine: Machine | None = None
        self._keys: dict[Any, bytes] = {}

    @property
    def watching(self) -> bool:
        """Whether there is anything to look at after each transition."""
        return bool(self.left or self.goals or self.refined)

    @property
    def listening(self) -> bool:
        """Whether the notes of the run are needed."""
        return bool(self.consistent or self.refined)

    def step(self, m: Machine) -> bool:
        """Look at the situation of `m`; False once a property has failed."""
        for name, one in self.left.items():
            if one is not TRUE and one is not FALSE:
                after = self._asked(name, one.progress, self.world(m, name))
                self.left[name] = after
                if after == FALSE:
                    self.failed += ((name, m.count),)
        for name, predicate in self.goals.items():
            if name not in self.reached and self._asked(name, predicate, self.world(m, name)):
                self.reached.add(name)
        for name, refinement in self.refined.items():
            self._refine(name, refinement, self.world(m, name), m.count)
        return not self.failed

    def _refine(self, name: str, wanted: Refinement, world: World, count: int) -> None:
        """Follow a machine that is refined; what changes has to be one of its steps."""
        seen = self._asked(name, wanted.seen, world)
        before, possible = self.stands.get(name, (None, frozenset()))
        if seen == before:
            return
        now: Possible = frozenset()
        if seen is not None:
            now = wanted.begins(seen) if before is None else wanted.goes_on(possible, before, seen)
        self.stands[name] = (seen, now)
        if seen is not None and not now:
            self.failed += ((name, count),)
            if before is None:
                self.said[name] = f"{name}: starts as {show(dict(seen))}, which is not allowed"
            else:
                text = wanted.step(possible, before, seen)
                self.said[name] = f"{name}: {self.last or 'a step'} {text}"

    def attach(self, m: Machine) -> None:
        """Be the tape of this machine."""
        self._machine = m

    def __call__(self, event: tuple[Any, ...]) -> None:
        """Take an event of the machine's tape: which calls begin, and which are answered."""
        if event[0] == "note" and event[2] == "callback":
            said = dict(event[3])
            content = show(thaw(said.get("argument")))
            self.last = f"{said['callback']}({show(thaw(said.get('type')))}, {content})"
        if event[0] != "note" or event[2] not in ("call", "called", "call failed"):
            return
        self.clock += 1
        client, kind, said = event[1], event[2], dict(event[3])
        if kind == "call":
            server = self._name(said["server"])
            if self.touched is not None and self.consistent:
                # Which server a call counts for is told by the name that the process has now.
                self.touched.append((("named", said["server"]), READ))
            if any(wanted.server == server for wanted in self.consistent.values()):
                operation = Operation(client, thaw(said["request"]), self.clock)
                self.open[client] = len(self.calls)
                self.calls.append((server, operation))
                self._touches(server, operation, CALLS)
            return
        place = self.open.pop(client, None)  # a call that failed at once was never one
        if place is not None and kind == "called":
            server, one = self.calls[place]
            heard = replace(one, ended=self.clock, answer=thaw(said["answer"]))
            self.calls[place] = (server, heard)
            self._touches(server, one, RETURNS)

    def _touches(self, server: Any, operation: Operation, mode: str) -> None:
        """Note what the begin or the return of a call touches: that a call had returned before
        another one began is all that is seen of time, and only within one part of a model."""
        if self.touched is None:
            return
        for name, wanted in self.consistent.items():
            if wanted.order is linearization and wanted.server == server:
                key = exact_key(wanted.model.key(operation.request))
                self.touched.append((("history", name, key), mode))

    def _name(self, pid: Any) -> Any:
        p = None if self._machine is None else self._machine.processes.get(pid)
        return pid if p is None or p.name is None else p.name

    def findings(self, m: Machine, ended: str) -> list[Finding]:
        """Give what has failed in a run that is over, or that was stopped because it had failed."""
        found = [
            Finding(
                "property", name, self.said.get(name, f"{name}: false after {count} transitions")
            )
            for name, count in self.failed
        ]
        if ended in (driver.QUIET, driver.RETURNED):
            found += [
                Finding("property", name, f"{name}: not fulfilled when the run ended")
                for name in self.hot(m)
            ]
        for name, wanted in self.consistent.items():
            history = [one for to, one in self.calls if to == wanted.server]
            result = wanted.order(history, wanted.model)
            if not result.holds:
                found.append(Finding("property", name, f"{name}: {result.text}"))
        return found

    def hot(self, m: Machine) -> tuple[str, ...]:
        """Name the properties that would fail if nothing changed from now on: in a run that was cut
        they are suspected, and no more than that."""
        return tuple(
            name
            for name, one in self.left.items()
            if one != FALSE and not self._asked(name, one.forever, self.world(m, name))
        )

    def standing(self, m: Machine) -> dict[str, str]:
        """Say of each property how it stands in the situation of `m`, the end perhaps."""
        failed = {name for name, _ in self.failed}
        said = {name: "reached" if name in self.reached else "not yet" for name in self.goals}
        for name, one in self.left.items():
            said[name] = "fulfilled" if one == TRUE else "holds so far"
        said |= dict.fromkeys(self.refined, "holds so far")
        for name, wanted in self.consistent.items():
            history = [one for to, one in self.calls if to == wanted.server]
            holds = wanted.order(history, wanted.model).holds
            said[name] = "holds so far" if holds else "failed"
        return said | dict.fromkeys(failed, "failed")

    # --- For searches ----------------------------------------------------------------------------

    def key(self) -> bytes:
        """Tell what has been seen so far apart, as far as it matters for what comes."""
        failed = tuple(name for name, _ in self.failed)  # when is a matter of the way
        seen = (tuple(self.left.values()), self.history(), failed, tuple(self.stands.items()))
        key = self._keys.get(seen)
        if key is None:
            # Processes that were forked from one name functions alike.
            stands = [
                (name, repr(now), sorted(map(repr, possible)))
                for name, (now, possible) in self.stands.items()
            ]
            text = repr((*seen[:-1], stands))
            key = self._keys[seen] = blake2b(text.encode(), digest_size=16).digest()
        return key

    def history(self) -> tuple[Any, ...]:
        """Tell histories apart by who called what, what was answered, and which calls had returned
        before which were made. When it was says nothing more, and differs in two ways to one
        situation."""
        calls: dict[str, list[tuple[str, Operation]]] = {}
        for server, one in self.calls:
            calls.setdefault(str(one.client), []).append((str(server), one))
        told = []
        for client in sorted(calls):
            for server, one in calls[client]:
                before = tuple(
                    sum(other.ended is not None and other.ended < one.begun for _, other in theirs)
                    for _, theirs in sorted(calls.items())
                )
                told.append((server, str(one), one.ended is None, before))
        return tuple(told)

    def save(self) -> Any:
        """Give what `load` takes back."""
        return (dict(self.left), self.failed, list(self.calls), dict(self.open), self.clock,
                dict(self.stands), self.last)  # fmt: skip

    def load(self, saved: Any) -> None:
        """Go back to where `save` was called. What has been reached stays reached."""
        left, self.failed, calls, opened, self.clock, stands, self.last = saved
        self.stands = dict(stands)
        self.left, self.calls, self.open = dict(left), list(calls), dict(opened)

    @staticmethod
    def _asked(name: str, question: Callable[[World], Any], world: World) -> Any:
        try:
            context.question += 1  # as `asked` does, which is dear here: this is asked very often
            context.asking = True
            return question(world)
        except Overrun as cut:
            raise StepTooLong(f"property {name!r}", "it gave no answer") from cut
        except (SimkernelError, MemoryError):
            raise
        except Exception as error:
            raise UsageError(
                f"property {name!r} raised {type(error).__name__}: {error}",
                where="properties=",
                hint="A property has to give an answer in every situation, the first included.",
            ) from error
        finally:
            context.asking = False
