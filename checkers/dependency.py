"""Which two events depend on each other: the one table that all reductions use.

An event names what it touches as a *footprint*: pairs of an object and a mode. Two events of
different actors depend on each other exactly if they touch one object in modes that clash. What
follows lists the objects, and who touches them how; the numbers are rows of the dependency table.

Object        Touched by                                                               Rows
`mb`, pid     arrivals append a content; a time-out asks for its patterns              1-4
`q`, pid      signals handled on arrival read, others write, and so does their         6, 7
              handling; what waits until all that has arrived is handled reads
`life`, pid   its death writes; link, register, and signals it would answer read       9, 12, 17
`trap`, pid   `trap_exit` writes; handling an exit signal, a linked death read         7, 8
`link`, `mon` whatever makes, breaks or reports that one link or monitor writes        9
`watch`       the target forgets one monitor; its end writes, if somebody judges that  9
`bonds`, pid  whatever gives it a link or watcher, if it ends with several: they are   9
              told in that order; `heirs` is the same for the tables it leaves
`alias`       whatever activates it, deactivates it or uses it writes                  9
`name`        register, unregister, the holder's death write; lookups, failures read   10, 13, 14
`named`, pid  whoever gives or takes the name of that process writes, spawn reads      13
`tab`         whole-table operations read or write; key operations peek, or bump       11, 16
`row`         one key of one table; equal puts commute, a failed insert_new reads      15
`tabname`     what a table is found by                                                 16
`way`         whoever sends a signal on that way between two processes (cluster)       5
`ways`        the arrivals on a way; who peeks whether a process lives reads          5
`kept`, pid   a monitor kept back arrives by itself; what its owner does next reads    9
`timer`       arming, firing, cancelling, reading that timer, its target's death       18, 19
`clock`       whatever a deadline can order, if the program has exact timers           19, 20
`lives`       births and deaths bump, `processes()` reads                              17
`state`, pid  `process_info` reads; everything at that process bumps                   9
`history`     of one property and key: calls begin, calls return (`monitor`)           -
`seen`        of one property: whatever changes what it looks at writes (`sight`)      -

What is not in the table (`log`, `choose`, references, sends to different processes) never clashes
(row 22). A killing signal is special: its handling depends on *every* event of its victim (row 6),
which the run that is recorded knows without a footprint.

Some orders can never be turned round: of one actor's events, of a spawn and the child's start, of a
message and the receive that takes it (unless that receive may time out), of a timer and its firing,
of the sending and the arrival of a signal. They are *causes*, kept apart from footprints.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simkernel.kernel.patterns import takes

Access = tuple[tuple[Any, ...], Any]
"""An object and the mode in which an event touches it."""

READ, WRITE, BUMP, PEEK = "read", "write", "bump", "peek"
CALLS, RETURNS = "calls", "returns"
TELLS, FLUSHES, ENDS = "tells", "flushes", "ends"
LANDS, STRIKES, KILLS = "lands", "strikes", "kills"

# Modes that are words. Peek is a read of one part, bump a write of one part: they clash with what
# reads or writes the whole. Of a history of calls only that is seen which had returned before which
# was made. A DOWN that tells and a demonitor that flushes it leave the same, whichever comes first.
# An exit signal that lands, and strikes the process, is behind the one that kills it or too late.
_CLASHING = frozenset(
    {
        (READ, WRITE), (WRITE, READ), (WRITE, WRITE),
        (BUMP, READ), (READ, BUMP), (BUMP, WRITE), (WRITE, BUMP),
        (PEEK, WRITE), (WRITE, PEEK),
        (CALLS, RETURNS), (RETURNS, CALLS),
        (TELLS, WRITE), (WRITE, TELLS), (FLUSHES, WRITE), (WRITE, FLUSHES),
        (ENDS, WRITE), (WRITE, ENDS),
        (LANDS, LANDS), (LANDS, READ), (READ, LANDS), (LANDS, WRITE), (WRITE, LANDS),
        (STRIKES, WRITE), (WRITE, STRIKES),
        (KILLS, KILLS), (KILLS, READ), (READ, KILLS), (KILLS, WRITE), (WRITE, KILLS),
    }
)  # fmt: skip

# Words that never clash with themselves.
COMMUTING = frozenset({READ, BUMP, PEEK, CALLS, RETURNS, ENDS, STRIKES})

# Objects on which an event can disable another, and a third enable it again: what has arrived must
# be handled before some operations, and deadlines pass in order. Races over them are looked for
# beyond the nearest pair.
GATES = frozenset({"q", "clock", "ways"})


def put(value: Any) -> tuple[str, Any]:
    """Give the mode of writing `value`: two equal ones commute."""
    return ("put", value)


def appends(content: Any) -> tuple[str, Any]:
    """Give the mode of appending a message to a mailbox."""
    return ("app", content)


def asks(patterns: Any) -> tuple[str, Any]:
    """Give the mode of finding nothing in a mailbox that `patterns` match."""
    return ("ask", patterns)


def told(mode: Any) -> Any:
    """Give what tells modes apart in a dict: patterns by their text, for not all can be hashed.

    >>> told(READ), told(asks((int,)))
    ('read', ('ask', "(<class 'int'>,)"))
    """
    if type(mode) is str or mode[0] == "put":
        return mode
    return mode[0], repr(mode[1])


def clash(a: Any, b: Any) -> bool:
    """Tell whether two modes of touching the same object do not commute.

    >>> clash(READ, READ), clash(READ, WRITE), clash(put(1), put(1)), clash(put(1), put(2))
    (False, True, False, True)
    >>> clash(appends("x"), asks(("x",))), clash(appends("x"), asks(("y",)))
    (True, False)
    """
    if type(a) is str:
        if type(b) is str:
            return (a, b) in _CLASHING
        return True  # a word against a put: somebody reads or replaces what is put
    if type(b) is str:
        return True
    kinds = a[0], b[0]
    if kinds == ("put", "put"):
        return bool(a[1] != b[1])
    if kinds == ("app", "app"):
        return True
    if kinds == ("app", "ask"):
        return takes(b[1], a[1])
    if kinds == ("ask", "app"):
        return takes(a[1], b[1])
    return kinds != ("ask", "ask")


def dependent(one: Iterable[Access], other: Iterable[Access]) -> bool:
    """Tell whether two events of different actors depend on each other.

    >>> dependent([(("name", "n"), READ)], [(("name", "n"), WRITE)])
    True
    >>> dependent([(("name", "n"), READ)], [(("name", "q"), WRITE)])
    False
    """
    touched: dict[Any, list[Any]] = {}
    for thing, mode in one:
        touched.setdefault(thing, []).append(mode)
    return any(clash(mode, mine) for thing, mode in other for mine in touched.get(thing, ()))
