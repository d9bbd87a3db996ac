"""Every numbered rule has a test that names it, and the committed table of both is fresh."""

from pathlib import Path

import pytest

from tests.meta import rule_table


@pytest.fixture(scope="module")
def known() -> list[rule_table.Rule]:
    return rule_table.rules(rule_table.SEMANTICS.read_text("utf-8"))


@pytest.fixture(scope="module")
def tested() -> dict[str, list[str]]:
    return rule_table.shown_by(rule_table.files_with_tests())


def test_rules_are_numbered_in_order_without_gaps(known: list[rule_table.Rule]) -> None:
    numbers = [tuple(map(int, rule.number.split("."))) for rule in known]
    sections = sorted({section for section, _ in numbers})
    counts = {section: sum(1 for each, _ in numbers if each == section) for section in sections}
    assert sections == list(range(1, len(sections) + 1))
    assert numbers == [
        (section, rule) for section in sections for rule in range(1, counts[section] + 1)
    ]


def test_every_rule_gives_its_reason(known: list[rule_table.Rule]) -> None:
    assert [rule.number for rule in known if not rule.why] == []


def test_every_rule_has_a_test(known: list[rule_table.Rule], tested: dict[str, list[str]]) -> None:
    assert [rule.number for rule in known if rule.number not in tested] == []


def test_no_test_names_a_rule_that_is_not_there(
    known: list[rule_table.Rule], tested: dict[str, list[str]]
) -> None:
    numbers = {rule.number for rule in known}
    assert {number: tests for number, tests in tested.items() if number not in numbers} == {}


def test_every_trap_is_covered_by_rules_that_have_tests(
    known: list[rule_table.Rule], tested: dict[str, list[str]]
) -> None:
    page = rule_table.SEMANTICS.read_text("utf-8").partition("\n## Traps\n")[2]
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| ")][2:]
    assert [int(number) for number, _, _ in rows] == list(range(1, 24))
    numbers = {rule.number for rule in known}
    for _, trap, rules in rows:
        assert rules.split(), trap
        assert [rule for rule in rules.split() if rule not in numbers or not tested[rule]] == []


def test_the_committed_table_is_fresh(tested: dict[str, list[str]]) -> None:
    fresh = rule_table.table(rule_table.SEMANTICS.read_text("utf-8"), tested)
    assert rule_table.TABLE.read_text("utf-8") == fresh, (
        "stale: run python -m tests.meta.rule_table --write"
    )


def test_marks_are_found_on_modules_classes_functions_and_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_table, "name", lambda path: path.name)
    path = tmp_path / "test_planted.py"
    path.write_text(
        """
import pytest
pytestmark = [pytest.mark.slow, pytest.mark.rule("1.1")]
@pytest.mark.rule("1.2", "1.3")
def test_one(): ...
class TestGroup:
    pytestmark = pytest.mark.rule("2.1")
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.rule("2.2"))])
    async def test_two(self, x): ...
def not_a_test(): ...
""",
        encoding="utf-8",
    )
    one, two = "test_planted.py::test_one", "test_planted.py::TestGroup::test_two"
    assert rule_table.shown_by([path]) == {
        "1.1": [one, two],
        "1.2": [one],
        "1.3": [one],
        "2.1": [two],
        "2.2": [two],
    }


def test_a_number_that_is_not_written_out_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_table, "name", lambda path: path.name)
    path = tmp_path / "test_planted.py"
    path.write_text("@pytest.mark.rule(*RULES)\ndef test_one(): ...\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="written out"):
        rule_table.shown_by([path])
