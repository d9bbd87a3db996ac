"""The documentation quotes what the pages of five failing specs say first, as they say it now."""

import pytest

from tests.meta.first_look import PAGE, QUOTE, told

QUOTES = {found[2]: found[3] for found in QUOTE.finditer(PAGE.read_text("utf-8"))}


@pytest.mark.parametrize("spec", list(QUOTES))
def test_the_page_says_what_is_quoted(spec: str) -> None:
    assert told(spec) == QUOTES[spec], "python -m tests.meta.first_look --write"


def test_five_are_quoted() -> None:
    assert len(QUOTES) == 5
