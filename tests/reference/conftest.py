"""Markers of the reference tests."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vm: runs programs on the real VM (needs erl and erlc)")
