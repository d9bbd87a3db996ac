"""The supervision tree at one moment: who supervises whom, and how each is.

Three ways to look at it: lines for a terminal, a graph for Graphviz, and Mermaid. Children of one
supervisor that cannot be told apart are folded: "worker × 48".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reports.render import quoted, svg_of
from simkernel.kernel.information import function_name
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import LIFE, Process
from simkernel.notebook import preformatted
from simkernel.otp.dynamic_supervisor import Flock, Member
from simkernel.otp.gen_server import Server
from simkernel.otp.statem_engine import StateMachine
from simkernel.otp.supervision import Tree
from simkernel.terms import Pid, show

if TYPE_CHECKING:
    import graphviz

FOLD = 3  # so many alike become one
TEXT_MAX = 40


@dataclass
class Node:
    """One process, or several that are alike, or a child that does not run."""

    title: str  # the class, the function, or the child's id
    kind: str  # "supervisor", "worker", "process"
    facts: list[str] = field(default_factory=list)
    status: str = "alive"  # or "dead", "restarting"
    pids: list[Pid] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)

    @property
    def alike(self) -> Any:
        """What makes two leaves the same to look at."""
        return self.title, self.kind, tuple(self.facts), self.status

    @property
    def count(self) -> str:
        """How many it stands for, if more than one."""
        return f" × {len(self.pids)}" if len(self.pids) > 1 else ""


@dataclass(frozen=True)
class Forest:
    """All trees of a moment, and the bonds that are none of the trees."""

    roots: list[Node]
    links: list[tuple[Pid, Pid]]
    monitors: list[tuple[Pid, Pid]]
    now_ms: float
    transitions: int

    def _repr_svg_(self) -> str | None:
        """Give what a notebook shows; nothing where no program draws, and the text is shown."""
        return svg_of(graph(self).source)

    def _repr_html_(self) -> str:
        return preformatted(lines(self))


def forest(m: Machine) -> Forest:
    """Read the trees off a machine: supervisors with their children, then all other processes."""
    seen: set[Pid] = set()
    under = {pid for p in m.processes.values() for pid in _children_of(p)}
    tops = [p for p in _sorted(m.processes.values()) if p.pid not in under]
    roots = [_node(m, p, seen) for p in sorted(tops, key=_supervisors_first)]
    bonds = {(p.pid, peer) for p in m.processes.values() for peer in _children_of(p)}
    links = sorted(
        {
            _pair(p.pid, peer)
            for p in m.processes.values()
            for peer in p.links or ()
            if (p.pid, peer) not in bonds and (peer, p.pid) not in bonds and peer in m.processes
        },
        key=_by_path,
    )
    monitors = sorted(
        {
            (p.pid, of)
            for p in m.processes.values()
            for _, of in (p.monitors or {}).values()
            if type(of) is Pid and (p.pid, of) not in bonds
        },
        key=_by_path,
    )
    return Forest(_folded(roots), links, monitors, m.clock.now / 1000, m.count)


def to_depth(trees: Forest, depth: int) -> Forest:
    """Fold all that lies deeper than `depth`; who is folded up says how many are below.

    >>> root = Node("A", "supervisor", children=[Node("B", "worker"), Node("C", "worker")])
    >>> to_depth(Forest([root], [], [], 0.0, 0), 0).roots[0].facts
    ['… 2 below']
    """
    roots = [_to_depth(node, depth) for node in trees.roots]
    shown = {pid for root in roots for node in _all(root) for pid in node.pids}
    links = [pair for pair in trees.links if shown.issuperset(pair)]
    monitors = [pair for pair in trees.monitors if shown.issuperset(pair)]
    return replace(trees, roots=roots, links=links, monitors=monitors)


def _to_depth(node: Node, depth: int) -> Node:
    if depth > 0 or not node.children:
        return replace(node, children=[_to_depth(child, depth - 1) for child in node.children])
    below = sum(max(1, len(one.pids)) for one in _all(node) if one is not node)
    return replace(node, facts=[*node.facts, f"… {below} below"], children=[])


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _all(child)


def _by_path(pair: tuple[Pid, Pid]) -> Any:
    return pair[0].path, pair[1].path


def _pair(one: Pid, other: Pid) -> tuple[Pid, Pid]:
    return (one, other) if one.path <= other.path else (other, one)


def _sorted(processes: Iterable[Process]) -> list[Process]:
    return sorted(processes, key=lambda p: p.pid.path)


def _supervisors_first(p: Process) -> Any:
    return not isinstance(_held(p), Tree | Flock), p.pid.path


def _held(p: Process) -> Any:
    """Give the state of a server."""
    return p.body.state if isinstance(p.body, Server) else None


def _children_of(p: Process) -> list[Pid]:
    held = _held(p)
    if isinstance(held, Tree):
        return [child.pid for child in held.children if type(child.pid) is Pid]
    if isinstance(held, Flock):
        return [pid for pid in held.children if type(pid) is Pid]
    return []


def _node(m: Machine, p: Process, seen: set[Pid]) -> Node:
    seen.add(p.pid)
    held = _held(p)
    node = Node(_title(p), _kind(held, p), _facts(p, held), pids=[p.pid])
    if isinstance(held, Tree):
        node.children = [_child(m, child, seen) for child in held.children]
    elif isinstance(held, Flock):
        node.children = [_member(m, pid, child, seen) for pid, child in held.children.items()]
    node.children = _folded(node.children)
    return node


def _child(m: Machine, child: Any, seen: set[Pid]) -> Node:
    p = m.processes.get(child.pid) if type(child.pid) is Pid else None
    restart = child.spec.restart
    if p is None:
        status = "restarting" if child.is_restarting else "dead"
        kind = "supervisor" if child.spec.type == "supervisor" else "worker"
        return Node(_short(_word(child.spec.id)), kind, [restart], status)
    node = _node(m, p, seen)
    node.kind = "supervisor" if child.spec.type == "supervisor" else "worker"
    node.facts.insert(0, restart)
    return node


def _member(m: Machine, pid: Any, child: Any, seen: set[Pid]) -> Node:
    restarting = isinstance(child, Member) and child.is_restarting
    p = m.processes.get(pid) if type(pid) is Pid else None
    if p is None:
        return Node("child", "worker", [], "restarting" if restarting else "dead")
    node = _node(m, p, seen)
    node.kind = node.kind if node.kind == "supervisor" else "worker"
    return node


def _folded(nodes: list[Node]) -> list[Node]:
    """Make one of leaves that are alike, where there are many."""
    groups: dict[Any, list[Node]] = {}
    for place, node in enumerate(nodes):
        key = place if node.children else node.alike
        groups.setdefault(key, []).append(node)
    result: list[Node] = []
    for group in groups.values():
        if len(group) < FOLD:
            result += group
            continue
        first = group[0]
        pids = [pid for node in group for pid in node.pids]
        result.append(Node(first.title, first.kind, first.facts, first.status, pids))
    return result


def _title(p: Process) -> str:
    body = p.body
    if isinstance(body, Server):
        name: str = body.module.cls.__qualname__
        return {"Engine": "Supervisor", "Holder": "Agent"}.get(name, name)
    if isinstance(body, StateMachine):
        return str(body.modules[0].cls.__qualname__)
    name = function_name(p.origin[0]).rpartition(".")[2]
    return "main" if p.pid.path == () else name


def _kind(held: Any, p: Process) -> str:
    if isinstance(held, Tree | Flock):
        return "supervisor"
    return "worker" if isinstance(p.body, Server | StateMachine) else "process"


def _facts(p: Process, held: Any) -> list[str]:
    facts = []
    if p.name:
        facts.append(f"name {p.name}")
    if isinstance(held, Tree | Flock):
        limits = held if isinstance(held, Tree) else held.limits
        used = f"{len(limits.restarts)} of {limits.intensity} restarts in {limits.period_s} s"
        facts += [limits.strategy, used]
    elif isinstance(p.body, StateMachine):
        facts.append(f"state {_short(show(p.body.state))}")
    elif p.pid.path == () or not isinstance(p.body, Server):
        facts.append(LIFE[p.status])
    waiting = len(p.mailbox or ()) + len(p.arrived or ())
    if waiting:
        facts.append(f"{waiting} in mailbox")
    return facts


def _word(id: Any) -> str:
    return id.__qualname__ if isinstance(id, type) else id if type(id) is str else show(id)


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


# --- Lines ---------------------------------------------------------------------------------------

MARKS = {"supervisor": "▣", "worker": "●", "process": "○"}
STATUS = {"alive": "", "dead": " ✖ dead", "restarting": " ↻ restarting"}


def lines(trees: Forest) -> Iterator[str]:
    """Give the trees as lines for a terminal."""
    yield f"at {trees.now_ms:g} ms, after {trees.transitions} transitions"
    for root in trees.roots:
        yield from _lines(root, "", "")
    for title, pairs in (("link", trees.links), ("monitors", trees.monitors)):
        for one, other in pairs:
            sign = "──" if title == "link" else "─▸"
            yield f"  {one} {sign} {other}  ({title})"


def _lines(node: Node, before: str, below: str) -> Iterator[str]:
    pid = f" {node.pids[0]}" if len(node.pids) == 1 else ""
    facts = f"  {', '.join(node.facts)}" if node.facts else ""
    mark, status = MARKS[node.kind], STATUS[node.status]
    yield f"{before}{mark} {node.title}{node.count}{pid}{status}{facts}"
    for place, child in enumerate(node.children):
        last = place == len(node.children) - 1
        yield from _lines(
            child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")
        )


# --- Graphs --------------------------------------------------------------------------------------

SHAPES = {"supervisor": "box", "worker": "ellipse", "process": "note"}
FILLS = {"alive": "#ffffff", "dead": "#f4c7c3", "restarting": "#fce8b2"}


def numbered(trees: Forest) -> tuple[list[tuple[str, Node]], list[tuple[str, str]], dict[Pid, str]]:
    """Name the nodes n0, n1, … from the top; give them, the edges, and where each pid is."""
    nodes: list[tuple[str, Node]] = []
    edges: list[tuple[str, str]] = []
    where: dict[Pid, str] = {}

    def visit(node: Node, parent: str | None) -> None:
        name = f"n{len(nodes)}"
        nodes.append((name, node))
        where.update(dict.fromkeys(node.pids, name))
        if parent is not None:
            edges.append((parent, name))
        for child in node.children:
            visit(child, name)

    for root in trees.roots:
        visit(root, None)
    return nodes, edges, where


def label(node: Node) -> list[str]:
    """Give the lines of a node: what it is first, then how it is."""
    pid = [str(node.pids[0])] if len(node.pids) == 1 else []
    status = [node.status] if node.status != "alive" else []
    return [f"{node.title}{node.count}", *status, *pid, *node.facts]


def bonds(trees: Forest, where: dict[Pid, str]) -> Iterator[tuple[str, str, str]]:
    """Give the links and monitors between nodes, each once."""
    given: set[tuple[str, str, str]] = set()
    for kind, pairs in (("link", trees.links), ("monitor", trees.monitors)):
        for one, other in pairs:
            bond = (where.get(one, ""), where.get(other, ""), kind)
            if all(bond) and bond[0] != bond[1] and bond not in given:
                given.add(bond)
                yield bond


def graph(trees: Forest) -> graphviz.Digraph:
    """Give the trees as a graph: supervisors are boxes, bonds are dashed."""
    import graphviz

    nodes, edges, where = numbered(trees)
    made = graphviz.Digraph("supervision")
    made.attr(
        rankdir="TB",
        ordering="out",
        fontname="Helvetica",
        label=f"at {trees.now_ms:g} ms",
        labelloc="t",
    )
    made.attr("node", fontname="Helvetica", fontsize="11", style="filled")
    made.attr("edge", fontname="Helvetica", fontsize="9")
    for name, node in nodes:
        text = "\n".join(label(node))
        made.node(
            name, quoted(text), shape=SHAPES[node.kind],
            fillcolor=FILLS[node.status], peripheries="2" if node.status != "alive" else "1",
        )  # fmt: skip
    for parent, child in edges:
        made.edge(parent, child)
    for one, other, kind in bonds(trees, where):
        arrow = "none" if kind == "link" else "open"
        made.edge(one, other, f"  {kind}", style="dashed", color="#5f6368", arrowhead=arrow)
    return made


def mermaid(trees: Forest) -> Iterator[str]:
    """Give the trees as a Mermaid flowchart."""
    nodes, edges, where = numbered(trees)
    yield "flowchart TB"
    for name, node in nodes:
        text = "<br/>".join(map(_entities, label(node)))
        left, right = {"supervisor": ("[", "]"), "worker": ("([", "])"), "process": ("[/", "/]")}[
            node.kind
        ]
        yield f'    {name}{left}"{text}"{right}'
    for parent, child in edges:
        yield f"    {parent} --> {child}"
    for one, other, kind in bonds(trees, where):
        yield f"    {one} -. {kind} .-{'' if kind == 'link' else '>'} {other}"
    for status in ("dead", "restarting"):
        if marked := [name for name, node in nodes if node.status == status]:
            yield f"    classDef {status} fill:{FILLS[status]},stroke-width:3px"
            yield f"    class {','.join(marked)} {status}"


def _entities(text: str) -> str:
    for sign, entity in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(sign, entity)
    return text
