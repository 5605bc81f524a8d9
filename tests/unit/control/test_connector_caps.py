"""Limits of single connectors end when they should."""

from __future__ import annotations

import asyncio

from chargemon_edge.control import connector_caps
from chargemon_edge.control.connector_caps import ConnectorCaps
from chargemon_edge.control.present import Present
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.picture import SitePicture
from chargemon_edge.site.site_limit import ConnectorCap
from tests.unit.control.fakes import UTC_MS, FakeClock, FakeJournal, two_chargers


async def _turn() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_a_limit_ends_at_its_time_and_one_without_stays() -> None:
    clock, journal = FakeClock(), FakeJournal()
    present = Present(two_chargers(), SitePicture(started=Moment(1000.0, UTC_MS)))
    caps = ConnectorCaps(present, journal, clock)
    running = asyncio.create_task(caps.run())
    await _turn()
    await caps.put("CP1", 1, ConnectorCap(limit_ma=8_000, until_utc_ms=UTC_MS + 60_000, by="desk"), "desk")
    await caps.put("CP2", 1, ConnectorCap(limit_ma=6_000, by="desk"), "desk")
    clock.now_s += 59
    caps._changed.set()
    await _turn()
    first = present.connector("CP1", 1).cap
    assert first is not None
    clock.now_s += 1
    caps._changed.set()
    await _turn()

    assert present.connector("CP1", 1).cap is None
    second = present.connector("CP2", 1).cap
    assert second is not None
    assert second.limit_ma == 6_000
    assert [caps.knows("CP1", 1), caps.knows("CP1", 2), caps.knows("CP9", 1)] == [True, False, False]
    assert connector_caps.LOOK_S < 60
    running.cancel()
