"""Read a class's callbacks when it is created: forgotten returns, and captures that mislead.

A Python `match` that fits nothing falls through, and a callback that returns None is taken for one
without a fitting clause (rule 15.23). So that a clause which merely forgot its `return` cannot pass
for that, its source is read, where there is source.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from textwrap import dedent
from types import CodeType, FunctionType
from typing import Any

from simkernel.errors import ForgottenReturn

# Functions whose source was read and found right: a class may be made many times.
_READ: dict[CodeType, None] = {}


def check_callbacks(cls: Any, names: tuple[str, ...]) -> None:
    """Check the callbacks that a class defines itself; raises ForgottenReturn."""
    for name in names:
        function = cls.__dict__.get(name)
        if type(function) is FunctionType and function.__code__ not in _READ:
            node = _parsed(function.__code__)
            if node is not None:
                _check(function, node)
            _READ[function.__code__] = None


def _parsed(code: CodeType) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Parse the lines of one function alone: a whole file would take too long."""
    lines = linecache.getlines(code.co_filename)
    first = code.co_firstlineno
    last = max(end or first for _, end, _, _ in code.co_positions())
    # The last instruction may be followed by a few lines more: brackets, what never runs.
    for until in range(last, min(last + 20, len(lines)) + 1):
        try:
            node = ast.parse(dedent("".join(lines[first - 1 : until]))).body[0]
        except (SyntaxError, IndexError):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            ast.increment_lineno(node, first - 1)
            return node
        return None
    return None


def _check(function: FunctionType, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    path = function.__code__.co_filename
    for pattern in _captures(node):
        name, line = pattern
        what = _shadowed(name, node, function.__globals__)
        if what:
            error = ForgottenReturn(
                function.__qualname__,
                path=path,
                line=line,
                what=f"`case {name}` in {function.__qualname__} captures: it does not compare "
                f"with {what} {name}",
            )
            error.hint = f"Compare by a guard, `case x if x == {name}`, or give it another name."
            raise error
    for case in _open_cases(node.body, True):
        raise ForgottenReturn(function.__qualname__, path=path, line=case.pattern.lineno)


def _shadowed(name: str, node: Any, known: dict[str, Any]) -> str:
    parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    if any(parameter.arg == name for parameter in parameters):
        return "the parameter"
    return "the name" if name[0].isupper() and name in known else ""


def _captures(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Give the names that the patterns of a function capture, with their lines."""
    for each in _inside(node):
        match each:
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, each.lineno
            case ast.MatchMapping(rest=str(name)):
                yield name, each.lineno


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without the functions and classes that are defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _SCOPES):
            yield child
            yield from _inside(child)


# --- Which statements can be left at their end ---------------------------------------------------


def _open_cases(body: list[ast.stmt], at_end: bool) -> Iterator[ast.match_case]:
    """Give the cases from whose end the end of the callback is reached.

    `at_end` says that whoever leaves `body` at its end leaves the callback without a result.
    """
    for at, statement in enumerate(body):
        falls = at_end and _completes(body[at + 1 :])
        # The innermost first: it is the one to mend.
        for inner in _blocks(statement):
            yield from _open_cases(inner, falls)
        for case in _cases(statement):
            if falls and _completes(case.body):
                yield case


def _cases(statement: ast.stmt) -> list[ast.match_case]:
    return statement.cases if isinstance(statement, ast.Match) else []


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    match statement:
        case ast.Match(cases=cases):
            return [case.body for case in cases]
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            return [body, *(handler.body for handler in handlers), orelse, final]
        case ast.If(body=body, orelse=orelse):
            return [body, orelse]
        case ast.For(body=body, orelse=orelse) | ast.AsyncFor(body=body, orelse=orelse):
            return [body, orelse]
        case ast.While(body=body, orelse=orelse):
            return [body, orelse]
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return [body]
    return []


def _completes(body: list[ast.stmt]) -> bool:
    """Tell whether a list of statements can be left at its end."""
    return all(_may_complete(statement) for statement in body)


def _may_complete(statement: ast.stmt) -> bool:
    match statement:
        case ast.Return() | ast.Raise() | ast.Continue() | ast.Break():
            return False
        case ast.If(body=body, orelse=orelse):
            return _completes(body) or _completes(orelse)
        case ast.Match(cases=cases):
            # Falling through every case is no clause of its own, and is function_clause.
            return any(_completes(case.body) for case in cases) or not _is_total(cases)
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            if final and not _completes(final):
                return False
            through = _completes(body) and _completes(orelse)
            return through or any(_completes(handler.body) for handler in handlers)
        case ast.With(body=body) | ast.AsyncWith(body=body):
            return _completes(body)
        case ast.While(test=ast.Constant(value=True), body=body):
            return any(isinstance(node, ast.Break) for each in body for node in ast.walk(each))
    return True


def _is_total(cases: list[ast.match_case]) -> bool:
    """Tell whether the last case takes anything."""
    pattern = cases[-1].pattern
    anything = isinstance(pattern, ast.MatchAs) and pattern.pattern is None
    return anything and cases[-1].guard is None
