"""What every test shares: when the real virtual machine is missing, and how Hypothesis draws."""

import os
import shutil

import pytest
from hypothesis import settings

from tests.browser.chromium import missing

# Two runs of the test suite try the same examples unless somebody asks for new ones: a red build
# can then be repeated by whoever looks at it. HYPOTHESIS_PROFILE=explore draws afresh.
settings.register_profile("repeat", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))

# `check` starts a second Python each time: tests/cli/test_witness.py alone is about that.
os.environ["SIMKERNEL_NO_WITNESS"] = "1"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("vm") and not (shutil.which("erl") and shutil.which("elixir")):
        pytest.skip("needs erl and elixir, the real virtual machine")
    if item.get_closest_marker("browser") and (why := missing()):
        pytest.skip(why)
