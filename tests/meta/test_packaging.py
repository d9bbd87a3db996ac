"""The wheel: built from the tree, installed alone, used from outside the tree."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from tests.meta.house import PACKAGES, ROOT


def config() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=env | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_extra_and_the_group_for_developers_are_the_same() -> None:
    project, groups = config()["project"], config()["dependency-groups"]
    assert isinstance(project, dict)
    assert isinstance(groups, dict)
    assert project["optional-dependencies"]["dev"] == groups["dev"]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, cwd=ROOT)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == set(PACKAGES)
    assert "simkernel/py.typed" in names
    assert {"reports/assets/report.js", "reports/assets/report.css"} <= set(names)
    assert not [name for name in names if "/tests/" in name]
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_the_sdist_holds_what_its_tests_need(dist: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    listed = run("tar", "-tzf", sdist, cwd=tmp_path).stdout.splitlines()
    inside = {name.split("/", 1)[1] for name in listed if "/" in name}
    wanted = {"Makefile", ".ci/run", "specs/README.md", "tests/meta/house.py", "docs/README.md"}
    assert wanted <= inside


@pytest.mark.slow
def test_the_installed_wheel_checks_a_spec_outside_the_tree(dist: Path, tmp_path: Path) -> None:
    """Install into a fresh environment and check the guide's counter as a stranger would."""
    (wheel,) = dist.glob("*.whl")
    environment = tmp_path / "env"
    venv.create(environment, with_pip=True)
    scripts = environment / "bin"
    pip = (scripts / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    installed = run(*pip, wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stdout + installed.stderr

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    spec = elsewhere / "counter.py"
    spec.write_text((ROOT / "specs/guide/counter.py").read_text("utf-8"), encoding="utf-8")

    where = run(
        scripts / "python", "-c", "import simkernel; print(simkernel.__file__)", cwd=elsewhere
    )
    assert str(environment) in where.stdout
    checked = run(scripts / "simkernel", "check", "counter.py", "--runs", "20", cwd=elsewhere)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.strip()

    (elsewhere / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.sim(runs=5)\nasync def test_it():\n    assert True\n",
        encoding="utf-8",
    )
    tested = run(scripts / "python", "-m", "pytest", "-q", "-W", "error", cwd=elsewhere)
    assert "1 passed" in tested.stdout, tested.stdout + tested.stderr
