"""docs/reference/conformance.md: what is compared with the real VM, rule by rule; generated.

`python -m tests.conformance.page --write` writes it; a test fails when it is stale.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from tests.conformance import recording
from tests.conformance.lab import FAMILIES, Pair, pairs
from tests.meta import rule_table

PAGE = rule_table.TABLE.parent / "conformance.md"

RACES = "races: random concurrent programs"
OURS = "is about the simulation itself, which the VM does not have"
# Rules that no scenario shows, and why not. A rule stands in one place: a test looks.
REASONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        f"{RACES} show them, and the programs of tests/reference; a scenario has one outcome",
        (
            "1.8", "1.10", "1.15", "1.17", "2.13", "3.20", "3.21", "3.22", "4.22", "4.23", "4.24",
            "4.25", "5.9", "5.14", "6.17", "6.18", "6.19", "6.20", "11.22", "12.1", "12.2", "12.3",
            "12.4", "12.5", "12.6", "12.8", "12.9", "12.10", "12.11", "12.12", "12.13", "12.14",
            "12.15", "12.16", "12.17",
        ),
    ),
    (
        "leaves an order or a moment open, so that the VM shows one of several outcomes",
        ("1.11", "1.12", "9.4", "10.6", "14.3", "16.28", "18.19", "19.44", "19.36", "19.37", "18.22"),
    ),
    ("is about `cluster`: several machines, not one VM", ("1.9", "12.7", "12.20", "19.50")),
    (
        OURS,
        (
            "3.12", "9.13", "9.15", "9.16", "9.17", "9.18", "9.19", "9.20", "12.18", "12.19", "12.21",
            "12.22", "12.23", "12.24", "12.25", "12.26", "12.27", "12.28", "12.29", "12.30", "12.31",
            "12.32", "12.33", "12.34", "12.35", "12.36", "12.37", "13.1", "13.2", "13.7", "13.8",
            "13.9", "13.10", "13.11", "15.67", "17.55", "17.56", "17.59", "18.24",
        ),
    ),
    (
        "is a spelling or a choice of ours: OTP has nothing to compare it with",
        (
            "2.25", "3.23", "9.12", "13.4", "13.5", "17.47", "17.52", "17.54", "18.14", "18.15", "18.20",
            "19.33", "19.41", "19.46", "19.48", "19.51", "21.26", "22.1", "22.19",
        ),
    ),
    ("is a defect of OTP 25 (otp-semantics, section 12), not copied", ("17.45",)),
    ("is an error here that OTP leaves open, or passes over in silence", ("6.15",)),
    (
        "stops the node: on the VM that would stop the comparison",
        ("22.15", "22.16", "22.17"),
    ),
    ("has no scenario yet", ("22.13",)),
)  # fmt: skip

DEPARTURES = """## Where ours departs on purpose

- Python's spellings: `None` is `:infinity` as a time limit, `ArgumentError` is the error `badarg`, a Python
  exception stands for an Elixir one (`RuntimeError` for `RuntimeError`), a class for a module.
- `("timeout", ms, content)` is the *generic* timeout, as the guide has it; OTP's event timeout is `EventTimeout`
  or `("event_timeout", ms, content)` (rule 17.32). The comparison writes each side's own.
- Atoms and strings are both `str`: text orders as a binary (13.5), so that an `ordered_set` whose keys are atoms
  among tuples and lists is walked in another order; `is_binary` of a match specification is true of `bytes` alone.
- Where Elixir raises `FunctionClauseError` for an argument of the wrong shape, ours raises `ArgumentError`.
- A callback without a clause gives `function_clause` (15.23, 17.52): OTP raises it, a Python `match` returns None.
- An end is one event for links, tables and names; the VM was seen between them a few times in 60,000 runs made
  for it. A monitor has left before its process waits without a limit (6.20, docs/explanation/decisions.md).
- The number of tasks of a stream and of partitions is 8 where OTP takes the number of schedulers (19.41, 24.1).

## What cannot be compared

- *Unspecified orders.* The rows of a `set`, the children of a DynamicSupervisor, the entries of several partitions
  of a registry, the links and monitors of a dying process: sorted on both sides, or left to the concurrent
  programs. What different processes do within one step of a random program is listed process by process.
- *A list inserted into a `bag`* keeps no order that is documented; OTP 25 enters it from the last row to the
  first. Random programs insert single rows into bags.
- *Programs whose log depends on the schedule* here are left out of the random comparison (their number is in the
  table); the concurrent programs are there for them.
- *Defects of the baseline.* A pending zero timeout of gen_statem that is set again with a time (17.45): machines
  that show its raw message are left out, and counted.
- *Spawning inside concurrent programs*, and `after` with a time other than 0: every process exists from the start,
  because real lateness has no bound that a search could use.
- *What stops the node*: `permanent` and `transient` applications that end (22.15 to 22.17).
"""


def page() -> str:
    """Render the page."""
    return "\n".join([*_head(), "", *_runs(), "", DEPARTURES, *_rules()]) + "\n"


def _head() -> Iterator[str]:
    all_pairs = pairs()
    yield "# Compared with the real VM"
    yield ""
    yield "Generated by `python -m tests.conformance.page --write`; a test fails when it is stale."
    yield ""
    yield "The same programs run on OTP 25 with Elixir 1.14 and here, and what happens is compared. Run it again:"
    yield ""
    yield "    python -m tests.conformance [--family statem] [--cases N] [--seed N] [--json]"
    yield ""
    yield (
        f"**{len(all_pairs)} scenarios**, each written in Elixir and in Python, each run ten times on the VM before "
        "it was recorded (`tests/conformance/recorded`). Without Erlang the command says what to install and "
        "compares with the recording; so does the ordinary test run. A log is an ordered list of events, with "
        "numbered pids and references."
    )
    yield ""
    yield "| family | scenarios | recorded on |"
    yield "| --- | --- | --- |"
    for family in FAMILIES:
        header, _ = recording.read(family)
        on = f"OTP {header['otp']}, Elixir {header['elixir']}" if header else "not recorded"
        yield f"| {family} | {len(pairs(family))} | {on} |"
    yield ""
    yield "**Random programs** come from a seed, and run on both sides step by step; concurrent ones run at least"
    yield "200 times on the VM, and each outcome must be one that a depth-first search of ours reaches."


def _runs() -> Iterator[str]:
    yield "| what | cases | runs on the VM | differ | seed and remarks |"
    yield "| --- | --- | --- | --- | --- |"
    for what, kept in recording.kept_runs().items():
        cells = (
            what,
            f"{kept['cases']:,}",
            f"{kept['runs_on_the_vm']:,}",
            kept["differences"],
            kept["note"],
        )
        yield "| " + " | ".join(map(str, cells)) + " |"


def _rules() -> Iterator[str]:
    shown: dict[str, list[Pair]] = {}
    for scenario in pairs():
        for rule in scenario.rules:
            shown.setdefault(rule, []).append(scenario)
    known = rule_table.rules(rule_table.SEMANTICS.read_text())
    why = {rule: reason for reason, numbers in REASONS for rule in numbers}
    yield "## Rule by rule"
    yield ""
    yield f"{len(shown)} of {len(known)} rules are shown by scenarios; for each of the others it says why not."
    section = ""
    for rule in known:
        if rule.section != section:
            section = rule.section
            yield ""
            yield f"### {section}"
            yield ""
            yield "| rule | scenarios |"
            yield "| --- | --- |"
        found = shown.get(rule.number)
        yield f"| {rule.number} | {_listed(found) if found else 'none: ' + why.get(rule.number, '?')} |"
    yield ""
    yield "## The traps of otp-semantics, section 13"
    yield ""
    yield "| trap | scenarios |"
    yield "| --- | --- |"
    for trap in range(1, 24):
        yield f"| {trap} | {_listed([each for each in pairs() if trap in each.traps])} |"


def _listed(found: list[Pair]) -> str:
    functions: dict[str, int] = {}
    for scenario in found:
        name = f"`{scenario.family}.{scenario.name}`"
        functions[name] = functions.get(name, 0) + 1
    return ", ".join(name if n == 1 else f"{name} ({n})" for name, n in functions.items())


def unexplained() -> list[str]:
    """List the rules that neither a scenario shows nor a reason excuses, or both."""
    shown = {rule for scenario in pairs() for rule in scenario.rules}
    excused = [rule for _, numbers in REASONS for rule in numbers]
    known = [rule.number for rule in rule_table.rules(rule_table.SEMANTICS.read_text())]
    return [rule for rule in known if (rule in shown) + excused.count(rule) != 1] + [
        rule for rule in (*shown, *excused) if rule not in known
    ]


def main() -> None:
    """Write the page, or print what is unexplained."""
    options = argparse.ArgumentParser()
    options.add_argument("--write", action="store_true")
    if options.parse_args().write:
        PAGE.write_text(page())
    print(f"{len(pairs())} scenarios; rules without a scenario or reason: {unexplained()}")


if __name__ == "__main__":
    main()
