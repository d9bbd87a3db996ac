"""The façade: every published name is there, type checkers see the same, and it loads nothing."""

import ast
import subprocess
import sys

import pytest

import simkernel
from tests.meta.house import ROOT, tree

HEAVY = (
    "z3",
    "networkx",
    "hypothesis",
    "rich",
    "click",
    "pytest",
    "graphviz",
    "msgspec",
    "asyncio",
)


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names_for_type_checkers() -> dict[str, str]:
    """Read name -> module from the import block that only type checkers run."""
    (block,) = (
        node
        for node in tree(ROOT / "simkernel" / "__init__.py").body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom), ast.unparse(node)
        for alias in node.names:
            # `as` with the same name is what makes it public to a strict type checker.
            assert alias.asname == alias.name, ast.unparse(node)
            found[alias.name] = str(node.module)
    return found


def test_every_published_name_resolves() -> None:
    assert {name: fault for name in simkernel.__all__ if (fault := _fault(name))} == {}


def _fault(name: str) -> str:
    try:
        return "" if getattr(simkernel, name) is not None else "is None"
    except (ImportError, AttributeError) as fault:
        return str(fault)


def test_type_checkers_see_the_names_that_are_published() -> None:
    modules = {name: module.rpartition(".")[0] for name, module in simkernel._MODULES.items()}
    assert names_for_type_checkers() == simkernel._MODULE_OF | modules


def test_dir_lists_the_published_names_before_any_is_used() -> None:
    listed = run_python("import simkernel; print(' '.join(dir(simkernel)))").split()
    assert set(simkernel.__all__) <= set(listed)


def test_an_unknown_name_is_an_attribute_error_that_suggests() -> None:
    with pytest.raises(AttributeError, match="did you mean 'receive'"):
        _ = simkernel.recieve


@pytest.mark.parametrize("first", ["simkernel.spec", "simkernel.otp.supervisor", "simkernel"])
def test_spec_is_the_decorator_whatever_was_imported_first(first: str) -> None:
    code = f"import {first}; from simkernel import spec; print(type(spec).__name__)"
    assert run_python(code) != "module"


def test_the_import_loads_no_module_of_ours_and_no_heavy_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import simkernel; "
        "print(' '.join(sorted(set(sys.modules) - before)))"
    )
    loaded = run_python(code).split()
    assert [module for module in loaded if module.startswith("simkernel")] == ["simkernel"]
    assert [module for module in loaded if module.split(".")[0] in HEAVY] == []


def test_using_every_name_loads_no_heavy_library() -> None:
    code = (
        "import sys, simkernel; [getattr(simkernel, name) for name in simkernel.__all__]; "
        f"print(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    # msgspec is small and may back our own values; the others belong to commands and searches.
    assert set(run_python(code).split()) <= {"msgspec"}
