"""What no file of the project may say: paths of one machine, hosts of registries."""

import re

from tests.meta.house import ROOT, files, name

# Put together from pieces, so that this file does not say them either.
MACHINE_PATHS = re.compile("(?<![\\w.])/" + "(home|root|Users|work|mnt)/[A-Za-z]")
HOSTS = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("npmjs", "org"),
            ("deb", "debian", "org"),
            ("hex", "pm"),
        )
    )
)
BINARY = {".png", ".gz", ".whl", ".ico"}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path in files()
        if path.suffix not in BINARY
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_no_file_names_the_host_of_a_registry() -> None:
    assert lines_with(HOSTS) == []


def test_the_patterns_find_what_they_look_for() -> None:
    assert MACHINE_PATHS.search("see /" + "home/somebody/x")
    assert not MACHINE_PATHS.search("make demo PYTHON=/path/to/python3.12")
    assert HOSTS.search("https://" + "pypi" + ".org/simple")


def test_the_license_is_complete() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
