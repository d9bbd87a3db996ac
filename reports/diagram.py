"""A diagram of boxes and arrows, to be written as DOT, as Mermaid or as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reports.render import quoted, svg_of
from simkernel.notebook import preformatted

if TYPE_CHECKING:
    import graphviz

LABEL_MAX = 48
INK, FAINT, BAD = "#202124", "#80868b", "#b3261e"


@dataclass(frozen=True)
class Box:
    """One node: its name in the diagram, its lines, and what it is."""

    name: str
    lines: tuple[str, ...]
    kind: str = "process"  # "supervisor", "server", "machine", "process", "state", "first"
    seen: bool = True  # False: it can be there, and no run has shown it
    bad: bool = False


@dataclass(frozen=True)
class Edge:
    """One arrow, and how often it was gone along."""

    source: str
    target: str
    lines: tuple[str, ...] = ()
    count: int = 1
    dashed: bool = False

    @property
    def seen(self) -> bool:
        """Tell whether any run went along it."""
        return self.count > 0

    @property
    def label(self) -> str:
        """Say what goes along it, and how often if that is more than once."""
        times = f"{self.count} ×" if self.count > 1 else "" if self.count else "never"
        return "\n".join([*map(short, self.lines), *([times] if times else [])])


@dataclass
class Diagram:
    """Boxes, arrows, a title; `groups` puts boxes into titled frames."""

    title: str
    boxes: list[Box] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=dict)
    across: bool = False  # from left to right

    def _repr_svg_(self) -> str | None:
        """Give what a notebook shows; nothing where no program draws, and the text is shown."""
        return svg_of(dot(self).source)

    def _repr_html_(self) -> str:
        return preformatted(lines(self))


def short(text: str, most: int = LABEL_MAX) -> str:
    """Cut a text that would make a box too wide.

    >>> short("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


# --- DOT -----------------------------------------------------------------------------------------

SHAPES = {
    "supervisor": {"shape": "box"}, "server": {"shape": "ellipse"}, "machine": {"shape": "ellipse"},
    "process": {"shape": "note"}, "state": {"shape": "box", "style": "rounded,filled"},
    "first": {"shape": "box", "style": "rounded,filled", "peripheries": "2"},
}  # fmt: skip


def dot(diagram: Diagram) -> graphviz.Digraph:
    """Give the diagram as a graph; what was gone along often is drawn wide."""
    import graphviz

    made = graphviz.Digraph("diagram")
    made.attr(
        rankdir="LR" if diagram.across else "TB", fontname="Helvetica",
        label=quoted(diagram.title), labelloc="t", nodesep="0.4", ranksep="0.5",
        pad="0.4,0.1",  # a font of the reader's may be wider than the one that was measured
    )  # fmt: skip
    made.attr("node", fontname="Helvetica", fontsize="11", style="filled", fillcolor="#ffffff")
    made.attr("edge", fontname="Helvetica", fontsize="9")
    grouped = {name: title for title, names in diagram.groups.items() for name in names}
    for box in diagram.boxes:
        if box.name not in grouped:
            _node(made, box)
    for at, (title, names) in enumerate(diagram.groups.items()):
        with made.subgraph(name=f"cluster_{at}") as inner:
            inner.attr(label=quoted(title), color=FAINT, fontname="Helvetica")
            for box in diagram.boxes:
                if box.name in names:
                    _node(inner, box)
    most = max((edge.count for edge in diagram.edges), default=1)
    for edge in diagram.edges:
        made.edge(
            edge.source, edge.target, quoted(_apart(edge.label)),
            penwidth=_width(edge.count, most), color=INK if edge.seen else FAINT,
            fontcolor=INK if edge.seen else FAINT,
            style="dotted" if not edge.seen else "dashed" if edge.dashed else "solid",
        )  # fmt: skip
    return made


def _node(graph: graphviz.Digraph, box: Box) -> None:
    told = dict(SHAPES[box.kind])
    if not box.seen:
        told["style"] = "dotted,rounded"
    color = BAD if box.bad else INK if box.seen else FAINT
    fill = "#fdeceb" if box.bad else "#ffffff"
    text = quoted("\n".join(map(short, box.lines)))
    graph.node(box.name, text, color=color, fontcolor=color, fillcolor=fill, **told)


def _apart(label: str) -> str:
    """Keep a label off its line: Graphviz puts it right beside."""
    return "\n".join(f"    {line}    " for line in label.split("\n")) if label else ""


def _width(count: int, most: int) -> str:
    """Give the width of a line: its logarithm tells one time from ten, and ten from a hundred.

    >>> _width(1, 100), _width(10, 100), _width(100, 100)
    ('1.0', '2.5', '4.0')
    """
    if count <= 1 or most <= 1:
        return "1.0"
    return f"{1 + 3 * math.log(count) / math.log(most):.1f}"


# --- Mermaid -------------------------------------------------------------------------------------

SIDES = {
    "supervisor": ("[", "]"), "server": ("([", "])"), "machine": ("([", "])"),
    "process": ("[/", "/]"), "state": ("(", ")"), "first": ("((", "))"),
}  # fmt: skip


def mermaid(diagram: Diagram) -> Iterator[str]:
    """Give the diagram as a Mermaid flowchart."""
    yield f"flowchart {'LR' if diagram.across else 'TB'}"
    for box in diagram.boxes:
        left, right = SIDES[box.kind]
        yield f'    {box.name}{left}"{_entities(chr(10).join(box.lines))}"{right}'
    for edge in diagram.edges:
        arrow = "-.->" if edge.dashed or not edge.seen else "-->"
        label = f'|"{_entities(edge.label)}"|' if edge.label else ""
        yield f"    {edge.source} {arrow}{label} {edge.target}"
    for kind, style, marked in (
        ("bad", "stroke:#b3261e,stroke-width:3px", [box.name for box in diagram.boxes if box.bad]),
        ("never", "stroke-dasharray:2 3", [box.name for box in diagram.boxes if not box.seen]),
    ):
        if marked:
            yield f"    classDef {kind} {style}"
            yield f"    class {','.join(marked)} {kind}"


def state_diagram(diagram: Diagram) -> Iterator[str]:
    """Give the diagram as a Mermaid state diagram."""
    yield "stateDiagram-v2"
    for box in diagram.boxes:
        yield f'    state "{_entities(" ".join(box.lines))}" as {box.name}'
        if box.kind == "first":
            yield f"    [*] --> {box.name}"
    for edge in diagram.edges:
        yield f"    {edge.source} --> {edge.target} : {_entities(edge.label)}"


def _entities(text: str) -> str:
    """Write what Mermaid would read as its own as entities, as its documentation has it."""
    signs = {"&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;", ";": "#59;", ":": "#58;"}
    text = "".join(signs.get(sign, sign) for sign in text.replace("#", "\0"))
    return text.replace("\0", "#35;").replace("\n", "<br/>")


# --- Lines ---------------------------------------------------------------------------------------


def lines(diagram: Diagram) -> Iterator[str]:
    """Give the diagram as lines for a terminal: each box with what leaves it."""
    yield diagram.title
    of = {box.name: box.lines[0] if box.lines else box.name for box in diagram.boxes}
    groups = {name: f"{title}: " for title, names in diagram.groups.items() for name in names}
    for box in diagram.boxes:
        signs = "" if box.seen else "  (never reached)"
        more = f"  ({', '.join(box.lines[1:])})" if len(box.lines) > 1 else ""
        yield f"{groups.get(box.name, '')}{of[box.name]}{more}{signs}"
        for edge in diagram.edges:
            if edge.source == box.name:
                label = edge.label.replace("\n", ", ")
                yield f"  {'──' if edge.seen else '··'}▸ {of[edge.target]}  {label}".rstrip()
