"""The declaration of a machine: its variables, what may happen, and what has to hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from checkers.machines.expressions import (
    BOOLEAN,
    INTEGER,
    TRUE,
    Choice,
    Expression,
    Integer,
    Type,
    Variable,
    boolean,
    caller,
    conjunction,
    fitting,
    if_else,
    lifted,
    mistake,
    rewritten,
    variables_of,
)

State = dict[str, Any]
ELAPSED = "elapsed"
PASSES = "time passes"


@dataclass(frozen=True)
class Action:
    """Something that may happen where `guard` holds; it gives variables new values, all at once.

    `fair` says that it does not wait for ever while it could happen.
    """

    name: str
    guard: Expression
    effects: tuple[tuple[Variable, Expression], ...]
    fair: bool = False
    elapses: bool = False


@dataclass(frozen=True)
class LeadsTo:
    """Whenever `cause` holds, `goal` holds then or later."""

    cause: Expression
    goal: Expression


class Table(Mapping[Any, Expression]):
    """One variable for each key; `table[k]` reads one, also where `k` is an expression."""

    def __init__(self, name: str, variables: dict[Any, Variable]):
        self.name = name
        self._variables = variables

    def __getitem__(self, key: Any) -> Expression:
        if not isinstance(key, Expression):
            if key not in self._variables:
                raise mistake(f"{self.name} has no key {key!r}", f"Its keys: {list(self)}.")
            return self._variables[key]
        keys = list(self)
        found: Expression = self._variables[keys[-1]]
        for each in reversed(keys[:-1]):
            found = if_else(key == each, self._variables[each], found)
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def put(self, key: Any, value: Any) -> dict[Any, Any]:
        """Give the effects that change the entry of a key: `then={**table.put(k, v)}`."""
        if not isinstance(key, Expression):
            return {self[key]: value}
        return {one: if_else(key == each, value, one) for each, one in self._variables.items()}

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Its variables, in the order of the keys."""
        return tuple(self._variables.values())


class Declaration:
    """What a state machine must do, as data.

    >>> light = Declaration("light")
    >>> color = light.choice("color", ["red", "green"], start="red")
    >>> _ = light.action("go", when=color == "red", then={color: "green"})
    >>> _ = light.action("stop", when=color == "green", then={color: "red"})
    >>> light.invariant("it has a color", color.is_in("red", "green"))
    >>> [action.name for action in light.actions]
    ['go', 'stop']
    """

    def __init__(self, name: str, **parameters: Any):
        self.name = name
        self.parameters = parameters
        self.at = caller()
        self.variables: dict[str, Variable] = {}
        self.tables: dict[str, Table] = {}
        self.clocks: dict[str, Variable] = {}
        self.actions: list[Action] = []
        self.invariants: dict[str, Expression] = {}
        self.lemmas: dict[str, Expression] = {}
        self.goals: dict[str, Expression] = {}
        self.responses: dict[str, LeadsTo] = {}
        self.deadlines: list[tuple[Expression, Variable, Expression]] = []
        self.families: list[tuple[Table, ...]] = []
        self.initial: Expression = TRUE

    # --- Variables -------------------------------------------------------------------------------

    def boolean(self, name: str, start: Any = False) -> Variable:
        """Declare a boolean; `start` is a value, or a set of values, or None for any."""
        return self._declare(name, BOOLEAN, start)

    def choice(self, name: str, values: Iterable[Any], start: Any = None) -> Variable:
        """Declare a variable that is one of some values."""
        found = tuple(values.split() if isinstance(values, str) else values)
        if not found or len(set(found)) < len(found):
            raise mistake(
                f"{name} has the values {found}", "Give one value or more, each of them once."
            )
        return self._declare(name, Choice(found), start)

    def integer(
        self, name: str, low: int | None = None, high: int | None = None, start: Any = 0
    ) -> Variable:
        """Declare an integer; without bounds it has none, and is for proofs rather than search."""
        if low is not None and high is not None and low > high:
            raise mistake(f"{name} goes from {low} to {high}", "Give the lower bound first.")
        return self._declare(name, Integer(low, high), start)

    def clock(self, name: str, limit: int | None = None, start: Any = 0) -> Variable:
        """Declare a clock, which goes on by itself, and is set as any variable is.

        It stops at its `limit`: what lies beyond is all the same to the machine, and so its
        situations are finitely many. With a clock, the action "time passes" is there.
        """
        found = self._declare(name, Integer(0, limit), start)
        self.clocks[name] = found
        return found

    def table(self, name: str, keys: Iterable[Any], values: Any, start: Any = None) -> Table:
        """Declare a variable for each key: `values` are those of a choice, or `bool`, or bounds."""
        found: dict[Any, Variable] = {}
        for key in keys:
            each = f"{name}[{key}]"
            if values is bool:
                found[key] = self.boolean(each, start or False)
            elif isinstance(values, range):
                found[key] = self.integer(each, values.start, values.stop - 1, start or 0)
            else:
                found[key] = self.choice(each, values, start)
        if not found:
            raise mistake(f"the table {name!r} has no keys", "Give one key or more.")
        table = self.tables[name] = Table(name, found)
        return table

    def _declare(self, name: str, type_: Type, start: Any) -> Variable:
        at = caller()
        if name in self.variables or name == ELAPSED:
            raise mistake(f"there is already a variable {name!r}", "Give it a name of its own.", at)
        values = None if start is None else start if isinstance(start, (set, tuple)) else (start,)
        if values is not None:
            values = tuple(sorted(values, key=repr))
            for value in values:
                fitting(value, type_, name)
                outside = isinstance(type_, Integer) and not within(value, type_)
                if outside or isinstance(value, Expression):
                    raise mistake(f"{name} is {type_}, and cannot start as {value!r}",
                                  f"Give {name} {type_}.", at)  # fmt: skip
        found = self.variables[name] = Variable(name, type_, values, self.name, at)
        return found

    def __getitem__(self, name: str) -> Expression:
        """Give a variable by its name."""
        found = self.variables.get(name)
        if found is None:
            near = get_close_matches(name, self.variables, n=1)
            meant = f"Did you mean {near[0]!r}? " if near else ""
            raise mistake(
                f"there is no variable {name!r}", f"{meant}Known: {', '.join(self.variables)}."
            )
        return found

    # --- What may happen -------------------------------------------------------------------------

    def initially(self, condition: Any) -> None:
        """Say what else holds at the start, besides the values that variables start with."""
        self.initial = conjunction([self.initial, self._condition(condition, "initially")])

    def action(
        self, name: str, *, when: Any = True, then: Mapping[Any, Any] | None = None,
        fair: bool = False,
    ) -> Action:  # fmt: skip
        """Say what may happen, where, and what it changes; what is not named stays as it is."""
        if name == PASSES or any(one.name == name for one in self.actions):
            raise mistake(f"there is already an action {name!r}", "Give it a name of its own.")
        effects = []
        for variable, value in (then or {}).items():
            if not isinstance(variable, Variable):
                raise mistake(
                    f"action {name!r} changes {variable!r}, which is no variable",
                    "The keys of `then` are what `boolean`, `choice`, `integer` and `clock` gave.",
                )
            self._known(variable, f"action {name!r}")
            found = fitting(value, variable.type, variable.name)
            self._known(found, f"action {name!r}")
            self._constant_fits(variable, found)
            effects.append((variable, found))
        guard = self._condition(when, f"the guard of action {name!r}")
        made = Action(name, guard, tuple(effects), fair)
        self.actions.append(made)
        return made

    def deadline(self, clock: Variable, limit: Any, *, when: Any = True) -> None:
        """Say that time does not pass beyond `limit` on a clock, while `when` holds.

        Something has to happen before: what may be late has no deadline.
        """
        if not isinstance(clock, Variable) or self.clocks.get(clock.name) is not clock:
            raise mistake(f"{clock} is no clock", "Give what `clock` gave.")
        bound = fitting(limit, INTEGER, "the limit")
        condition = self._condition(when, "a deadline")
        self._known(bound, "a deadline")
        if any(v.name in self.clocks for e in (condition, bound) for v in variables_of(e)):
            raise mistake("a deadline depends on a clock besides its own",
                          "Keep clocks out of `when` and `limit`.")  # fmt: skip
        self.deadlines.append((condition, clock, bound))

    def symmetric(self, *tables: Table) -> None:
        """Say that the keys of these tables can be renamed without a difference.

        A search then looks at one situation of those that differ in names only. That it is so
        is checked before.
        """
        if not tables or any(list(one) != list(tables[0]) for one in tables):
            raise mistake("the tables do not have the same keys", "Give tables of the same keys.")
        self.families.append(tables)

    # --- What has to hold ------------------------------------------------------------------------

    def invariant(self, name: str, condition: Any) -> None:
        """Say what holds in every situation."""
        self._property(name, condition, self.invariants)

    def lemma(self, name: str, condition: Any) -> None:
        """Say what else holds in every situation: it helps a proof, and is proved itself."""
        self._property(name, condition, self.lemmas)

    def sometimes(self, name: str, condition: Any) -> None:
        """Say what holds in some situation: if it never does, the declaration allows too little."""
        self._property(name, condition, self.goals)

    def leads_to(self, name: str, cause: Any, goal: Any) -> None:
        """Say that whenever `cause` holds, `goal` holds then or later."""
        self._free(name)
        self.responses[name] = LeadsTo(
            self._condition(cause, f"the cause of {name!r}"),
            self._condition(goal, f"the goal of {name!r}"),
        )

    def _property(self, name: str, condition: Any, where: dict[str, Expression]) -> None:
        self._free(name)
        where[name] = self._condition(condition, repr(name))

    def _free(self, name: str) -> None:
        if any(name in one for one in (self.invariants, self.lemmas, self.goals, self.responses)):
            raise mistake(f"there is already a property {name!r}", "Give it a name of its own.")

    # --- Reading it ------------------------------------------------------------------------------

    def ready(self) -> Declaration:
        """Look at the whole: something must be there to search, and something must hold."""
        if not self.variables:
            raise mistake("it declares no variable", "Declare one with boolean, choice, integer "
                          "or clock.", self.at)  # fmt: skip
        if not self.actions and not self.clocks:
            raise mistake("it declares no action", "Say what may happen with action.", self.at)
        for name in self.variables:
            variable = self.variables[name]
            if variable.start is None and isinstance(variable.type, Integer):
                low, high = variable.type.low, variable.type.high
                if (low is None or high is None) and self.initial is TRUE:
                    raise mistake(f"nothing says how {name} starts", "Give it a start, or say "
                                  "more with initially.", variable.at)  # fmt: skip
        return self

    @property
    def steps(self) -> list[Action]:
        """The actions, and that time passes, if there are clocks."""
        return [*self.actions, self._passing()] if self.clocks else list(self.actions)

    def _passing(self) -> Action:
        by = Variable(ELAPSED, Integer(1, None), None, self.name, self.at)
        later = {name: clock + by for name, clock in self.clocks.items()}
        guard = conjunction(
            condition >> (rewritten(clock, later) <= limit)
            for condition, clock, limit in self.deadlines
        )
        effects = tuple(
            (clock, _stopping(later[name], clock)) for name, clock in self.clocks.items()
        )
        return Action(PASSES, guard, effects, fair=True, elapses=True)

    @property
    def ranges(self) -> dict[str, Expression]:
        """That no variable leaves its bounds: it has to hold in every situation, as invariants."""
        found: dict[str, Expression] = {}
        for name, variable in self.variables.items():
            if isinstance(variable.type, Integer) and name not in self.clocks:
                low, high = variable.type.low, variable.type.high
                both = [] if low is None else [variable >= low]
                both += [] if high is None else [variable <= high]
                if both:
                    found[f"bounds of {name}"] = conjunction(both)
        return found

    @property
    def promises(self) -> dict[str, Expression]:
        """All that has to hold in every situation."""
        return {**self.ranges, **self.invariants, **self.lemmas}

    def words(self) -> str:
        """Say for which parameters anything is found."""
        if not self.parameters:
            return self.name
        return f"{self.name} with " + ", ".join(f"{k} = {v}" for k, v in self.parameters.items())

    def _condition(self, condition: Any, where: str) -> Expression:
        if not isinstance(condition, (Expression, bool)):
            raise mistake(f"{where} is {condition!r}, which is no condition",
                          "Make it of the machine's variables, as `door == \"open\"`.")  # fmt: skip
        found = boolean(condition)
        self._known(found, where)
        return found

    def _known(self, expression: Expression, where: str) -> None:
        for variable in variables_of(expression):
            if self.variables.get(variable.name) is not variable:
                raise mistake(f"{where} names {variable.name!r}, a variable of "
                              f"{variable.owner!r}, not of {self.name!r}",
                              f"Known: {', '.join(self.variables)}.")  # fmt: skip

    def _constant_fits(self, variable: Variable, value: Expression) -> None:
        type_ = variable.type
        if value.kind != "constant" or not isinstance(type_, Integer):
            return
        if not within(value.value, type_):
            raise mistake(
                f"{variable.name} is {type_}, and cannot be {value}",
                f"Give {variable.name} {type_}.",
            )


def within(value: int, type_: Integer) -> bool:
    """Tell whether a number is in the bounds of a type."""
    return (type_.low is None or value >= type_.low) and (type_.high is None or value <= type_.high)


def _stopping(later: Expression, clock: Variable) -> Expression:
    limit = clock.type.high if isinstance(clock.type, Integer) else None
    return later if limit is None else if_else(later <= limit, later, lifted(limit))
