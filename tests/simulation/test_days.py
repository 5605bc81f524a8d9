"""Drawn sites in virtual time: small ones every day, twenty chargers for a whole day when there is time.

CHARGEMON_SEEDS=20 plays that many faulty sites of twenty chargers for 24 hours each, one after the other; a failing one
prints its seed with everything that was drawn.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from msgspec import structs

from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.scenario import Fault, Traffic
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.sim.world import World
from tests.simulation.playing import EPOCH_S, judge, play
from tests.simulation.sites import site

_NIGHTLY_SEEDS = int(os.environ.get("CHARGEMON_SEEDS", "0"))
_FAULTY = (
    [(seed, 20, 24.0) for seed in range(1, _NIGHTLY_SEEDS + 1)]
    if _NIGHTLY_SEEDS
    # 305: our time moves on by an hour while three chargers that answer nothing charge on one phase
    else [*((seed, 8, 1.0) for seed in (1, 2, 3)), (305, 10, 2.0)]
)


def test_two_quiet_hours(tmp_path: Path) -> None:
    world = play(site(8, hours=2.0, seed=11), tmp_path)

    judge(world)
    assert world.trace.counts["TransactionStarted"] >= 8
    assert world.trace.counts["MeterRead"] > 7_100


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("seed", "chargers", "hours"), _FAULTY)
def test_with_faults(seed: int, chargers: int, hours: float, tmp_path: Path) -> None:
    judge(play(site(chargers, hours=hours, seed=seed, with_faults=True, odd=0.4), tmp_path))


@pytest.mark.skipif(not _NIGHTLY_SEEDS, reason="a whole day takes a minute; set CHARGEMON_SEEDS")
@pytest.mark.timeout(300)
def test_twenty_chargers_for_a_day(tmp_path: Path) -> None:
    judge(play(site(20, hours=24.0, seed=1), tmp_path))


def test_killed_again_and_again_it_loses_nothing(tmp_path: Path) -> None:
    kills = tuple(Fault(at_s=120.0 + 61.7 * number, what="daemon-killed", for_s=7.3) for number in range(25))
    plain = site(6, hours=0.5, seed=21)
    busy = structs.replace(plain, fault=kills, traffic=Traffic(gap_s=60.0, stays_s=300.0))

    world = play(busy, tmp_path)

    judge(world)
    assert world.daemon.runs == 25
    assert world.trace.counts["TransactionStarted"] > 20


def test_outages_of_a_meter_may_overlap(tmp_path: Path) -> None:
    outages = (
        Fault(at_s=60.0, what="meter-off", for_s=40.0),
        Fault(at_s=80.0, what="meter-off", for_s=60.0),
    )

    world = play(structs.replace(site(1, hours=0.06, seed=1), fault=outages), tmp_path)

    judge(world)
    assert world.trace.counts["MeterLost"] == 1
    # without power from 60 s to 140 s of 216 s, and found again within seconds
    assert 125 <= world.trace.counts["MeterRead"] <= 137


def test_a_dead_daemon_keeps_its_ports_from_others(tmp_path: Path) -> None:
    scenario = site(1, hours=0.1, seed=1)

    async def main() -> None:
        clock = LoopClock(EPOCH_S)
        world = World(scenario, tmp_path, clock, utc_s=clock.true_utc_s)
        await world.start()
        where = world.daemon.addresses
        assert where is not None
        await world.daemon.kill()
        for address in (where.chargers, where.page):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(address)

        again = await world.daemon.start()
        assert (again.chargers, again.page) == (where.chargers, where.page)
        await world.daemon.kill()
        await world.stop()
        with socket.socket() as other:
            other.bind(where.chargers)

    run_virtually(main())


def test_the_same_seed_gives_the_same_trace(tmp_path: Path) -> None:
    first = _trace(tmp_path / "first", seed=5)
    again = _trace(tmp_path / "again", seed=5)
    other = _trace(tmp_path / "other", seed=6)

    assert list(first.trace.tail) == list(again.trace.tail)
    assert first.trace.digest == again.trace.digest
    assert first.trace.digest != other.trace.digest


def _trace(folder: Path, seed: int) -> World:
    folder.mkdir()
    return play(site(4, hours=0.5, seed=seed, with_faults=True, odd=0.5), folder)
