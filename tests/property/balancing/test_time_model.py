"""The regulator in time: with chargers that answer late, refuse, stay silent, vanish and reboot, and a meter with gaps.

What must hold is counted from what the simulated chargers themselves allow, not from what the regulator believes.
A failure names its seed: ``run_day(seed, faults)`` plays it again.
"""

from __future__ import annotations

import os
import random

import pytest

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, MeterPlace, Site
from chargemon_edge.site.units import PerPhase, Rotation, same_on_all
from tests.property.balancing.plant import Faults, House, Plant

DAYS = max(6, int(os.environ.get("CHARGEMON_TREES", "300")) // 50)
SECONDS = 900

NO_FAULTS = Faults(unplug_per_s=1 / 400)
ALL_FAULTS = Faults(
    lost_answer=0.03,
    rejected=0.03,
    link_lost_per_s=1 / 600,
    reboot_per_s=1 / 1200,
    meter_gap_per_s=1 / 300,
    unplug_per_s=1 / 400,
)

BACKGROUND_MA = 40_000
FUSE_MA = 63_000


def small_site(rng: random.Random) -> Site:
    """Two to six chargers; the fallbacks that fit beside the worst background, the others pause."""
    charge_points = []
    left_ma = FUSE_MA - BACKGROUND_MA
    for index in range(rng.randrange(2, 7)):
        fallback_ma = 6_000 if left_ma >= 6_000 and rng.random() < 0.7 else 0
        left_ma -= fallback_ma
        connector = Connector(
            number=1,
            circuit="main",
            conductors=rng.choice(((True, True, True), (True, False, False), (True, True, False))),
            rotation=rng.choice((Rotation.L1L2L3, Rotation.L2L3L1, Rotation.L3L1L2)),
            step_ma=rng.choice((100, 1_000)),
            fallback_ma=fallback_ma,
        )
        charge_points.append(ChargePoint(identity=f"cp{index}", connectors=(connector,)))
    return Site(
        circuits=(Circuit(name="main", fuse_ma=same_on_all(FUSE_MA), background_ma=same_on_all(BACKGROUND_MA)),),
        charge_points=tuple(charge_points),
        meters=(MeterPlace(name="grid", circuit="main"),),
    )


def day(seed: int, faults: Faults) -> tuple[Plant, House]:
    rng = random.Random(seed)
    plant = Plant(small_site(rng), seed, Policy(), faults)
    assert plant.regulator.armed, plant.regulator.why
    for charger in plant.chargers.values():
        plant.link(charger)
    return plant, House(rng, (4_000, 9_000, 24_000), 3_000, rng.choice((40.0, 120.0, 400.0)))


def over_ma(plant: Plant) -> int:
    """By how much what the chargers allow and the rest of the site together are above the fuse.

    Only phases on which a charger within reach allows something: the others nobody can help before a lease ends.
    """
    reach = plant.in_force(linked_only=True)
    return max(
        allowed + load - FUSE_MA if helped else 0
        for allowed, load, helped in zip(plant.in_force(), plant.background_ma, reach, strict=True)
    )


def longest_over(seed: int, faults: Faults) -> float:
    """The longest time that it did not fit, counted from the last load that came on and the last increase sent.

    (How a car follows an increase is unknown until its charger reports again: it may have found its own maximum.)
    """
    plant, house = day(seed, faults)
    longest, running, raised_s, seen = 0.0, 0, plant.now_s, 0
    told: dict[tuple[object, int], int] = {}
    for _ in range(SECONDS):
        plant.set_background(house.step())
        plant.step()
        running = running + 1 if over_ma(plant) > 0 else 0
        for _, _, decision in plant.decided[seen:]:
            for order in decision.orders:
                if order.limit_ma > told.get((order.key, order.transaction_id), 0):
                    raised_s = plant.now_s
                told[order.key, order.transaction_id] = order.limit_ma
        seen = len(plant.decided)
        longest = max(longest, min(running, plant.now_s - max(plant.changed_s, raised_s)))
    check_limits(plant)
    if faults is NO_FAULTS:
        check_order(plant)
    return longest


def check_limits(plant: Plant) -> None:
    """No limit between 0 and the minimum, each on its charger's grid."""
    for _, _, decision in plant.decided:
        for order in decision.orders:
            connector = plant.site.connectors[order.key]
            assert order.limit_ma == 0 or connector.min_ma <= order.limit_ma <= connector.max_ma
            assert order.limit_ma % connector.step_ma == 0


def check_order(plant: Plant) -> None:
    """Decreases first, and the fast path only lowers."""
    told: dict[tuple[object, int], int] = {}
    for _, path, decision in plant.decided:
        raised = False
        for order in decision.orders:
            before_ma = told.get((order.key, order.transaction_id))
            told[order.key, order.transaction_id] = order.limit_ma
            if before_ma is None or order.limit_ma == before_ma:
                continue
            assert path == "tick" or order.limit_ma < before_ma
            assert order.limit_ma > before_ma or not raised, "an increase went out before a decrease"
            raised = raised or order.limit_ma > before_ma


@pytest.mark.parametrize("part", range(3))
def test_what_the_chargers_allow_fits_again_within_a_slow_period_or_two(part: int) -> None:
    policy = Policy()
    # two, because a car that has just found its own maximum is seen only with its charger's next report;
    # then the slowest charger's answer, and the steps in which this model counts
    allowed_s = 2 * policy.slow_period_s + 2.1 + 2
    for seed in range(part, DAYS, 3):
        assert longest_over(seed, NO_FAULTS) <= allowed_s, f"seed {seed}"


@pytest.mark.parametrize("part", range(3))
def test_with_faults_it_fits_again_once_the_faulty_are_counted(part: int) -> None:
    policy = Policy()
    # as above, after a meter is known to be lost or a charger known to be silent, and that once more
    allowed_s = 2 * (policy.slow_period_s + policy.meter_lost_s) + policy.answer_patience_s
    for seed in range(1_000 + part, 1_000 + DAYS, 3):
        assert longest_over(seed, ALL_FAULTS) <= allowed_s, f"seed {seed}"


def test_chargers_that_never_report_a_current_are_brought_down_by_the_meter_alone() -> None:
    for seed in range(5_000, 5_000 + DAYS):
        plant, house = day(seed, NO_FAULTS._replace(silent_values=0.6))
        over_s = 0
        for _ in range(SECONDS):
            plant.set_background(house.step())
            plant.step()
            allowed = plant.in_force()
            above = any(plant.measured()[phase] > FUSE_MA and allowed[phase] for phase in range(3))
            over_s = over_s + 1 if above and plant.now_s > plant.changed_s + 1 else 0
            # insisting three or four times, and the slowest answer and car
            assert over_s <= 32, f"seed {seed} at {plant.now_s}"


def test_measured_overload_puts_a_sufficient_decrease_on_its_way_with_that_sample() -> None:
    """At once; where cars may still be following an earlier change, as soon as they must have followed it."""
    for seed in range(2_000, 2_000 + DAYS):
        plant, house = day(seed, NO_FAULTS)
        changed_s = plant.now_s
        before = plant.in_force()
        for _ in range(SECONDS):
            plant.set_background(house.step())
            plant.step()
            if plant.in_force() != before:
                before, changed_s = plant.in_force(), plant.now_s
            following = plant.now_s - changed_s <= 6 or any(one.coming for one in plant.chargers.values())
            latest = latest_commands(plant)
            for phase in range(3):
                if following or plant.measured()[phase] <= FUSE_MA or not plant.in_force()[phase]:
                    continue
                # what will be drawn when everybody has followed
                assert latest[phase] + plant.background_ma[phase] <= FUSE_MA, f"seed {seed} at {plant.now_s}"


def latest_commands(plant: Plant) -> PerPhase:
    """What the newest orders add up to on the site's phases."""
    total = same_on_all(0)
    for key, charger in plant.chargers.items():
        if charger.transaction_id is None:
            continue
        orders = [one for one in charger.coming if one[2].transaction_id == charger.transaction_id]
        limit_ma = orders[-1][2].limit_ma if orders else charger.in_force_ma(plant.now_s)
        limit_ma = min(limit_ma, charger.in_force_ma(plant.now_s))
        used = plant.site.connectors[key].conductors
        at_terminals = [limit_ma * one for one in used]
        rotated = [0, 0, 0]
        for terminal, phase in enumerate(plant.site.connectors[key].rotation.value[1::2]):
            rotated[int(phase) - 1] = at_terminals[terminal]
        total = total.plus(PerPhase(*rotated))
    return total


def test_nothing_is_raised_within_the_window_of_a_higher_background() -> None:
    """Except to what was in force within that window: current may move from one charger to another."""
    window_s = int(Policy().raise_window_s)
    for seed in range(3_000, 3_000 + DAYS):
        plant, house = day(seed, NO_FAULTS._replace(unplug_per_s=0.0))
        history: list[tuple[PerPhase, PerPhase]] = []
        for _ in range(SECONDS):
            plant.set_background(house.step())
            before = len(plant.decided)
            may_hold = may_be_held(plant)
            history.append((plant.background_ma, may_hold))
            plant.step()
            now_ma = may_be_held(plant)
            if len(plant.decided) == before:
                continue
            for phase in range(3):
                highest_ma = max(background[phase] for background, _ in history[-window_s:])
                held_ma = max(held[phase] for _, held in history[-window_s - 2 :])
                assert now_ma[phase] <= max(FUSE_MA - highest_ma, held_ma), f"seed {seed} at {plant.now_s}"


def may_be_held(plant: Plant) -> PerPhase:
    """The most that the chargers hold now or will when every order under way has reached them."""
    total = same_on_all(0)
    for key, charger in plant.chargers.items():
        limits_ma = [charger.in_force_ma(plant.now_s)]
        limits_ma += [order.limit_ma for _, _, order, _ in charger.coming]
        used = plant.site.connectors[key].conductors
        rotated = [0, 0, 0]
        for terminal, phase in enumerate(plant.site.connectors[key].rotation.value[1::2]):
            rotated[int(phase) - 1] = max(limits_ma) * used[terminal]
        total = total.plus(PerPhase(*rotated))
    return total


def test_whenever_the_daemon_dies_every_charger_is_at_its_fallback_within_the_dead_man_time() -> None:
    for seed in range(4_000, 4_000 + DAYS):
        plant, house = day(seed, ALL_FAULTS)
        for _ in range(random.Random(seed).randrange(30, SECONDS)):
            plant.set_background(house.step())
            plant.step()
        # the last order may still be on its way when the daemon dies
        died_s = plant.now_s
        dead_man_s = max(charge_point.dead_man_s for charge_point in plant.site.charge_points)
        for charger in plant.chargers.values():
            for second in range(1, dead_man_s + 1):
                charger.step(died_s + second)
            at_ma = charger.in_force_ma(died_s + dead_man_s)
            expected_ma = 0 if charger.transaction_id is None else charger.connector.fallback_ma
            assert at_ma == expected_ma, f"seed {seed}: {charger.key}"
