"""What a report is about: a verdict, and the run that is shown for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from checkers.verdict import Turn
from reports.film import Film
from reports.listing import Event
from simkernel.settings import Settings


@dataclass(frozen=True)
class Other:
    """A counterexample of which a run shows another order of events: how it replays, what it turns
    on, and the context switches of both."""

    settings: Settings
    switches: int
    instead_of: int
    turn: Turn | None


@dataclass(frozen=True)
class Reel:
    """One run: its events, and its states where it could be replayed."""

    events: tuple[Event, ...]
    film: Film | None
    why_no_film: str
    settings: Settings
    source_path: str = ""
    source: str = ""  # the text of the spec
    other: Other | None = None  # if it shows the events of another run, which is the one to replay


@dataclass(frozen=True)
class Case:
    """A verdict with its run. A Held verdict is shown with any run, and may have none."""

    spec: str
    word: str  # "Held", "Violated", "Inconclusive", or "Run" for a single one
    sentence: str
    findings: tuple[tuple[str, str, str], ...] = ()  # kind, process, text
    notes: tuple[str, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    replay: str = ""
    reel: Reel | None = None
    passing: Reel | None = None  # a run near it in which nothing is wrong
    searched: Mapping[str, Any] = field(default_factory=dict)
