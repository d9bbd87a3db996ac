"""Going through a recorded run: forward, back, to causes and to breakpoints.

The run is replayed and filmed once; after that every question is answered from the film, so that
back is as easy as forward. `Debugger.answer` is a function of its state and a line that was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reports.because import cause_of
from reports.scene import Scene, kind_of
from reports.terminal import Look, around, diagram, difference, states, tree

HELP = """\
n or Enter: next · b: back · NUMBER: go to that step · c: on to a breakpoint · r: back to one
cause: to what led to this event · w: where, as a diagram · d: what the step changed · t: tree
s [PROCESS]: state · break PROCESS · break EVENT · break if PROCESS CELL = TEXT (or ~ for: has it)
breaks: list them · delete NUMBER · o FILE: write the report · h: help · q: quit"""
ROWS = 12
OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda held, wanted: held == wanted,
    "!=": lambda held, wanted: held != wanted,
    "~": lambda held, wanted: wanted in held,
}


@dataclass(frozen=True)
class Break:
    """Where to stop: what a person typed, and whether a step is such a place."""

    text: str
    stops: Callable[[int], bool]


class Debugger:
    """Stands after so many steps of a run. `write` writes the report at a step to a file."""

    def __init__(self, shown: Scene, look: Look, write: Callable[[Path, int], str]):
        self.shown = shown
        self.look = look
        self.write = write
        self.step = 0
        self.last = max(shown.steps, default=-1) + 1
        self.breaks: list[Break] = []
        self.over = False

    @property
    def prompt(self) -> str:
        """Say where it stands."""
        return f"step {self.step}"

    def answer(self, line: str) -> Iterator[str]:
        """Do what a line asks for, and give what is to be shown."""
        word, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        if word.isdigit():
            return self._go(int(word))
        act = {
            "": self._next, "n": self._next, "b": self._back, "c": self._on, "r": self._reverse,
            "cause": self._cause, "w": self._where, "d": self._changed, "t": self._tree,
            "s": self._state, "break": self._break, "breaks": self._list, "delete": self._delete,
            "o": self._report, "q": self._quit,
        }.get(word, self._help)  # fmt: skip
        return act(rest)

    # --- Moving ----------------------------------------------------------------------------------

    def _go(self, step: int) -> Iterator[str]:
        if step > self.last:
            yield f"the run has {self.last} steps"
            return
        before, self.step = self.step, step
        if step > before:  # what happened on the way, as far as it fits
            yield from self._shown(range(before, step))
        elif step:
            yield from self._shown(range(step - 1, step))
        if step == self.last:
            yield "the end of the trace"

    def _next(self, _: str) -> Iterator[str]:
        if self.step == self.last:
            return iter(["the end of the trace"])
        return self._go(self.step + 1)

    def _back(self, _: str) -> Iterator[str]:
        return self._go(max(0, self.step - 1))

    def _on(self, _: str) -> Iterator[str]:
        return self._until(range(self.step, self.last), self.last)

    def _reverse(self, _: str) -> Iterator[str]:
        return self._until(range(self.step - 2, -1, -1), 0)

    def _until(self, steps: range, otherwise: int) -> Iterator[str]:
        for step in steps:
            for stop in self.breaks:
                if stop.stops(step):
                    yield f"break {stop.text}"
                    yield from self._at(step + 1)
                    return
        yield from self._at(otherwise)
        if otherwise == self.last:
            yield "the end of the trace"

    def _at(self, step: int) -> Iterator[str]:
        self.step = step
        if step:
            yield from self._shown(range(step - 1, step))

    def _cause(self, _: str) -> Iterator[str]:
        events = self.shown.reel.events
        for row in reversed(self._rows(self.step - 1)):
            cause = cause_of(events, self.shown.arrows, row)
            if cause is not None:
                yield from self._at(self.shown.steps[cause] + 1)
                return
        yield "nothing is known that led to it"

    # --- Looking ---------------------------------------------------------------------------------

    def _rows(self, step: int) -> list[int]:
        return [row for row, one in enumerate(self.shown.steps) if one == step]

    def _shown(self, steps: range) -> Iterator[str]:
        rows = [row for row, step in enumerate(self.shown.steps) if step in steps]
        yield from diagram(self.shown, self.look, rows[-3 * ROWS :])[-len(rows) :]
        if len(steps) == 1:
            yield from difference(self.shown, steps[0], self.look)

    def _where(self, _: str) -> Iterator[str]:
        rows = around(self.shown, self.step - 1, ROWS)
        current = rows[-1] if rows else None
        yield from diagram(self.shown, self.look, rows, current) if rows else ["the start"]

    def _changed(self, _: str) -> Iterator[str]:
        yield from difference(self.shown, self.step - 1, self.look)

    def _tree(self, _: str) -> Iterator[str]:
        yield from tree(self.shown, self._cells(), self.look)

    def _state(self, name: str) -> Iterator[str]:
        who = self._named(name) if name else None
        if who == []:
            yield self._unknown(name)
            return
        yield f"at {self._now()}, after {self.step} transitions"
        yield from states(self.shown, self._cells(), self.look, who)

    def _cells(self) -> dict[str, dict[str, object]]:
        film = self.shown.reel.film
        return film.at(self.step - 1) if film is not None and self.step else {}

    def _now(self) -> str:
        rows = self._rows(self.step - 1)
        return f"{self.shown.times[rows[-1]] / 1000:g} ms" if rows else "0 ms"

    def _named(self, name: str) -> list[str]:
        """Give the processes of a name: a pid, the short name, or its stem for several."""
        roles = self.shown.cast.roles.values()
        exact = [role.pid for role in roles if name in (role.pid, role.label)]
        return exact or [
            role.pid for role in roles if name and role.label.rpartition(" ")[0] == name
        ]

    def _unknown(self, name: str) -> str:
        known = ", ".join(role.label for role in self.shown.cast.roles.values())
        return f"there is no process {name!r}; there are: {known}"

    # --- Breakpoints -----------------------------------------------------------------------------

    def _break(self, text: str) -> Iterator[str]:
        made = self._condition(text[3:].strip()) if text.startswith("if ") else self._place(text)
        if made is None:
            known = sorted({kind_of(event) for event in self.shown.reel.events})
            yield f"{text!r} is no place to stop. {self._unknown(text)}; events: {', '.join(known)}"
            return
        self.breaks.append(Break(text, made))
        yield f"break {len(self.breaks)}: {text}"

    def _place(self, text: str) -> Callable[[int], bool] | None:
        events, pids = self.shown.reel.events, self._named(text)
        kinds = {kind for event in events for kind in (kind_of(event), event.get("e"))}
        if pids:
            rows = [row for row, event in enumerate(events) if event.get("p") in pids]
        elif text in kinds:
            rows = [
                row for row, event in enumerate(events) if text in (kind_of(event), event.get("e"))
            ]
        else:
            return None
        steps = frozenset(self.shown.steps[row] for row in rows)
        return lambda step: step in steps

    def _condition(self, text: str) -> Callable[[int], bool] | None:
        """Read `PROCESS CELL = TEXT`: it stops where the cell comes to be so."""
        for sign in ("!=", "=", "~"):
            left, found, wanted = text.partition(f" {sign} ")
            film = self.shown.reel.film
            who, _, cell = left.strip().rpartition(" ")
            if found and film is not None and (pids := self._named(who)):
                steps = self._steps_when(pids, cell, OPERATORS[sign], wanted.strip())
                return lambda step: step in steps
        return None

    def _steps_when(
        self, pids: list[str], cell: str, holds: Callable[[str, str], bool], wanted: str
    ) -> frozenset[int]:
        film, steps = self.shown.reel.film, set()
        assert film is not None
        for step, changes in enumerate(film.steps):
            for pid, name, value in changes:
                if pid in pids and name.replace(" › ", ".") == cell:
                    held = value if isinstance(value, str) else ", ".join(value or ())
                    if holds(self.shown.cast.named(held), wanted):
                        steps.add(step)
        return frozenset(steps)

    def _list(self, _: str) -> Iterator[str]:
        for number, stop in enumerate(self.breaks, 1):
            yield f"break {number}: {stop.text}"
        if not self.breaks:
            yield "no breakpoints"

    def _delete(self, text: str) -> Iterator[str]:
        if text.isdigit() and 1 <= int(text) <= len(self.breaks):
            yield f"deleted: {self.breaks.pop(int(text) - 1).text}"
        else:
            yield "delete takes the number of a breakpoint; `breaks` lists them"

    # --- The rest --------------------------------------------------------------------------------

    def _report(self, path: str) -> Iterator[str]:
        if not path:
            yield "o takes the name of a file, such as report.html"
            return
        try:
            yield f"report {self.write(Path(path), max(0, self.step - 1))}"
        except OSError as error:
            yield f"{path} cannot be written: {error.strerror}"

    def _quit(self, _: str) -> Iterator[str]:
        self.over = True
        return iter(())

    def _help(self, _: str) -> Iterator[str]:
        return iter(HELP.splitlines())
