"""What `spec` takes, and what it says of what it does not take."""

from __future__ import annotations

from typing import Any

import pytest

from simkernel import spec
from simkernel.errors import UsageError
from simkernel.spec import of


async def main() -> None: ...


def test_a_spec_without_options_needs_no_parentheses() -> None:
    assert spec(main) is main
    assert of(spec(main)) == of(spec()(main))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expect": "crash"}, "'crash' is no tuple"),
        ({"victims": "server"}, "'server' is no tuple"),
        ({"faults": "crash"}, "'crash' is no tuple"),
        ({"faults": ("crash", "crush")}, "there is no fault 'crush'"),
        ({"horizon_ms": "5"}, "'5' is no time"),
    ],
)
def test_what_is_mistaken_is_told(given: dict[str, Any], said: str) -> None:
    """A name alone was taken for its letters, and an unknown fault for none."""
    with pytest.raises(UsageError, match=said) as told:
        of(spec(**given)(main))
    assert told.value.where == f"{next(iter(given))}="


def test_options_have_names() -> None:
    with pytest.raises(UsageError, match="takes its options by name, not 5"):
        spec(5)
