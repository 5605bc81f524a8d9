"""The building's load: by seed, never above its worst case, and stepping as machines do."""

from __future__ import annotations

import itertools

from chargemon_edge.sim.building import Building, Load, Machine
from chargemon_edge.site.units import PerPhase

_LOAD = Load(
    solar_ma=15_000,
    machines=(
        Machine(name="heat pump", current_ma=PerPhase(8_000, 8_000, 8_000), on_s=900, off_s=1_800),
        Machine(name="kettle", current_ma=PerPhase(0, 9_000, 0), on_s=180, off_s=3_600, from_h=6, to_h=22),
        Machine(name="lift", current_ma=PerPhase(12_000, 12_000, 12_000), on_s=20, off_s=400),
    ),
    worst_ma=PerPhase(25_000, 25_000, 25_000),
)


def _day(seed: int) -> list[PerPhase]:
    building = Building(_LOAD, seed, 0.0)
    return [building.advance(float(second)) for second in range(0, 86_400, 7)]


def test_the_same_seed_gives_the_same_day() -> None:
    assert _day(1) == _day(1)
    assert _day(1) != _day(2)


def test_it_never_passes_its_worst_case_and_the_roof_exports_at_noon() -> None:
    day = _day(3)

    assert max(max(phases) for phases in day) <= 25_000
    assert min(min(phases) for phases in day) < 0


def test_the_lift_steps() -> None:
    day = _day(4)
    steps = [later.l3 - earlier.l3 for earlier, later in itertools.pairwise(day)]

    assert sum(step > 10_000 for step in steps) > 20


def test_a_machine_starts_only_in_its_hours() -> None:
    night = Load(swing_ma=PerPhase(0, 0, 0), machines=(_LOAD.machines[1],))
    building = Building(night, 5, 22.0)
    before_six = [building.advance(float(second)) for second in range(0, 8 * 3_600, 30)]

    assert max(phases.l2 for phases in before_six) < 6_000
    assert max(building.advance(float(second)).l2 for second in range(8 * 3_600, 86_400, 30)) > 12_000


def test_a_scenario_can_add_a_step_and_take_it_away() -> None:
    building = Building(Load(swing_ma=PerPhase(0, 0, 0)), 1, 12.0)
    calm = building.advance(1.0)
    building.add(PerPhase(20_000, 0, 0))
    high = building.advance(2.0)
    building.add(PerPhase(-20_000, 0, 0))

    assert high.l1 - calm.l1 > 19_000
    assert building.advance(3.0).l1 < 5_000
