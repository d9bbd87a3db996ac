"""What a transition of the machine touches, read off the machine just before it happens.

Asked for only by searches that reduce. `checkers.dependency` says what the objects mean.

Some operations see more than the reductions leave visible (the order of rows, the length of a
queue). The first run that meets one raises `Widen`, and the search starts again with
that distinction made; programs without such operations do not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

from checkers.dependency import (
    BUMP,
    ENDS,
    FLUSHES,
    KILLS,
    LANDS,
    PEEK,
    READ,
    STRIKES,
    TELLS,
    WRITE,
    Access,
    appends,
    asks,
    put,
)
from simkernel.kernel import codes
from simkernel.kernel.information import OF_THE_QUEUE, reads_queue
from simkernel.kernel.machine import Machine
from simkernel.kernel.process import EXITING, Process
from simkernel.terms import ErlangError, Pid, Ref, strict_key, thaw

CLOCK = ("clock",)
LIVES = ("lives",)

KEY_READS = frozenset({"lookup", "lookup_element", "member"})
KEY_WRITES = frozenset({"take", "update_counter", "update_element", "delete_object"})
WHOLE_READS = frozenset(
    {
        "tab2list", "info", "first", "last", "next_key", "prev", "select", "select_reverse",
        "match", "match_object", "select_count", "part", "part_after",
    }
)  # fmt: skip
IN_ORDER = WHOLE_READS - {"info", "select_count"}


class Widen(Exception):
    """A distinction has to be made that the search has not made so far."""

    def __init__(self, flag: Any):
        super().__init__(flag)
        self.flag = flag


class Footprints:
    """Gives footprints; `flags` are the distinctions that are made.

    With `keeps` a target tells those who have taken back a monitor of its end, too, in vain.
    """

    def __init__(
        self, m: Machine, flags: frozenset[Any], *, keeps: bool = False, by_message: bool = False
    ):
        self.keeps = keeps
        self.forgotten: dict[Ref, int] = {}  # monitors, by the event that told their target
        self.by_message = by_message
        self.m = m
        self.flags = flags
        self.clocked = "clock" in flags
        self.informed = "info" in flags

    def need(self, flag: Any) -> None:
        """Make a distinction, from the start of the search on."""
        if flag not in self.flags:
            raise Widen(flag)

    # --- Signals -------------------------------------------------------------------------------

    def at_once(self, p: Process, signal: tuple[Any, ...]) -> bool:
        """Tell whether nobody can see when `p` handles a signal, if it does so as early as it can.

        Then its handling is no event of its own. A time-out waits until all that has arrived is
        handled; what reads the queue makes the search distinguish (`flags`).
        """
        kind = signal[0]
        if kind == codes.S_MESSAGE:
            if signal[4] is not None and ("aliased", p.pid) in self.flags:
                return False
            return ("late", p.pid) not in self.flags
        if kind == codes.S_ANSWER:
            return not self.clocked
        if self.informed:
            return False
        if kind == codes.S_DEMONITOR:
            return ("unwatched", p.pid) not in self.flags
        word = early_of(p, signal)
        if word is None:
            return True
        if (word, p.pid) in self.flags:
            return False
        if kind == codes.S_EXIT:
            _, sender, reason, linked = signal
            there = p.links and sender in p.links if linked else reason != "kill"
            return bool(there and p.trap_exit)
        return kind != codes.S_ASK or signal[2] is None

    def sees(
        self, p: Process, early: set[tuple[str, Pid]],
        unsure: Callable[[Pid, Ref | None], set[str]] | None,
    ) -> None:  # fmt: skip
        """Make a distinction if what `p` does next could tell that signals were handled early.

        `unsure` tells what of a monitor, or else of links, may have been handled later though it
        cannot have come later. Without it that may be so of all: a run that is followed has it as
        it was.
        """
        assert p.effects is not None
        effect = p.effects[p.cursor]
        code, pid = effect[0], p.pid
        if code in _OF_MONITORS and unsure is not None:
            found = unsure(pid, effect[1]) if early else set()
            if "aliased" in found:
                self.need(("aliased", pid))
            if "downs" in found and _looks(p, effect):
                self.need(("downs", pid))
            return
        if code == codes.END and unsure is not None and "bonded" not in unsure(pid, None):
            return
        for word in _SEEN_BY.get(code, ()):
            if (word, pid) in early and (code in _OF_MONITORS or _looks(p, effect)):
                self.need((word, pid))

    def flushes(self, p: Process, effect: tuple[Any, ...]) -> bool:
        """Tell whether `p` takes back a monitor so that nobody can tell whether it had fired.

        On `cluster` one that had not is taken back by a signal.
        """
        code, pid = effect[0], p.pid
        if not self.keeps or self.m.cluster or not self.relaxed(pid):
            return False
        if ("downs", pid) in self.flags:
            return False
        if code == codes.DEMONITOR:
            return len(effect) > 2
        return bool(code == codes.DEMONITOR_NOW and effect[2] and not effect[3])

    def relaxed(self, pid: Pid) -> bool:
        """Tell whether the order in a mailbox is seen by receives alone, and known from them."""
        return self.by_message and ("box", pid) not in self.flags

    def lost(self, dest: Pid, signal: tuple[Any, ...]) -> bool:
        """Tell the same of a signal to a dead process, which nobody handles: a message touches what
        it touches while the receiver lives, for nothing orders it against the death."""
        return signal[0] != codes.S_MESSAGE or ("late", dest) not in self.flags

    def arrival(self, dest: Pid, signal: tuple[Any, ...], *, soft: bool) -> list[Access]:
        """Give what a signal touches when it arrives, and again if it is handled later.

        `soft` says that its handling is no event of its own.
        """
        kind = signal[0]
        p = self.m.processes.get(dest)
        strikes = kind == codes.S_EXIT and not signal[3] and (p is None or not soft)
        found: list[Access] = [(("q", dest), LANDS if strikes else READ if soft else WRITE)]
        if kind == codes.S_MESSAGE:
            found.append((("mb", dest), appends(signal[3])))
            if signal[4] is not None:
                found += [(("alias", signal[4]), WRITE), (("life", dest), READ)]
        elif kind != codes.S_ANSWER:
            found.append((("life", dest), STRIKES if strikes else READ))
        if kind == codes.S_EXIT:
            found.append((("trap", dest), READ))
            if signal[3]:
                found.append((_link(dest, signal[1]), WRITE))
            if soft and p is not None and p.trap_exit:
                found.append((("mb", dest), appends(("EXIT", signal[1], thaw(signal[2])))))
        elif kind in (codes.S_LINK, codes.S_UNLINK):
            found.append((_link(dest, signal[1]), WRITE))
            if kind == codes.S_LINK:
                self.bond(dest, found)
        elif kind in (codes.S_MONITOR, codes.S_DEMONITOR):
            if kind == codes.S_DEMONITOR:
                watch: list[Access] = [(("watch", signal[2]), WRITE)]
                return watch if self.keeps else [*found, *watch]
            found += [(("mon", signal[2]), WRITE), (("life", signal[1]), READ)]
            self.bond(dest, found)  # a dead watcher is none
        elif kind == codes.S_DOWN:
            _, _, ref, target, reason = signal
            found += [(("mon", ref), TELLS), (("alias", ref), ENDS)]
            if soft and (p is None or ref in (p.monitors or ())):
                content = ("DOWN", ref, "process", target, thaw(reason))
                found.append((("mb", dest), appends(content)))
        if self.informed:
            found.append((("state", dest), READ if kind == codes.S_ASK else BUMP))
        return found

    def bonds(self, p: Process, forgotten: Container[Ref]) -> None:
        """Make a distinction if one who ends has several links, or watchers, to tell in turn."""
        told = sum(1 for ref in p.watchers or () if ref not in forgotten)
        if "bonds" not in self.flags and (len(p.links or ()) > 1 or told > 1):
            self.need(("bonds", p.pid))

    def bond(self, pid: Pid, found: list[Access]) -> None:
        """Add that a process gets a link or a watcher: it tells them of its end in that order."""
        if "bonds" in self.flags or ("bonds", pid) in self.flags:
            found.append((("bonds", pid), WRITE))

    # --- Transitions ---------------------------------------------------------------------------

    def of(self, kind: str, who: Any) -> list[Access]:
        """Give what a transition touches, apart from the signals that arrive by it."""
        if kind == "arrive":
            return [(("ways", *who), WRITE)]
        if kind == "fire":
            return self._fire(self.m.timers[who])
        p = self.m.processes.get(who) or self.m.dying[who]
        found: list[Access] = []
        if kind == "do":
            if p.status == EXITING:
                return found
            assert p.effects is not None
            effect = p.effects[p.cursor]
            _OF_EFFECT[effect[0]](self, p, effect, found)
        elif kind == "peek":
            assert p.effects is not None
            _peek(self, p, p.effects[p.cursor], found)
        elif kind == "handle":
            assert p.arrived is not None
            self._handled(p, p.arrived[0], found)
        elif kind == "timeout":
            found.append((("q", who), READ))
            found.append((("mb", who), asks(p.want.patterns)))
            self._timed(p, found)
        elif kind == "take":
            self._timed(p, found)
        elif kind == "crash":
            self.death(p, found)
        elif kind in ("expire", "done", "earlier"):
            self.need("clock")
            found += [(CLOCK, WRITE), (("life", who), READ)]
        if self.informed:
            found.append((("state", who), BUMP))
        return found

    def _timed(self, p: Process, found: list[Access]) -> None:
        if self.clocked and p.want.after is not None:
            found.append((CLOCK, WRITE))

    def _fire(self, timer: Any) -> list[Access]:
        found: list[Access] = [(("timer", timer.ref), WRITE), (CLOCK, WRITE)]
        if type(timer.dest) is Pid:
            found.append((("life", timer.dest), READ))
        else:
            found.append((("name", timer.dest), READ))
        return found

    def _handled(self, p: Process, signal: tuple[Any, ...], found: list[Access]) -> None:
        if signal[0] != codes.S_EXIT:
            found += self.arrival(p.pid, signal, soft=False)
            return
        pid, kills = p.pid, self.kills(p, signal)
        found += [(("q", pid), KILLS if kills else WRITE), (("trap", pid), READ)]
        if signal[3]:
            found.append((_link(pid, signal[1]), WRITE))
        if kills:
            self.death(p, found, by=KILLS)
        else:
            found.append((("life", pid), READ))

    def kills(self, p: Process, signal: tuple[Any, ...]) -> bool:
        """Tell whether the handling of an exit signal would end `p`."""
        _, sender, reason, linked = signal
        if linked and not (p.links and sender in p.links):
            return False
        if reason == "kill" and not linked:
            return True
        return not p.trap_exit and (reason != "normal" or sender == p.pid)

    def death(
        self, p: Process, found: list[Access], *, normal: bool = False, by: str = WRITE
    ) -> None:
        """Add what the end of `p` touches: whatever it holds, and whoever hears of it.

        Whether somebody watched is a matter for judges, unless the end is `normal`.
        """
        m, pid = self.m, p.pid
        found += [(("life", pid), by), (LIVES, BUMP)]
        if self.clocked and (p.timer is not None or p.timers):
            found.append((CLOCK, WRITE))  # fewer deadlines hold others up
        if p.name is not None:
            found += [(("name", p.name), WRITE), (("named", pid), WRITE)]
        self.bonds(p, self.forgotten)
        heirs = 0
        for table in m.tables.by_ref.values():
            if table.owner == pid:
                heirs += table.heir is not None
                found += [(("tab", table.ref), WRITE), (("tabname", table.name), WRITE)]
                if table.heir is not None:
                    found.append((("life", table.heir[0]), READ))
        if heirs > 1:
            self.need("heirs")
        found += [(("timer", ref), WRITE) for ref in p.timers or ()]
        for ref, (target, _) in (p.monitors or {}).items():
            found.append((("mon", ref), WRITE))
            if target is not None:
                found.append((("life", target), READ))
        if not (normal and self.keeps):
            found += [(("watch", ref), WRITE) for ref in p.watchers or ()]
        for peer in p.links or ():
            found += [(_link(pid, peer), WRITE), (("trap", peer), READ), (("life", peer), READ)]


# What could tell that signals of a kind were handled early, unless it never happens: a process that
# ends before it has handled a link answers for the dead, and one that stops to trap may be killed.
_EARLY = {
    codes.S_EXIT: "exits", codes.S_DOWN: "downs", codes.S_LINK: "bonded", codes.S_UNLINK: "bonded",
    codes.S_MONITOR: "bonded", codes.S_ASK: "bonded", codes.S_MESSAGE: "aliased",
}  # fmt: skip
_SEEN_BY: dict[int, tuple[str, ...]] = {
    codes.FLAG: ("exits",), codes.UNLINK: ("exits", "bonded"), codes.LINK: ("exits", "bonded"),
    codes.DEMONITOR: ("downs", "aliased"), codes.DEMONITOR_NOW: ("downs", "aliased"),
    codes.UNALIAS: ("downs", "aliased"), codes.END: ("bonded",),
    codes.INFO: ("exits", "downs", "bonded"),
}  # fmt: skip

_OF_MONITORS = frozenset({codes.DEMONITOR, codes.DEMONITOR_NOW, codes.UNALIAS})


def _looks(p: Process, effect: tuple[Any, ...]) -> bool:
    """Tell whether an effect of those codes could tell that a signal was handled early.

    A length does not count what one has sent oneself behind a signal that waits (rule 12.11).
    """
    if effect[0] == codes.INFO:
        return bool(effect[1] == p.pid and reads_queue(effect[2]))
    if effect[0] == codes.DEMONITOR:
        return len(effect) == 2
    if effect[0] == codes.DEMONITOR_NOW:
        return bool(not effect[2] or effect[3])
    return bool(effect[0] != codes.FLAG or effect[1] == "trap_exit")


def early_of(p: Process, signal: tuple[Any, ...]) -> str | None:
    """Give the word for handling such a signal early, if anything could tell.

    Nothing can of a DOWN for which nobody waits any more, and never will by that reference; nor of
    a demonitor: who has sent it hears nothing of that monitor, whenever it is handled. (A run that
    is followed may have a process tell of its end whom it had not forgotten yet: `following`.)
    """
    if signal[0] == codes.S_DOWN and signal[2] not in (p.monitors or ()):
        return None
    if signal[0] == codes.S_MESSAGE and signal[4] is None:
        return None
    return _EARLY.get(signal[0])


def _link(one: Pid, other: Pid) -> tuple[Any, ...]:
    return ("link", one, other) if one.path < other.path else ("link", other, one)


# --- Effects: (footprints, process, effect, list to extend) --------------------------------------


def _nothing(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    pass


def _end(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    if p is not f.m.root or e[1] != "normal":
        f.death(p, found, normal=e[1] == "normal")


def _monitor(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    _, target, ref, alias = e
    found.append((("mon", ref), WRITE))
    if type(target) is str:
        found.append((("name", target), READ))
    if alias is not None:
        found.append((("alias", ref), WRITE))


def _demonitor(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    if f.flushes(p, e):
        found += [(("mon", e[1]), FLUSHES), (("alias", e[1]), ENDS), (("watch", e[1]), WRITE)]
    else:
        found += [(("mon", e[1]), WRITE), (("alias", e[1]), WRITE)]


def _unlink(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    found.append((_link(p.pid, e[1]), WRITE))


def _flag(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    if e[1] == "trap_exit":
        found.append((("trap", p.pid), WRITE))


def _spawn(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    _, pid, _, linked, ref = e
    found += [(LIVES, BUMP), (("named", p.pid), READ), (("life", pid), WRITE)]
    if linked:
        found.append((_link(p.pid, pid), WRITE))
        f.bond(p.pid, found)
    if ref is not None:
        found.append((("mon", ref), WRITE))


def _timer(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    f.need("clock")
    found += [(("timer", e[1]), WRITE), (CLOCK, WRITE)]
    if type(e[2]) is Pid:
        found.append((("life", e[2]), READ))


def _of_timer(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    f.need("clock")
    found += [(("timer", e[1]), WRITE), (CLOCK, WRITE)]
    timer = f.m.timers.get(e[1])
    if timer is not None and type(timer.dest) is Pid:
        found.append((("life", timer.dest), READ))


def _alias(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    found.append((("alias", e[1]), WRITE))


def _unalias(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    found.append((("alias", e[1]), WRITE))


def _by_name(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    found.append((("name", e[1][0] if type(e[1]) is tuple else e[1]), READ))


def _link_to(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    if e[1] != p.pid:
        found += [(("life", e[1]), READ), (_link(p.pid, e[1]), WRITE)]
        f.bond(p.pid, found)


def _register(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    _, pid, name = e
    target = f.m.processes.get(pid) if type(pid) is Pid else None
    works = target is not None and target.name is None and name not in f.m.names
    mode = WRITE if works else READ
    found += [(("name", name), mode), (("named", pid), mode), (("life", pid), READ)]


def _unregister(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    holder = f.m.names.get(e[1]) if type(e[1]) is str else None
    found.append((("name", e[1]), READ if holder is None else WRITE))
    if holder is not None:
        found += [(("named", holder), WRITE), (("life", holder), READ)]


def _peek(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    """Only messages may have arrived at either, or be under way (rule 1.17)."""
    found += [(("life", e[1]), READ), (("q", p.pid), READ), (("q", e[1]), READ)]
    found.append((("ways", p.pid, e[1]), READ))


def _ask(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    keys = e[2] if e[0] == codes.INFO else None
    if e[1] != p.pid:
        found.append((("life", e[1]), READ))
        if keys is not None:
            f.need("info")
        elif e[1] in f.m.processes:
            _peek(f, p, e, found)
        return
    if keys is None:
        return
    if reads_queue(keys):
        f.need(("box", p.pid))
        f.need(("late", p.pid))
        found += [(("q", p.pid), READ), (("mb", p.pid), asks(()))]
    if not all(key in OF_THE_QUEUE for key in ([keys] if isinstance(keys, str) else keys)):
        f.need("info")
        found.append((("state", p.pid), READ))


def _clock(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    f.need("clock")
    found.append((CLOCK, WRITE))


def _enter(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    if f.clocked:
        found.append((CLOCK, WRITE))


def _hibernate(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    f.need(("box", p.pid))


def _processes(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    found.append((LIVES, READ))


# --- Tables --------------------------------------------------------------------------------------


def _table(f: Footprints, p: Process, e: Any, found: list[Access]) -> None:
    _, operation, args = e
    if operation == "new":
        ref, name, options = args
        found.append((("tab", ref), WRITE))
        if "heirs" in f.flags:
            found.append((("heirs",), WRITE))
        if dict(options)["named"]:
            taken = name in f.m.tables.by_name
            found.append((("tabname", name), READ if taken else WRITE))
        return
    where = args[0]
    if type(where) is not Ref:
        found.append((("tabname", where), READ))
    try:
        table = f.m.tables.find(where)
    except ErlangError:
        found.append((("tab", where), PEEK))
        return
    _on_table(f, table, operation, args, found)


def _on_table(f: Footprints, table: Any, operation: str, args: Any, found: list[Access]) -> None:
    whole = ("tab", table.ref)
    if operation in KEY_READS:
        found += [(whole, PEEK), (_row(table, thaw(args[1])), READ)]
    elif operation in WHOLE_READS:
        if operation in IN_ORDER and table.kind != "ordered_set":
            f.need("order")
        found.append((whole, READ))
    elif operation in ("insert", "insert_new"):
        _insert(f, table, operation, args[1], found)
    elif operation == "delete_key":
        found += [(whole, _bump(f, table)), (_row(table, thaw(args[1])), put(None))]
    elif operation in KEY_WRITES:
        key = thaw(args[1])
        if operation == "delete_object" and (type(key) is not tuple or len(key) < table.keypos):
            found.append((whole, PEEK))
            return
        key = key[table.keypos - 1] if operation == "delete_object" else key
        found += [(whole, _bump(f, table)), (_row(table, key), WRITE)]
    else:
        found += [(whole, WRITE), (("tabname", table.name), WRITE)]
        if operation == "rename":
            found.append((("tabname", args[1]), WRITE))
        if operation == "give_away" and type(args[1]) is Pid:
            found.append((("life", args[1]), READ))


def _row(table: Any, key: Any) -> tuple[Any, ...]:
    return ("row", table.ref, table.key(key))


def _bump(f: Footprints, table: Any) -> str:
    """Rows that appear in an order that somebody reads do not commute."""
    return WRITE if "order" in f.flags and table.kind != "ordered_set" else BUMP


def _insert(f: Footprints, table: Any, operation: str, given: Any, found: list[Access]) -> None:
    rows = thaw(given)
    rows = rows if type(rows) is list else [rows]
    whole = ("tab", table.ref)
    if any(type(row) is not tuple or len(row) < table.keypos for row in rows):
        found.append((whole, PEEK))
        return
    keys = [table.key_of(row) for row in rows]
    if operation == "insert_new" and any(key in table.rows for key in keys):
        found.append((whole, PEEK))
        found += [(("row", table.ref, key), READ) for key in keys]
        return
    found.append((whole, _bump(f, table)))
    plain = operation == "insert" and not table.is_bag and len(set(keys)) == len(keys)
    for key, row in zip(keys, rows, strict=True):
        found.append((("row", table.ref, key), put(strict_key(row)) if plain else WRITE))


_OF_EFFECT: dict[int, Any] = {
    codes.SEND: _nothing, codes.EXIT: _nothing, codes.MONITOR: _monitor, codes.UNLINK: _unlink,
    codes.DEMONITOR: _demonitor, codes.FLAG: _flag, codes.SPAWN: _spawn, codes.TIMER: _timer,
    codes.ALIAS: _alias, codes.LOG: _nothing, codes.CAST_NAME: _by_name,
    codes.SEND_NAME: _by_name, codes.LINK: _link_to, codes.REGISTER: _register,
    codes.UNREGISTER: _unregister, codes.WHEREIS: _by_name, codes.ALIVE: _ask, codes.INFO: _ask,
    codes.DEMONITOR_NOW: _demonitor, codes.UNALIAS: _unalias, codes.CANCEL: _of_timer,
    codes.READ: _of_timer, codes.WORK: _clock, codes.TABLE: _table, codes.HIBERNATE: _hibernate,
    codes.PROCESSES: _processes, codes.ENTER: _enter, codes.END: _end,
}  # fmt: skip
