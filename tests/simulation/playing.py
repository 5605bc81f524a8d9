"""Plays a scenario in virtual time and gives back what was seen."""

from __future__ import annotations

import datetime
import gc
from pathlib import Path

from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.scenario import Scenario
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.sim.world import World, report

EPOCH_S = datetime.datetime(2026, 1, 5, 17, 0, tzinfo=datetime.UTC).timestamp()


def play(scenario: Scenario, folder: Path) -> World:
    """The whole scenario, started and stopped cleanly."""

    async def main() -> World:
        clock = LoopClock(EPOCH_S)
        world = World(scenario, folder, clock, utc_s=clock.true_utc_s)
        await world.start()
        # as the daemon itself does: what was built at the start lives for ever
        gc.freeze()
        await world.play(scenario.hours * 3_600.0)
        await world.stop()
        return world

    threshold = gc.get_threshold()
    gc.set_threshold(50_000, 20, 20)
    try:
        return run_virtually(main())
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)


def judge(world: World) -> None:
    """Fail with everything that is needed to play it again."""
    failures = world.failures()
    assert not failures, report(world, failures)
