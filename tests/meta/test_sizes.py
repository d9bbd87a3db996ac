"""Limits that keep every piece on one screen, and names that say what a file is about."""

import ast
import re

from tests.meta.house import CODE, PACKAGES, files, name, tree

LINE_MAX = 100
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
# A file is a noun. These nouns fit anything, so anything ends up in them.
VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|managers?|base|misc)(_|$)")


def test_no_line_is_longer_than_the_limit() -> None:
    long = [
        f"{name(path)}:{number}"
        for path in files(suffix=".py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > LINE_MAX
    ]
    assert long == []


def test_no_file_is_longer_than_the_limit() -> None:
    lengths = {
        name(path): len(path.read_text("utf-8").splitlines())
        for path in files(*CODE, "tests", suffix=".py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_the_limit() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {lines} lines"
        for path in files(*CODE, "tests", suffix=".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_module_has_a_name_that_fits_anything() -> None:
    vague = [name(path) for path in files(*CODE, "tests", suffix=".py") if VAGUE.search(path.stem)]
    assert vague == []


def test_every_module_of_the_packages_says_what_it_is() -> None:
    silent = [
        name(path) for path in files(*PACKAGES, suffix=".py") if not ast.get_docstring(tree(path))
    ]
    assert silent == []
