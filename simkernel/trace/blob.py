"""A run as one line of text: spec, parameters, settings and hashes, to paste anywhere.

`sk1.` + base64 of compressed JSON + `.` + a check sum. What it does not hold is the spec itself:
the hash of the file tells when that has changed.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simkernel.errors import TraceUnreadable, UsageError
from simkernel.settings import Settings
from simkernel.terms import show

PREFIX = "sk1."
TEXT_MAX = 1_000_000
_AGAIN = "Copy the whole blob, from `sk1.` to the last character."


@dataclass(frozen=True)
class Blob:
    """What a blob says."""

    spec: str
    parameters: dict[str, str]
    settings: Settings
    source: str = ""  # hash of the spec file
    trace: str = ""  # hash of the run

    def to_text(self) -> str:
        """Give the blob as text."""
        data = [self.spec, self.parameters, self.settings.to_json(), self.source, self.trace]
        packed = zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 9)
        body = base64.urlsafe_b64encode(packed).decode().rstrip("=")
        return f"{PREFIX}{body}.{_sum(body)}"


def parameters_text(given: Mapping[str, Any]) -> dict[str, str]:
    """Give parameters as a trace or blob holds them."""
    return {name: show(value) for name, value in given.items()}


def is_blob(text: str) -> bool:
    """Tell whether `text` looks like a blob rather than a path."""
    return text.startswith("sk1.")


def parse(text: str) -> Blob:
    """Read a blob; anything wrong is TraceUnreadable."""
    text = "".join(text.split())
    body, dot, check = text[len(PREFIX) :].rpartition(".")
    if not text.startswith(PREFIX) or not dot or len(text) > TEXT_MAX:
        raise TraceUnreadable("it is no blob of this version", path="blob", hint=_AGAIN)
    if check != _sum(body):
        raise TraceUnreadable(
            "its check sum is wrong: it is cut short or changed", path="blob", hint=_AGAIN
        )
    try:
        packed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
        data = json.loads(_inflated(packed))
        spec, parameters, settings, source, trace = data
        _texts([spec, source, trace, *parameters, *parameters.values()])
        return Blob(spec, parameters, Settings.from_json(settings), source, trace)
    except UsageError as error:
        raise TraceUnreadable(str(error).splitlines()[0], path="blob", hint=_AGAIN) from error
    except (
        ValueError,
        TypeError,
        AttributeError,
        zlib.error,
        binascii.Error,
        RecursionError,
    ) as error:
        raise TraceUnreadable(
            f"it cannot be unpacked: {error}", path="blob", hint=_AGAIN
        ) from error


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(packed, 50 * TEXT_MAX)
    if unpacker.unconsumed_tail:
        raise ValueError("it is too large")
    return text


def _texts(values: list[Any]) -> None:
    if not all(isinstance(value, str) for value in values):
        raise ValueError("a text was expected")


def _sum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
