"""Whether an implementation does only what its declaration allows, step by step of its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from checkers.world import World
from simkernel.errors import UsageError
from simkernel.terms import show

if TYPE_CHECKING:  # every run looks for refinements among its properties, and few have any
    from checkers.machines.compiled import Compiled
    from checkers.machines.declaration import Declaration
    from checkers.machines.expressions import Type

Possible = frozenset[Any]
"""The situations that the machine may be in, given what has been seen of it."""
Seen = tuple[tuple[str, Any], ...]
HIDDEN_MAX = 20_000  # situations that look alike; far more than any machine of specs/ has


@dataclass(frozen=True)
class Refinement:
    """A machine, and how a situation of the system shows its variables."""

    declaration: Declaration
    view: Callable[[World], Mapping[str, Any] | None]

    @cached_property
    def code(self) -> Compiled:
        """The machine as code."""
        from checkers.machines.compiled import Compiled

        return Compiled(self.declaration.ready())

    def seen(self, world: World) -> Seen | None:
        """Give what a situation shows of the machine; None while there is none."""
        shown = self.view(world)
        if shown is None:
            return None
        if not isinstance(shown, Mapping):
            raise UsageError(
                f"the view of {self.declaration.name} gives {shown!r}",
                where="refines(…)",
                hint="Give a dict of variables, or None.",
            )
        for name, value in shown.items():
            variable = self.declaration.variables.get(name)
            if variable is None or not _has(variable.type, value):
                what = "no variable" if variable is None else f"{variable.type}"
                known = ", ".join(self.declaration.variables)
                raise UsageError(
                    f"the view of {self.declaration.name} gives {name} = {value!r}, but {name} "
                    f"is {what}", where="refines(…)", hint=f"Its variables: {known}.",
                )  # fmt: skip
        return tuple(shown.items())

    def begins(self, seen: Seen) -> Possible:
        """Give the situations to start in that look so, or come to by steps that nobody sees."""
        from checkers.machines.semantics import initial_states

        encode = self.code.layout.encode
        starts = frozenset(encode(state) for state in initial_states(self.declaration))
        return frozenset(form for form in starts if self._shows(form, seen))

    @cached_property
    def _known(self) -> dict[tuple[Possible, Seen, Seen], Possible]:
        return {}

    def goes_on(self, possible: Possible, before: Seen, seen: Seen) -> Possible:
        """Give where one step leads that is seen, after any number of steps that nobody sees.

        Raises UsageError where those steps have no end, as with a hidden clock without a limit.
        """
        key = (possible, before, seen)
        if key not in self._known:  # a search comes to the same steps again and again
            self._known[key] = self._goes_on(possible, before, seen)
        return self._known[key]

    def _goes_on(self, possible: Possible, before: Seen, seen: Seen) -> Possible:
        hidden, queue = set(possible), list(possible)
        found = set()
        while queue:
            for _, form in self.code.successors(queue.pop()):
                if self._shows(form, seen):
                    found.add(form)
                if form not in hidden and self._shows(form, before):
                    hidden.add(form)
                    queue.append(form)
            if len(hidden) > HIDDEN_MAX:
                raise UsageError(
                    f"{self.declaration.name} may be in more than {HIDDEN_MAX} situations that "
                    f"look like {show(dict(before))}", where="refines(…)",
                    hint="Give its clocks and numbers limits, or show them in the view.",
                )  # fmt: skip
        return frozenset(found)

    def allowed(self, possible: Possible, before: Seen) -> str:
        """Say what might have happened instead."""
        said: list[str] = []
        for form in sorted(possible):
            for number, new in self.code.successors(form):
                state = self.code.layout.decode(new)
                what = {name: state[name] for name, value in before if state[name] != value}
                if what:
                    said.append(f"{self.code.actions[number].name}, to {show(what)}")
        return "; ".join(dict.fromkeys(said)) or "nothing"

    def step(self, possible: Possible, before: Seen, seen: Seen) -> str:
        """Say what has changed, and what might have happened instead."""
        old, new = dict(before), dict(seen)
        changed = {name for name in {**old, **new} if old.get(name) != new.get(name)}
        was = {name: value for name, value in before if name in changed}
        now = {name: value for name, value in seen if name in changed}
        where = {name: value for name, value in before if name not in changed}
        while_ = f", with {show(where)}" if where else ""
        return (f"leads from {show(was)} to {show(now)}{while_}; allowed are "
                f"{self.allowed(possible, before)}")  # fmt: skip

    def _shows(self, form: Any, seen: Seen) -> bool:
        state = self.code.layout.decode(form)
        return all(state[name] == value for name, value in seen)


def refines(
    declaration: Declaration, view: Callable[[World], Mapping[str, Any] | None]
) -> Refinement:
    """Give: whatever changes in `view(world)` is a step of the declared machine.

    `view` gives the values of some variables of the machine, or None while the implementation is
    not running; what it leaves out may be anything that the machine allows.
    """
    return Refinement(declaration, view)


def _has(type_: Type, value: Any) -> bool:
    from checkers.machines.expressions import Boolean, Choice

    if isinstance(type_, Choice):
        return value in type_.values
    if isinstance(type_, Boolean):
        return isinstance(value, bool)
    return type(value) is int
