"""Specs are loaded as they are now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simkernel.loading import load


def test_a_spec_that_was_changed_within_a_second_is_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    path = tmp_path / "changed.py"
    for answer in (1, 2):
        path.write_text(f"async def main():\n    return {answer}\n", encoding="utf-8")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        spec = load(str(path))
        with pytest.raises(StopIteration) as returned:
            spec.main().send(None)
        assert returned.value.value == answer
    assert [*tmp_path.iterdir()] == [path]
