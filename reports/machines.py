"""The machine that was extracted from a class: as a table, as a graph, and as a declaration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from checkers.machines.extraction import ENDED, Extracted, Row


def table(found: Extracted) -> Iterator[str]:
    """Write the table: state, event, what comes out, the next state; then what stands out."""
    rows = [(row.state, str(row.event), _effect(row), row.target) for row in found.rows]
    head = ("state", "event", "comes out", "next")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(3)]
    for row in [head, *rows]:
        yield "  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3]]).rstrip()
    yield from notes(found)


def _effect(row: Row) -> str:
    said = ["postponed"] if row.postponed else []
    said += row.output if row.clause else ["no clause"]
    if row.data:
        shown = " or ".join(row.data[:2]) + (" or …" if len(row.data) > 2 else "")
        said.append(f"if data is {shown}")
    return ", ".join(said) or "-"


def notes(found: Extracted) -> Iterator[str]:
    """Say what stands out."""
    for state, event in found.missing:
        yield f"no clause: {event} in {state} ends the process"
    for state in found.never_left:
        yield f"never left: {state}"
    yield from found.outliving
    if not found.by_data:
        more = f", and for {found.with_data} situations with theirs" if found.with_data else ""
        first = "what depends on them is shown for those that came first"
        yield f"data were not told apart: {first}{more}"
    if found.stopped:
        yield f"not all situations were seen: {found.stopped} were spent"


def graph(found: Extracted) -> Any:
    """Give the states as a networkx graph; edges carry their events as `label`."""
    import networkx

    drawn = networkx.MultiDiGraph(name=found.name)
    drawn.add_nodes_from(found.states)
    for (source, target), events in _edges(found).items():
        drawn.add_edge(source, target, label=", ".join(events))
    return drawn


def _edges(found: Extracted) -> dict[tuple[str, str], list[str]]:
    edges: dict[tuple[str, str], list[str]] = {}
    for row in found.rows:
        events = edges.setdefault((row.state, row.target), [])
        if str(row.event) not in events:
            events.append(str(row.event))
    return edges


def mermaid(found: Extracted) -> Iterator[str]:
    """Write it as a Mermaid state diagram."""
    yield "stateDiagram-v2"
    number = {state: f"s{place}" for place, state in enumerate(found.states)}
    for state, name in number.items():
        yield f'    state "{_plain(state)}" as {name}'
    if found.states:
        yield f"    [*] --> {number[found.states[0]]}"
    for (source, target), events in _edges(found).items():
        yield f"    {number[source]} --> {number[target]}: {_plain(', '.join(events))}"


def dot(found: Extracted) -> Iterator[str]:
    """Write it as a graph for `dot`."""
    yield f'digraph "{_plain(found.name)}" {{'
    yield "  node [shape=box style=rounded]"
    for state in found.states:
        yield f'  "{_plain(state)}"'
    for (source, target), events in _edges(found).items():
        label = "\\n".join(map(_plain, events))
        yield f'  "{_plain(source)}" -> "{_plain(target)}" [label="{label}"]'
    yield "}"


def _plain(text: str) -> str:
    return text.replace("\\", "").replace('"', "'").replace(":", " ").replace(";", " ")


def declaration(found: Extracted) -> Iterator[str]:
    """Write it as a declared machine to start from: what the code does, not what it should."""
    states = [state for state in found.states if state != ENDED]
    ends = [ENDED] if ENDED in found.states else []
    yield f'"""What {found.name} does, as far as it was driven. Say here what it must do."""'
    yield ""
    yield "from simkernel import Declaration"
    yield ""
    yield ""
    yield "def machine():"
    yield f"    m = Declaration({found.name!r})"
    start = states[0] if states else ENDED
    yield f'    state = m.choice("state", {[*states, *ends]!r}, start={start!r})'
    names: dict[str, None] = {}
    for row in found.rows:
        if row.target != row.state:
            name = f"{row.event} in {row.state}, to {row.target}"
            if name not in names:
                names[name] = None
                yield f"    m.action({name!r}, when=state == {row.state!r},"
                yield f"             then={{state: {row.target!r}}})"
    yield "    return m"
