"""Sites of any size for the simulation's tests, by seed."""

from __future__ import annotations

import random
from typing import Any

from chargemon_edge.sim import faults
from chargemon_edge.sim.building import Load, Machine
from chargemon_edge.sim.scenario import Scenario, Traffic
from chargemon_edge.site.units import PerPhase, same_on_all

_ROTATIONS = ("L1L2L3", "L2L3L1", "L3L1L2", "L1L3L2")
_PER_PANEL = 5
# what the days draw from: by name, so that a personality that joins the folder leaves every seed's day as it was. Left
# out are the stubborn, who need room in the fuses for full current, and those who need an entry of the catalogue
_DRAWN = (
    "bad-radio",
    "clock-behind",
    "clock-lost",
    "forgetful",
    "lowest-level-only",
    "mute",
    "obedient",
    "reboots",
    "slow",
    "whole-amperes",
)


def site(chargers: int, *, hours: float, seed: int, with_faults: bool = False, odd: float = 0.0) -> Scenario:
    """*chargers* with one connector each, in panels of five behind 63 A; *odd* is the share with a bad personality."""
    chance = random.Random(f"site {seed}")
    panels = -(-chargers // _PER_PANEL)
    # tight: half the cars of a busy hour fill it
    fuse_a = 35.0 + 16.0 * panels
    worst_a = 20.0 + 5.0 * panels
    circuits: list[dict[str, Any]] = [
        {"name": "main", "fuse_a": fuse_a, "margin_a": 2.0, "background_a": worst_a, "max_power_w": 100_000}
    ]
    circuits += [{"name": f"panel-{panel}", "parent": "main", "fuse_a": 63.0} for panel in range(panels)]
    identities = [f"CP{number:02d}" for number in range(chargers)]
    charge_points = [_charge_point(identity, number, chance) for number, identity in enumerate(identities)]
    return Scenario(
        title=f"{chargers} chargers",
        description="Drawn by seed.",
        start_h=chance.uniform(0, 24),
        hours=hours,
        seed=seed,
        configuration={
            "site": {"name": f"{chargers} chargers, seed {seed}"},
            "circuit": circuits,
            "charge_point": charge_points,
            "meter": [{"name": "grid", "circuit": "main", "model": "eastron-sdm630", "rating_ma": 400_000}],
            "authorisation": {"accept_unknown": True},
        },
        personality={identity: chance.choice(_DRAWN) for identity in identities if chance.random() < odd},
        building={"main": _load(same_on_all(round(worst_a * 1_000)))},
        traffic=Traffic(gap_s=2_400.0, stays_s=9_000.0, want_wh=(6_000.0, 50_000.0)),
        fault=faults.draw(seed, hours, identities) if with_faults else (),
    )


def _charge_point(identity: str, number: int, chance: random.Random) -> dict[str, Any]:
    wired = chance.choice((3, 3, 3, 1))
    return {
        "identity": identity,
        "connector": [
            {
                "number": 1,
                "circuit": f"panel-{number // _PER_PANEL}",
                "phases": wired,
                "rotation": chance.choice(_ROTATIONS),
                "max_a": chance.choice((16.0, 32.0)),
                # two of three pause when they hear nothing, so that the fallbacks fit
                "fallback_a": 0.0 if number % 3 else 6.0,
            }
        ],
    }


def _load(worst_ma: PerPhase) -> Load:
    tenth = worst_ma.l1 // 10
    share = same_on_all(tenth)
    return Load(
        base_ma=share,
        swing_ma=PerPhase(2 * tenth, 2 * tenth, tenth),
        machines=(
            Machine(name="lift", current_ma=same_on_all(8_000), on_s=25, off_s=240),
            Machine(name="kitchen", current_ma=PerPhase(12_000, 6_000, 0), on_s=500, off_s=900, from_h=6, to_h=22),
            Machine(name="heat pump", current_ma=same_on_all(9_000), on_s=900, off_s=1_500),
            Machine(name="boiler", current_ma=PerPhase(0, 0, 13_000), on_s=400, off_s=1_200),
        ),
        worst_ma=worst_ma,
    )
