"""Ten thousand damaged traces and blobs: an error with a place, or a replay, never a crash."""

import json
import random
from pathlib import Path

from simkernel.errors import SimkernelError
from simkernel.settings import Settings
from simkernel.spec import of
from simkernel.trace import blob as blobs
from simkernel.trace.reader import read
from simkernel.trace.replay import Replay
from simkernel.trace.writer import Recorder
from tests.trace import systems
from tests.trace.test_trace import record

TRACES = 5_000
BLOBS = 5_000


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Change, drop, double or swap a few bytes or lines."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        at = rng.randrange(len(data) or 1)
        match rng.randrange(6):
            case 0 if data:
                data[at] = rng.randrange(256)
            case 1:
                del data[at : at + rng.choice([1, 2, 10, 200])]
            case 2:
                data[at:at] = bytes(rng.choices(b'{}[]",:0123456789abc\\\n', k=rng.randrange(1, 8)))
            case 3:
                data = data[:at]
            case 4:
                lines = data.split(b"\n")
                rng.shuffle(lines) if rng.random() < 0.1 else lines.insert(
                    at % len(lines), lines[0]
                )
                data = bytearray(b"\n".join(lines))
            case _:
                lines = data.split(b"\n")
                index = at % len(lines)
                lines[index] = twisted(lines[index], rng)
                data = bytearray(b"\n".join(lines))
    return bytes(data)


def twisted(line: bytes, rng: random.Random) -> bytes:
    """Give one value of a JSON line another type."""
    try:
        event = json.loads(line)
        key = rng.choice(list(event))
    except (ValueError, IndexError, TypeError):
        return line
    event[key] = rng.choice([None, -1, "<root.99>", [], {}, True, "x" * 50, 10**30])
    return json.dumps(event).encode()


def replayed(path: Path) -> str:
    """Read and replay; say how it went."""
    try:
        trace = read(path)
        recorder = Recorder(keep=True)
        Replay(
            of(systems.main).machine({}, trace.settings, tape=recorder), recorder, trace
        ).finish()
    except SimkernelError as error:
        return f"{type(error).__name__}{'' if error.where and error.hint else ' without remedy'}"
    return "same"


def test_a_damaged_trace_gives_an_error_with_place_and_remedy_and_stays_as_it_is(tmp_path):
    path = tmp_path / "t.jsonl"
    record(of(systems.main), Settings(picker="walk", seed=4), path)
    whole = path.read_bytes()
    rng = random.Random(20_26)
    ends: dict[str, int] = {}
    for _ in range(TRACES):
        content = damaged(whole, rng)
        path.write_bytes(content)
        end = replayed(path)
        ends[end] = ends.get(end, 0) + 1
        assert path.read_bytes() == content
    assert set(ends) <= {"TraceUnreadable", "ReplayDiverged", "UsageError", "same"}, ends
    assert ends["TraceUnreadable"] > 500
    assert ends["ReplayDiverged"] > 500


def parsed(text: str, whole: str) -> str:
    """Parse a blob; say how it went."""
    try:
        return "same" if blobs.parse(text) == blobs.parse(whole) else "different"
    except SimkernelError as error:
        return f"{type(error).__name__}{'' if error.where and error.hint else ' without remedy'}"


def test_a_damaged_blob_gives_an_error_with_place_and_remedy():
    settings = Settings(picker="recorded", time="any", picks=((3, "take <root.1>"),))
    whole = blobs.Blob("specs/x.py", {"clients": "2"}, settings, "abc", "def").to_text()
    rng = random.Random(11)
    refused = 0
    for _ in range(BLOBS):
        text = damaged(whole.encode(), rng).decode("latin-1")
        end = parsed(text, whole)
        assert end in ("TraceUnreadable", "same"), (end, text)
        refused += end != "same"
    # The rest were changed by white space only, which a blob may have anywhere.
    assert refused > BLOBS * 0.8
