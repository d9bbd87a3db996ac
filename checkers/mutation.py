"""How strong a spec is: its implementation is changed in one place, and somebody should notice.

A mutant is the spec file with one change inside one of its classes: a clause dropped, a guard
widened, a comparison turned, a reply or a call that cleans up left out, a time made shorter, a
restart type swapped. A check of it should not hold; the mutants of which it does survive.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from simkernel.errors import UsageError

LEFT_OUT = ("cancel_timer", "demonitor", "monitor", "unlink", "link", "reply", "send")
TIMEOUTS = ("StateTimeout", "EventTimeout", "GenericTimeout", "send_after", "start_timer")
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}  # fmt: skip
_RESTARTS = {"permanent": "temporary", "transient": "temporary", "temporary": "permanent"}

Change = Callable[[], None]


@dataclass(frozen=True)
class Mutant:
    """A change: where, what, and the whole file with it; `owner` is the class that is changed."""

    line: int
    what: str
    source: str
    owner: str = ""


def mutants(source: str) -> Iterator[Mutant]:
    """Give the mutants of a spec file, in the order of its lines.

    >>> text = "class A:\\n    def f(self, n):\\n        return n < 3\\n"
    >>> [(mutant.line, mutant.what) for mutant in mutants(text)]
    [(3, 'n < 3 becomes n <= 3')]
    """
    tree = ast.parse(source)
    count = sum(1 for _ in _changes(tree))
    found = []
    for number in range(count):
        fresh = copy.deepcopy(tree)
        line, what, change = list(_changes(fresh))[number]
        change()
        source = ast.unparse(ast.fix_missing_locations(fresh)) + "\n"
        found.append(Mutant(line, what, source, _owner(tree, line)))
    yield from sorted(found, key=lambda mutant: mutant.line)


def _owner(tree: ast.Module, line: int) -> str:
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef) and cls.lineno <= line <= (cls.end_lineno or line):
            return cls.name
    return ""


def _changes(tree: ast.Module) -> Iterator[tuple[int, str, Change]]:
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            yield from _of_class(cls)


def _of_class(cls: ast.ClassDef) -> Iterator[tuple[int, str, Change]]:
    for node in ast.walk(cls):
        if isinstance(node, ast.Match):
            yield from _of_match(node)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _TURNED:
            yield _turned(node)
        elif isinstance(node, ast.List):
            yield from _of_actions(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.keyword) and node.arg == "restart":
            yield from _of_restart(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            yield from _of_body(body)


def _of_match(node: ast.Match) -> Iterator[tuple[int, str, Change]]:
    for place, case in enumerate(node.cases):
        line = case.pattern.lineno
        shown = ast.unparse(case.pattern)
        if len(node.cases) > 1:
            yield line, f"no clause {shown}", partial(_drop, node.cases, place)
        if case.guard is not None:
            guard = ast.unparse(case.guard)
            yield line, f"clause {shown} without if {guard}", partial(setattr, case, "guard", None)


def _turned(node: ast.Compare) -> tuple[int, str, Change]:
    other = copy.deepcopy(node)
    other.ops[0] = _TURNED[type(node.ops[0])]()

    def change() -> None:
        node.ops[0] = other.ops[0]

    return node.lineno, f"{ast.unparse(node)} becomes {ast.unparse(other)}", change


def _of_actions(node: ast.List) -> Iterator[tuple[int, str, Change]]:
    for place, one in enumerate(node.elts):
        called = one.func if isinstance(one, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in ("Reply", *TIMEOUTS):
            what = f"no {ast.unparse(one)}"
            yield one.lineno, what, partial(_drop, node.elts, place)


def _of_call(node: ast.Call) -> Iterator[tuple[int, str, Change]]:
    if not isinstance(node.func, ast.Name) or node.func.id not in TIMEOUTS:
        return
    for place, arg in enumerate(node.args):
        if isinstance(arg, ast.Constant) and type(arg.value) is int and arg.value > 1:
            shorter = arg.value // 2

            def change(place: int = place, shorter: int = shorter) -> None:
                node.args[place] = ast.Constant(shorter)

            yield node.lineno, f"{ast.unparse(node)} with {shorter}", change


def _of_restart(node: ast.keyword) -> Iterator[tuple[int, str, Change]]:
    value = node.value
    if isinstance(value, ast.Constant) and value.value in _RESTARTS:
        other = _RESTARTS[value.value]
        what = f"restart={value.value!r} becomes {other!r}"
        yield value.lineno, what, partial(setattr, node, "value", ast.Constant(other))


def _of_body(body: list[ast.stmt]) -> Iterator[tuple[int, str, Change]]:
    for place, one in enumerate(body):
        call = one.value if isinstance(one, ast.Expr) else None
        call = call.value if isinstance(call, ast.Await) else call
        called = call.func if isinstance(call, ast.Call) else None
        if call is not None and isinstance(called, ast.Name) and called.id in LEFT_OUT:

            def change(place: int = place) -> None:
                body[place] = ast.Pass()

            yield one.lineno, f"no {ast.unparse(call)}", change


def _drop(items: list[ast.match_case] | list[ast.expr], place: int) -> None:
    del items[place]


def read(path: str) -> str:
    """Read a spec file that has something to mutate."""
    source = Path(path).read_text("utf-8")
    if not any(True for _ in _changes(ast.parse(source))):
        raise UsageError("no class of the file has anything to mutate", where=path,
                         hint="Give a spec that holds the classes it runs.")  # fmt: skip
    return source
