"""Every scenario that comes with the program: nothing that must not happen does, and what it promises is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargemon_edge.sim import scenario
from tests.simulation.playing import judge, play


@pytest.mark.parametrize("name", scenario.names())
def test_scenario(name: str, tmp_path: Path) -> None:
    judge(play(scenario.load(name), tmp_path))


def test_no_phase_passes_its_fuse_in_the_evening(tmp_path: Path) -> None:
    """What a newcomer sees first: a margin as large as the largest machine keeps every second below the fuse."""
    world = play(scenario.load("evening"), tmp_path)

    seconds_above = {
        fuse.circuit.name: [breaker.above_rated_s for breaker in fuse.breakers] for fuse in world.wiring.fuses.values()
    }

    assert seconds_above == {"main": [0, 0, 0], "garage": [0, 0, 0]}
