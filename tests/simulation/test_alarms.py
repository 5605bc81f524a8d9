"""The checks themselves can fail: a site that nobody controls is found out."""

from __future__ import annotations

from pathlib import Path

import msgspec

from chargemon_edge.sim import scenario
from tests.simulation.playing import play


def test_a_site_of_chargers_that_obey_nobody_trips_its_breaker(tmp_path: Path) -> None:
    evening = scenario.load("evening")
    stubborn = dict.fromkeys(
        (charge_point["identity"] for charge_point in evening.configuration["charge_point"]), "ignores-profiles"
    )

    world = play(msgspec.structs.replace(evening, hours=0.5, personality=stubborn, expect=()), tmp_path)

    rules = {violation.rule for violation in world.checks.violations}
    assert {"breaker tripped", "seconds above 1.13 × the fuse"} <= rules
    assert any("breaker tripped: main" in failure for failure in world.failures())
