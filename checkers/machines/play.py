"""A declared machine as a running process, which picks what happens as the kernel lets it."""

from __future__ import annotations

from checkers.machines.declaration import PASSES, Declaration, State
from checkers.machines.semantics import after, enabled, failing, initial_states
from simkernel.kernel.effects import choose, log, sleep


async def play(declaration: Declaration, steps: int = 20, *, unit_ms: int = 1) -> State:
    """Run a machine inside a process for some steps; gives its last situation.

    Each pick is one of `choose`, so that a check sees them all and a replay makes them again. Time
    passes in units of `unit_ms`. What breaks a promise of the declaration ends the process with
    an AssertionError.

    >>> from simkernel.spec import simulate
    >>> def light():
    ...     m = Declaration("light")
    ...     color = m.choice("color", "red green", start="red")
    ...     m.action("go", when=color == "red", then={color: "green"})
    ...     return m
    >>> async def main():
    ...     return await play(light())
    >>> simulate(main).returned
    {'color': 'green'}
    """
    by_name = {action.name: action for action in declaration.ready().steps}
    starts = list(initial_states(declaration))
    number = await choose(list(range(len(starts)))) if len(starts) > 1 else 0
    state = starts[number]
    for _ in range(steps):
        names = [name for name, action in by_name.items() if enabled(action, state)]
        if not names:
            break
        name = await choose(names) if len(names) > 1 else names[0]
        if name == PASSES:
            await sleep(unit_ms)
        before, state = state, after(by_name[name], state)
        log((name, {key: value for key, value in state.items() if before[key] != value}))
        failed = failing(declaration, state)
        assert failed is None, f"{failed}: false after {name}"
    return state
