"""The house of the design, as a contract that a tool checks, and the proof that it can fail."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.meta.house import PACKAGES, ROOT, files, name, tree

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [LINT_IMPORTS, "--no-cache", "--config", root / "pyproject.toml"]
    return subprocess.run(
        [str(word) for word in command],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(root), "PATH": "", "NO_COLOR": "1", "COLUMNS": "200"},
    )


def layers() -> list[str]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (contract,) = config["tool"]["importlinter"]["contracts"]
    return [name for layer in contract["layers"] for name in re.split(r"\s*[|:]\s*", layer)]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Make a house with our contract and our façade, and with every other room empty."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module in layers():
        room = tmp_path / module.replace(".", "/")
        room.mkdir(parents=True, exist_ok=True)
        (room / "__init__.py").write_text('"""Empty."""\n', encoding="utf-8")
    shutil.copy(ROOT / "simkernel" / "__init__.py", tmp_path / "simkernel")
    for file in ("effects", "patterns", "machine", "ets"):
        (tmp_path / "simkernel" / "kernel" / f"{file}.py").touch()
    for file in ("application", "gen_server", "registry", "supervisor", "sys", "timer"):
        (tmp_path / "simkernel" / "otp" / f"{file}.py").touch()
    return tmp_path


def plant(house: Path, module: str, line: str) -> None:
    path = house / module.replace(".", "/") / "planted.py"
    path.write_text(line + "\n", encoding="utf-8")


def test_imports_of_the_project_point_down_only() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_of_the_house_is_in_a_layer() -> None:
    """Hold out the gap that a layers contract leaves: a module it does not name may do anything."""
    named = set(layers())
    stray = {
        f"{path.parts[0]}.{Path(path.parts[1]).stem}"
        for path in (file.relative_to(ROOT) for file in files("simkernel", suffix=".py"))
        if path.parts[1] != "__init__.py"
    } - named
    assert stray == set()


def test_the_empty_house_with_the_facade_keeps_the_contract(house: Path) -> None:
    result = lint_imports(house)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        pytest.param("simkernel.kernel", "import simkernel.otp", id="upwards"),
        pytest.param("simkernel.terms", "import checkers", id="across packages"),
        pytest.param("simkernel.otp", "import simkernel.trace", id="sideways"),
        pytest.param("checkers", "import reports", id="checkers never format"),
        pytest.param(
            "simkernel.kernel", "from simkernel import GenServer", id="through the façade"
        ),
        pytest.param(
            "simkernel.kernel",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import simkernel.spec",
            id="for annotations only",
        ),
    ],
)
def test_a_planted_import_breaks_the_contract(house: Path, module: str, line: str) -> None:
    plant(house, module, line)
    result = lint_imports(house)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{module}.planted" in result.stdout


def test_no_module_inside_imports_the_facade() -> None:
    published = _published()
    through = [
        f"{name(path)}:{node.lineno}"
        for path in files(*PACKAGES, suffix=".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "simkernel"
        and published.intersection(alias.name for alias in node.names)
    ]
    assert through == []


def test_specs_import_the_facade_only() -> None:
    inside = [
        f"{name(path)} {module}"
        for path in files("specs", suffix=".py")
        for node in ast.walk(tree(path))
        for module in _modules(node)
        if module.split(".")[0] in (*PACKAGES, "specs", "tests") and module != "simkernel"
    ]
    assert inside == []


def _published() -> set[str]:
    import simkernel

    return set(simkernel.__all__)


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []
