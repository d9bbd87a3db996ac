"""How a run is made: one frozen value, which traces and blobs hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from simkernel.errors import UsageError

NETWORKS = ("node", "cluster")
TIMES = ("concrete", "bounded", "any")
PICKERS = ("bursts", "walk", "first", "recorded")
EFFECTS_MAX = 10_000_000


@dataclass(frozen=True)
class Settings:
    """Network, time model, picker and bounds of a run.

    `step_ms` and `latency_ms` are (low, high) intervals that a concrete clock draws from, with
    `seed`; with time "bounded" every duration between them is possible. `picker` "bursts" is the
    fast simulation, "walk" picks every transition at random, "first" is the default schedule;
    "recorded" follows `picks`, as (step, transition) pairs where a run leaves the default schedule;
    (step, "hold P until N") keeps a process back until another step.
    `faults` is how many crashes and lost, doubled or delayed messages there may be. `rare` adds
    what the real VM does only a few times in 100,000 (rules 3.24, 6.21).
    """

    network: str = "node"
    time: str = "concrete"
    seed: int = 0
    step_ms: tuple[float, float] = (0, 0)
    latency_ms: tuple[float, float] = (0, 0)
    picker: str = "bursts"
    picks: tuple[tuple[int, str], ...] = ()
    horizon_ms: int | None = None
    effects_max: int = EFFECTS_MAX
    faults: int = 0
    rare: bool = False

    def __post_init__(self) -> None:
        _one_of("network", self.network, NETWORKS)
        _one_of("time", self.time, TIMES)
        _one_of("picker", self.picker, PICKERS)
        for name in ("step_ms", "latency_ms"):
            _interval(name, getattr(self, name))
        if self.network == "node" and self.latency_ms != (0, 0):
            raise UsageError(
                "latency has no meaning on one node",
                where="latency_ms",
                hint="Use network 'cluster', or leave the latency out.",
            )
        if self.rare and self.picker == "bursts":
            raise UsageError(
                "a run in bursts takes nothing rare into account",
                where="rare",
                hint="Use picker 'walk' or 'first'.",
            )
        if self.time == "any" and (self.step_ms, self.latency_ms) != ((0, 0), (0, 0)):
            raise UsageError(
                "time 'any' takes no durations: steps and signals take any time",
                where="step_ms, latency_ms",
                hint="Use time 'concrete' with durations.",
            )

    def to_json(self) -> dict[str, Any]:
        """Give plain data, without what has its default."""
        default = Settings()
        return {key: value for key, value in asdict(self).items() if value != getattr(default, key)}

    @classmethod
    def from_json(cls, data: Any) -> Settings:
        """Read what `to_json` gave; a UsageError names what is wrong."""
        if not isinstance(data, dict):
            raise UsageError("settings are an object", where="settings", hint="Record it again.")
        known = {field.name for field in fields(cls)}
        for key in data:
            if key not in known:
                raise UsageError(
                    f"there is no setting {key!r}", where="settings", hint="Record it again."
                )
        values = dict(data)
        try:
            for key in ("step_ms", "latency_ms"):
                if key in values:
                    low, high = values[key]
                    values[key] = (low, high)
            if "picks" in values:
                values["picks"] = tuple((int(step), str(pick)) for step, pick in values["picks"])
            if not all(
                type(values.get(key, 0)) is int for key in ("seed", "effects_max", "faults")
            ):
                raise TypeError("seed, effects_max and faults are whole numbers")
            if type(values.get("rare", False)) is not bool:
                raise TypeError("rare is true or false")
            if type(values.get("horizon_ms")) not in (int, type(None)):
                raise TypeError("horizon_ms is a whole number")
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"settings cannot be read: {error}", where="settings", hint="Record it again."
            ) from error


def _one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"{value!r} is no {name}", where=name, hint=f"It is one of {', '.join(known)}."
        )


def _interval(name: str, value: Any) -> None:
    low, high = value
    if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 <= low <= high):
        raise UsageError(
            f"{value!r} is no duration", where=name, hint="Give ms from 0 on, as low and high."
        )
