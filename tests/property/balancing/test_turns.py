"""Whose turn it is, over hours: nobody starves, nobody is switched on and off needlessly. Through the regulator."""

from __future__ import annotations

import math
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.site.layout import ChargePoint, Circuit, Connector, MeterPlace, Site
from chargemon_edge.site.units import same_on_all
from tests.property.balancing.plant import Plant


class Change(NamedTuple):
    """A connector was switched on or off."""

    at_s: float
    charge_point: str
    on: bool


def crowd(count: int, fit: int, *, priorities: tuple[int, ...] = (), conductors: int = 3) -> Site:
    """*count* equal chargers behind a fuse that gives *fit* of them their minimum."""
    used = (True, conductors > 1, conductors > 2)
    return Site(
        circuits=(Circuit(name="main", fuse_ma=same_on_all(fit * 6_000 + 2_000)),),
        charge_points=tuple(
            ChargePoint(
                identity=f"cp{index}",
                connectors=(
                    Connector(
                        number=1,
                        circuit="main",
                        fallback_ma=0,
                        conductors=used,
                        priority=priorities[index] if priorities else 0,
                    ),
                ),
            )
            for index in range(count)
        ),
        meters=(MeterPlace(name="grid", circuit="main"),),
    )


def play(site: Site, seconds: int, policy: Policy | None = None, seed: int = 1) -> tuple[Plant, list[Change]]:
    plant = Plant(site, seed, policy)
    for charger in plant.chargers.values():
        charger.car_max_ma = 32_000
        plant.link(charger)
    changes: list[Change] = []
    told: dict[str, int] = {}
    seen = 0
    for _ in range(seconds):
        plant.step()
        for at_s, _, decision in plant.decided[seen:]:
            for order in decision.orders:
                name = order.key.charge_point
                if (order.limit_ma > 0) != (told.get(name, 0) > 0):
                    changes.append(Change(at_s - plant.started_s, name, order.limit_ma > 0))
                told[name] = order.limit_ma
        seen = len(plant.decided)
    return plant, changes


@pytest.mark.parametrize(("count", "fit"), [(2, 1), (3, 1), (5, 2), (4, 4)])
def test_everybody_gets_a_turn_within_as_many_slots_as_it_takes(count: int, fit: int) -> None:
    policy = Policy(rotation_s=120.0, min_on_s=60.0, min_off_s=30.0, served_window_s=3_600.0)
    slots = math.ceil(count / fit)
    # each change of turn waits for the one who leaves to be followed down
    slot_s = policy.rotation_s + 2 * policy.slow_period_s + policy.settle_s
    _, changes = play(crowd(count, fit), int(slots * slot_s) + 60, policy)

    assert {change.charge_point for change in changes if change.on} == {f"cp{index}" for index in range(count)}
    first = {change.charge_point: change.at_s for change in reversed(changes) if change.on}
    assert max(first.values()) <= slots * slot_s


def test_turns_are_shared_evenly_over_a_long_time() -> None:
    policy = Policy(rotation_s=120.0, min_on_s=60.0, min_off_s=30.0, served_window_s=3_600.0)
    _, changes = play(crowd(5, 2), 3_600, policy)
    on_s = dict.fromkeys((f"cp{index}" for index in range(5)), 0.0)
    for change in changes:
        on_s[change.charge_point] += -change.at_s if change.on else change.at_s
    for name, seconds in on_s.items():
        if seconds < 0:
            on_s[name] = seconds + 3_600

    assert max(on_s.values()) < 1.35 * min(on_s.values())


@pytest.mark.parametrize("count", [3])
def test_nobody_is_switched_faster_than_the_shortest_on_and_off_times(count: int) -> None:
    policy = Policy()
    _, changes = play(crowd(count, 2), 5_400, policy)
    last: dict[str, Change] = {}
    for change in changes:
        before = last.get(change.charge_point)
        if before is not None:
            shortest_s = policy.min_on_s if before.on else policy.min_off_s
            assert change.at_s - before.at_s >= shortest_s, change
        last[change.charge_point] = change

    assert {change.charge_point for change in changes if change.on} == {f"cp{index}" for index in range(count)}


def test_nobody_rotates_while_nobody_waits() -> None:
    _, changes = play(crowd(3, 3), 1_900)

    assert [change.on for change in changes] == [True, True, True]


def test_without_rotation_who_charges_stays_first() -> None:
    _, changes = play(crowd(3, 1), 1_900, Policy(rotation_s=0.0, ageing_s=0.0))

    assert [change.charge_point for change in changes if change.on] == ["cp0"]


def test_a_better_class_goes_first_and_a_worse_one_does_not_starve() -> None:
    policy = Policy(
        rotation_s=120.0, min_on_s=60.0, min_off_s=30.0, served_window_s=3_600.0, ageing_s=900.0, mode="strict"
    )
    _, changes = play(crowd(2, 1, priorities=(1, 0)), 3_600, policy)
    started = [change for change in changes if change.on]
    late = [change for change in started if change.charge_point == "cp0"]

    assert late[0].at_s >= 60
    assert late[-1].at_s >= policy.ageing_s
    # once it has its turn by waiting, it keeps it to the end of the slot
    ended = next(one for one in changes if not one.on and one.charge_point == "cp0" and one.at_s > late[-1].at_s)
    assert ended.at_s - late[-1].at_s >= policy.rotation_s


def test_current_already_served_counts_per_conductor() -> None:
    """A single-phase car gains nothing by drawing on one conductor only: turns are the same as for three."""
    policy = Policy(rotation_s=120.0, min_on_s=60.0, min_off_s=30.0, served_window_s=3_600.0)
    site = crowd(2, 1)
    single = replace(site.charge_points[0].connectors[0], conductors=(True, False, False))
    mixed = replace(site, charge_points=(replace(site.charge_points[0], connectors=(single,)), site.charge_points[1]))
    turns = []
    for one in (site, mixed):
        _, changes = play(one, 3_000, policy)
        turns.append([change.charge_point for change in changes if change.on])

    assert len(turns[0]) > 10
    # the two plants differ in when the last turns of the time fall
    assert all(three == one for three, one in zip(turns[0], turns[1], strict=False))
