"""Who is who in a run: a short name for each process, as its author calls what it runs.

A pid says where a process comes from, and nothing to a stranger. Here it is the class or the
function it runs, with a number where several run the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reports.listing import Event

_CLASS = r"<class ([^>]*)>"
_MODULE = re.compile(
    r"simkernel\.otp\.(?:gen_server\.Server|dynamic_supervisor\.Shepherd|"
    r"statem_engine\.StateMachine)\(<class ([^>]*)>"
    rf"(?:, \({_CLASS})?"
)
_FUNCTION = re.compile(r"&?([\w.]+?)(?:@\d+)?(?:\{[^}]*\})?\(")
_PID = re.compile(r"(?<!#ref)<root[.\d]*>")
_STACK = re.compile(r"stack\[([^\]]*)\]")
_RAISED = re.compile(
    r"""Raised\(name='(\w*)', message=(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\)"""
)
_CALL = re.compile(r"\bin \('call', ([^,()]+), (.*)\)$")
_OF_SPEC = re.compile(r"\bspec\.\w+\.(?=\w)")
_OF_LIBRARY = re.compile(r"<class simkernel\.(?:\w+\.)*(\w+)>")
_WITH_PLACE = re.compile(r"\(((?:[^()]|\([^()]*\))*), (at [\w.<>]+:\d+)\)")
# A task is the function that it was given: with its start, or in the first message that it takes.
_TASK = re.compile(r"simkernel\.otp\.task_process\.(?:replying|noreply)\(")
_GIVEN = re.compile(r"&(?:[\w<>]+\.)*(\w+|<lambda>)")
# What the library runs for its users: the class that they wrote is the first argument.
_OURS = {
    "simkernel.otp.supervision.Engine": "Supervisor",
    "simkernel.otp.dynamic_supervisor.Engine": "DynamicSupervisor",
    "simkernel.otp.agent.Holder": "Agent",
}


@dataclass(frozen=True)
class Role:
    """One process: its pid, its short name, what it is, and when it started."""

    pid: str
    label: str
    kind: str  # "supervisor", "server", "machine" or "process"


@dataclass
class Cast:
    """All processes of a run, in the order in which they appear."""

    roles: dict[str, Role] = field(default_factory=dict)

    def label(self, pid: str) -> str:
        """Give the short name of a process, or the pid of one that is not known."""
        role = self.roles.get(pid)
        return role.label if role is not None else pid

    def short(self, pid: str, most: int) -> str:
        """Give the name of a process in so many letters; the number that tells it apart stays.

        >>> Cast({"<root.1>": Role("<root.1>", "philosopher 2", "process")}).short("<root.1>", 8)
        'philo… 2'
        """
        label = self.label(pid)
        stem, space, number = label.rpartition(" ")
        if len(label) <= most or not (space and number.isdigit()):
            return label if len(label) <= most else label[: most - 1] + "…"
        return f"{stem[: most - len(number) - 2]}… {number}"

    def named(self, text: str) -> str:
        r"""Write short names for the pids of a text, and shorten reasons.

        >>> Cast({"<root.1>": Role("<root.1>", "Counter", "server")}).named("to <root.1>")
        'to Counter'
        >>> Cast().named("(Raised(name='ValueError', message='no'), stack[spec.bank.pay:7])")
        'ValueError: no, at pay:7'
        >>> Cast().named(r"Raised(name='AssertionError', message='1 == 2\n  - 2')")
        'AssertionError: 1 == 2 …'
        >>> Cast().named("('timeout', (<class simkernel.otp.gen_server.GenServer>, 'call', (1,)))")
        "('timeout', (GenServer, 'call', (1,)))"
        """
        if "<root" in text:
            text = _PID.sub(lambda found: self.label(found[0]), text)
        if "stack[" in text:
            text = _STACK.sub(_place, text)
        if "<class simkernel." in text:
            text = _OF_LIBRARY.sub(r"\1", text)
        if "spec." in text:
            text = _OF_SPEC.sub("", text)
        if "Raised(" in text:
            text = _RAISED.sub(_error, text)
        if "in ('call', " in text:
            text = _CALL.sub(r"for the answer of \1 to \2", text)
        return _WITH_PLACE.sub(r"\1, \2", text) if ", at " in text else text


def cast(events: Iterable[Event]) -> Cast:
    """Read off who is who: each spawn and start says what the process runs.

    >>> run = "spec.bank.client(<root>, 0)"
    >>> both = [{"e": "spawn", "p": "<root>", "child": f"<root.{n}>", "run": run} for n in (1, 2)]
    >>> [role.label for role in cast(both).roles.values()]
    ['main', 'client 1', 'client 2']
    >>> task = {**both[0], "run": "simkernel.otp.task_process.replying(<root>, False)"}
    >>> work = {"e": "take", "p": "<root.1>", "m": "(<root>, #ref<root/1>, (&spec.bank.pay, ()))"}
    >>> cast([task, work]).label("<root.1>")
    'pay'
    """
    runs: dict[str, str] = {}
    tasks: dict[str, str] = {}
    for event in events:
        if event.get("e") == "spawn":
            runs.setdefault(event["p"], "")
            runs.setdefault(event["child"], event["run"])
        elif event.get("e") == "start":
            runs[event["p"]] = runs.get(event["p"]) or event["run"]
        elif pid := event.get("p"):
            runs.setdefault(pid, "")
            if event.get("e") == "take" and _TASK.match(runs[pid]):
                tasks.setdefault(pid, event["m"])
    found = {pid: _base(pid, run, tasks.get(pid, "")) for pid, run in runs.items()}
    many = Counter(label for label, _ in found.values())
    numbers: Counter[str] = Counter()
    roles = {}
    for pid, (label, kind) in found.items():
        numbers[label] += 1
        number = f" {numbers[label]}" if many[label] > 1 else ""
        roles[pid] = Role(pid, f"{label}{number}", kind)
    return Cast(roles)


def _base(pid: str, run: str, given: str = "") -> tuple[str, str]:
    if pid == "<root>":
        return "main", "process"
    if found := _TASK.match(run):
        function = _GIVEN.search(run, found.end()) or _GIVEN.search(given)
        return ("task" if not function or function[1] == "<lambda>" else function[1]), "process"
    if found := _MODULE.match(run):
        cls, inner = found[1], found[2] or ""
        kind = "machine" if "statem_engine" in found[0] else "server"
        if cls in _OURS:
            kind = "supervisor" if cls.endswith(".Engine") else kind
            ours = not inner or inner.startswith("simkernel.")
            return _OURS[cls] if ours else inner.rpartition(".")[2], kind
        return cls.rpartition(".")[2], kind
    if found := _FUNCTION.match(run):
        return found[1].rpartition(".")[2], "process"
    return pid, "process"


def _place(found: re.Match[str]) -> str:
    text, _, frames = found[1].rpartition("; ")
    first = frames.partition(", ")[0]
    module, colon, line = first.rpartition(":")
    parts = module.split(".")
    short = ".".join(parts[2:] if parts[0] == "spec" and len(parts) > 2 else parts[-2:])
    where = f"at {short}{colon}{line}" if first else ""
    return f"{text}, {where}" if text and where else text or where or "nowhere"


def _error(found: re.Match[str]) -> str:
    message, more, _ = (found[2] if found[2] is not None else found[3]).partition("\\n")
    if more:
        message = f"{message.rstrip()} …"  # the text of a term has its line breaks written out
    return f"{found[1]}: {message}" if message else found[1]
