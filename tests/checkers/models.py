"""Models in a few lines, whose numbers of states are known (the reference of state counts)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LostIncrement:
    """Threads that read an integer and write what they read plus one."""

    threads: int
    symmetric: bool = False

    def initial(self) -> list[Any]:
        """Nobody has read."""
        return [(0, (("read", 0),) * self.threads)]

    def key(self, node: Any) -> Any:
        """Threads have no names, if they are interchangeable."""
        return (node[0], tuple(sorted(node[1]))) if self.symmetric else node

    def successors(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Let one thread do its next step."""
        shared, threads = node
        for at, (step, local) in enumerate(threads):
            if step == "read":
                after, value = ("write", shared), shared
            elif step == "write":
                after, value = ("done", local), local + 1
            else:
                continue
            yield at, (value, (*threads[:at], after, *threads[at + 1 :]))


@dataclass(frozen=True)
class TwoPhase:
    """Two-phase commit without processes: resource managers, a manager, messages that stay."""

    managers: int
    symmetric: bool = False

    def initial(self) -> list[Any]:
        """All work; a manager is (state, has the other seen it prepared, has it said so)."""
        return [("init", (("working", False, False),) * self.managers, (False, False))]

    def key(self, node: Any) -> Any:
        """Managers have no names, if they are interchangeable."""
        head, managers, said = node
        return (head, tuple(sorted(managers)), said) if self.symmetric else node

    def successors(self, node: Any) -> Iterator[tuple[Any, Any]]:
        """Let one of the steps happen, those that change nothing included."""
        head, managers, (commit, abort) = node
        if head == "init":
            if all(seen for _, seen, _ in managers):
                yield "commit", ("committed", managers, (True, abort))
            yield "abort", ("aborted", managers, (commit, True))
        for at, (state, seen, prepared) in enumerate(managers):

            def put(one: Any, at: int = at) -> Any:
                return (head, (*managers[:at], one, *managers[at + 1 :]), (commit, abort))

            if head == "init" and prepared:
                yield ("hears", at), put((state, True, prepared))
            if state == "working":
                yield ("prepares", at), put(("prepared", seen, True))
                yield ("gives up", at), put(("aborted", seen, prepared))
            if commit:
                yield ("commits", at), put(("committed", seen, prepared))
            if abort:
                yield ("aborts", at), put(("aborted", seen, prepared))
