"""A snapshot keeps every slot of a process that can change."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from simkernel.kernel.machine import Machine
from simkernel.kernel.process import Process
from simkernel.kernel.snapshot import _keep, _put_back

# Who it is; where it stands among the active; what is remembered of it; a tuple that is shared.
STAYS = {"pid", "slot", "cache", "kin", "body"}
DICTS = {"aliases", "dictionary", "flags", "monitors", "timers", "watchers"}
OTHERS: dict[str, Any] = {
    "links": ("someone",), "arrived": deque(["a signal"]), "mailbox": deque(["a message"]),
    "notes": ["a note"],
}  # fmt: skip


async def _main() -> None:
    pass


def _kept(name: str) -> Any:
    if name in OTHERS:
        return OTHERS[name]
    return {name: 1} if name in DICTS else f"the value of {name}"


@pytest.mark.parametrize("name", sorted(set(Process.__slots__) - STAYS))
def test_a_slot_is_put_back(name: str) -> None:
    m = Machine(_main, snapshots=True)
    setattr(m.root, name, _kept(name))
    saved = _keep(m.root)
    setattr(m.root, name, None)
    _put_back(m, m.root, saved)
    assert getattr(m.root, name) == _kept(name)


@pytest.mark.parametrize("name", sorted(DICTS | {"arrived", "mailbox", "notes"}))
def test_what_changes_after_a_snapshot_is_not_in_it(name: str) -> None:
    m = Machine(_main, snapshots=True)
    held = _kept(name)
    setattr(m.root, name, type(held)(held))
    saved = _keep(m.root)
    getattr(m.root, name).clear()
    _put_back(m, m.root, saved)
    assert getattr(m.root, name) == held
