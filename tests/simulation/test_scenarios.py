"""Every scenario that comes with the program: nothing that must not happen does, and what it promises is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargemon_edge.sim import scenario
from tests.simulation.playing import judge, play


@pytest.mark.parametrize("name", scenario.names())
def test_scenario(name: str, tmp_path: Path) -> None:
    judge(play(scenario.load(name), tmp_path))
