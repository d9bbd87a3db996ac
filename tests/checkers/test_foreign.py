"""Logs that were made elsewhere: what else each receive could have taken, and bad lines."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from checkers.foreign import Log, others
from checkers.timing import Timed
from simkernel.choice import Walk
from simkernel.cli.main import main as command
from simkernel.errors import TraceUnreadable
from simkernel.settings import Settings
from simkernel.spec import of
from simkernel.terms import show, thaw
from tests.checkers.one_change import enumerated, main_of, sights_of, talk


def lines_of(events: list[tuple[Any, ...]], accepts: dict[tuple[str, int], Any]) -> list[str]:
    """Write down what was said and taken in a run, as another system would."""
    found, received, names = [], dict[str, int](), ["<root>", "<root.1>", "<root.2>"]
    for event in events:
        if event[0] not in ("send", "take"):
            continue
        content = thaw(event[4] if event[0] == "send" else event[2])
        line = {"sender": names[content[2]], "number": content[3]}
        if event[0] == "send":
            line |= {"receiver": str(event[-1]), "message": content[1]}
        else:
            who = str(event[1])
            received[who] = received.get(who, 0) + 1
            line |= {"receiver": who, "received": received[who]}
            word = accepts[who, received[who]]
            line |= {} if word is None else {"accepts": [word]}
        found.append(json.dumps(line))
    return found


def compared(seed: int, network: str) -> int:
    """Compare what is said of the log of a random run with every interleaving."""
    bodies: Any = tuple(
        tuple(op if op[0] == "send" else ("take", op[1], False) for op in body)
        for body in talk(random.Random(seed), 9)
    )

    async def main(bodies: Any = bodies) -> None:
        await main_of(bodies)

    settings, tape, walk, path = Settings(time="any", network=network), Timed(), Walk(seed), []
    m = of(main).machine({}, settings, tape=tape)
    while options := m.enabled():
        path.append(walk.pick(options))
        m.apply(path[-1])
    m.close()
    known = frozenset(sights_of(main, network, path))
    every = enumerated(main, known, network)
    if every is None:
        return 0
    if not any(event[0] in ("send", "take") for event in tape.events):
        return 0  # a program that says nothing
    names = {"<root>": 0, "<root.1>": 1, "<root.2>": 2}
    accepts = {
        (name, number): op[1]
        for name, who in names.items()
        for number, op in enumerate([op for op in bodies[who] if op[0] == "take"], 1)
    }
    found = {
        (one.receive.process, one.receive.received,
         show(("said", one.takes.message, names[one.takes.key[0]], one.takes.key[2])))
        for one in others(Log("log", lines_of(tape.events, accepts)), network=network)
    }  # fmt: skip
    # What the run never took in a receive that waited on is no other message: it is a first one.
    assert found == {sight for sight in every if any(sight[:2] == old[:2] for old in known)}, seed
    return len(found)


def test_what_is_said_of_a_log_agrees_with_every_interleaving() -> None:
    found = [compared(seed, "node") for seed in (0, 3, 5, 13, 15, 17, 19)]
    assert found == [0, 0, 2, 1, 1, 1, 1]


@pytest.mark.long
@pytest.mark.parametrize("network", ["node", "cluster"])
def test_what_is_said_of_200_logs_agrees_with_every_interleaving(network: str) -> None:
    assert sum(compared(seed, network) for seed in range(200)) > 40


def log(*lines: Any) -> Log:
    return Log("log", [line if isinstance(line, str) else json.dumps(line) for line in lines])


def sent(sender: str, receiver: str, number: int, **more: Any) -> dict[str, Any]:
    return {"sender": sender, "receiver": receiver, "number": number, **more}


@pytest.mark.parametrize(
    ("lines", "line", "what", "hint"),
    [
        (["{"], 1, "it is no JSON", "one object"),
        (["[1]"], 1, "it is no object", "sender"),
        ([{"receiver": "b", "number": 1}], 1, "`sender` is missing", '"sender": "a"'),
        ([sent("a", "b", True)], 1, "`number` is True", '"number": 1'),
        ([sent("a", "b", 1), sent("a", "b", 1)], 2, "number 1 after 1", "order of sending"),
        ([sent("a", "b", 1, received="x")], 1, "`received` is 'x'", "1, 2"),
        ([sent("a", "b", 1, received=1)], 1, "never sent", "without `received`"),
        ([sent("a", "b", 1), sent("a", "b", 1, received=2)], 2, "should be 1", "from 1 on"),
        ([sent("a", "b", 1), sent("a", "b", 1, received=1), sent("a", "b", 1, received=2)],
         3, "received twice, first in line 2", "of its own"),
        ([sent("a", "b", 1, accepts=2)], 1, "`accepts` is 2", "list"),
        ([""], 1, "no line", "for each message"),
    ],
)  # fmt: skip
def test_a_bad_line_is_told_with_what_to_do(
    lines: list[Any], line: int, what: str, hint: str
) -> None:
    with pytest.raises(TraceUnreadable) as caught:
        log(*lines)
    assert what in caught.value.what
    assert f"log:{line}" in caught.value.where
    assert hint in caught.value.hint


def test_receives_against_the_order_of_sending_are_told() -> None:
    wrong = log(
        sent("a", "b", 1), sent("a", "b", 2), sent("a", "b", 2, received=1),
        sent("a", "b", 1, received=2),
    )  # fmt: skip
    with pytest.raises(TraceUnreadable, match="no order"):
        list(others(wrong, network="cluster"))


def test_the_order_that_is_given_is_one_of_those_lines() -> None:
    (one,) = others(
        log(
            sent("a", "c", 1, message="x"), sent("b", "c", 1, message="y"),
            sent("c", "d", 1), sent("a", "c", 1, received=1), sent("b", "c", 1, received=2),
        ),
        network="cluster",
    )  # fmt: skip
    assert (one.receive.line, one.takes.line, one.instead.line) == (4, 2, 1)
    assert [line.line for line in one.order] == [2, 3, 4]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        command(list(arguments))
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_command_reads_a_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    written = [sent("a", "c", 1), sent("b", "c", 1), sent("a", "c", 1, received=1)]
    path.write_text("\n".join(map(json.dumps, written)) + "\n", encoding="utf-8")
    code, out = run(capsys, "predict", str(path))
    assert code == 0
    assert "c, receive 1 (line 3), could have taken message 1 of b instead of message 1 of a" in out
    code, out = run(capsys, "predict", str(path), "--json")
    (one,) = json.loads(out)["predicted"]
    assert (code, one["takes"]["line"], one["order"]) == (0, 2, [2, 3])
    path.write_text('{"sender": "a", "receiver": "b"}\n', encoding="utf-8")
    code, out = run(capsys, "predict", str(path), "--json")
    assert (code, json.loads(out)["schema"]) == (2, "simkernel.error/1")
