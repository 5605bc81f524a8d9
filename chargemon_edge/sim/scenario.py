"""A scenario: a site, its cars and what goes wrong, read from TOML. Data only; the world plays it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec

from chargemon_edge.sim.building import Load
from chargemon_edge.sim.vehicle import Car
from chargemon_edge.site.units import ZERO, PerPhase

FaultKind = Literal[
    "link-cut",
    "charger-deaf",
    "answers-lost",
    "charger-reboot",
    "charger-off",
    "meter-off",
    "meter-silent",
    "meter-frozen",
    "meter-nan",
    "meter-exception",
    "daemon-killed",
    "load-step",
    "clock-step",
]


class ScenarioError(Exception):
    """The file cannot be used; the message says why."""


class Visit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One car comes, charges and leaves."""

    at_s: float
    connector: str
    """``IDENTITY/NUMBER``"""
    car: str
    want_wh: float
    stays_s: float
    id_tag: str = "CARD-1"


class Traffic(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Further visits, drawn by seed, on every connector for as long as the scenario runs."""

    gap_s: float = 3_600.0
    """From one car's leaving to the next one's coming, on the average."""
    stays_s: float = 10_800.0
    want_wh: tuple[float, float] = (5_000.0, 35_000.0)
    cars: tuple[str, ...] = ("saloon", "van", "hatchback", "hybrid", "two-phase")


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something goes wrong, for a while."""

    at_s: float
    what: FaultKind
    target: str = ""
    """A charge point's identity or a meter's name; empty for the only meter."""
    for_s: float = 0.0
    current_ma: PerPhase = ZERO
    """For a load step."""
    by_s: float = 0.0
    """For a step of the machine's clock, which a time service confirms after *for_s*."""


class Highlight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be seen when the scenario runs; a test asserts it."""

    says: str
    fact: str | None = None
    """A kind of fact…"""
    state: str | None = None
    """…or words in the balancer's state…"""
    reason: str | None = None
    """…or words in some connector's reason…"""
    commanded: str | None = None
    """…or a connector whose commanded current lies…"""
    at_least_ma: int = 0
    at_most_ma: int = 1_000_000
    """…in this range at some time (with *always*: all the time)"""
    always: bool = False
    from_s: float = 0.0
    to_s: float = 1e9
    times: int = 1
    """How often at least."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole."""

    title: str
    description: str
    start_h: float = 17.0
    """Hour of the day at which it begins."""
    hours: float = 1.0
    seed: int = 1
    speed: float = 1.0
    """Of the demo, times real time."""
    configuration: dict[str, Any]
    """The daemon's own tables; the world adds addresses, paths and passwords."""
    personality: dict[str, str] = {}
    """By charge point; the others are obedient."""
    building: dict[str, Load] = {}
    """By circuit."""
    visit: tuple[Visit, ...] = ()
    traffic: Traffic | None = None
    fault: tuple[Fault, ...] = ()
    expect: tuple[Highlight, ...] = ()

    @property
    def connectors(self) -> list[str]:
        """Every connector as ``IDENTITY/NUMBER``."""
        return [
            f"{charge_point['identity']}/{connector['number']}"
            for charge_point in self.configuration.get("charge_point", ())
            for connector in charge_point["connector"]
        ]


def load(name_or_path: str) -> Scenario:
    """The scenario of that name, or in that file; raises ScenarioError."""
    try:
        if name_or_path.endswith(".toml"):
            return msgspec.toml.decode(Path(name_or_path).read_bytes(), type=Scenario)
        found = files("chargemon_edge.sim").joinpath("scenarios", f"{name_or_path}.toml")
        return msgspec.toml.decode(found.read_bytes(), type=Scenario)
    except FileNotFoundError as error:
        raise ScenarioError(f"no scenario {name_or_path!r}; there are: {', '.join(names())}") from error
    except (OSError, msgspec.DecodeError) as error:
        raise ScenarioError(f"scenario {name_or_path!r}: {error}") from error


def names() -> list[str]:
    """Every scenario that comes with the program."""
    folder = files("chargemon_edge.sim").joinpath("scenarios")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def cars() -> Mapping[str, Car]:
    """Every kind of car."""
    return msgspec.toml.decode(files("chargemon_edge.sim").joinpath("cars.toml").read_bytes(), type=dict[str, Car])


def visits(scenario: Scenario, connector: str, seed: int) -> Iterator[Visit]:
    """The visits to one connector in order of time: those of the file, then drawn ones without end."""
    free_at_s = 0.0
    for visit in sorted((one for one in scenario.visit if one.connector == connector), key=lambda one: one.at_s):
        yield visit
        free_at_s = visit.at_s + visit.stays_s
    traffic = scenario.traffic
    if traffic is None:
        return
    chance = random.Random(f"visits {connector} {seed}")
    kinds = cars()
    while True:
        at_s = free_at_s + 30.0 + chance.expovariate(1.0 / traffic.gap_s)
        car = chance.choice(traffic.cars)
        want_wh = min(chance.uniform(*traffic.want_wh), kinds[car].battery_wh)
        stays_s = 120.0 + chance.expovariate(1.0 / traffic.stays_s)
        tag = f"CARD-{chance.randint(1, 40)}"
        yield Visit(at_s=at_s, connector=connector, car=car, want_wh=want_wh, stays_s=stays_s, id_tag=tag)
        free_at_s = at_s + stays_s


def toml_text(document: Mapping[str, Any]) -> str:
    """TOML for a document of tables, lists of tables and plain values."""
    return "\n".join(_lines(document, "")) + "\n"


def _lines(table: Mapping[str, Any], path: str) -> Iterator[str]:
    for key, value in table.items():
        if not _is_table(value):
            yield f"{key} = {_value(value)}"
    for key, value in table.items():
        name = f"{path}{key}"
        if isinstance(value, Mapping):
            yield f"[{name}]"
            yield from _lines(value, f"{name}.")
        elif _is_table(value):
            for entry in value:
                yield f"[[{name}]]"
                yield from _lines(entry, f"{name}.")


def _is_table(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], Mapping)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    # JSON's texts, numbers and truth values are TOML's too
    return json.dumps(value)
