"""A month without the internet, told in its order and at the pace that is configured."""

from __future__ import annotations

import asyncio
import itertools
import os
import sqlite3
from bisect import bisect_right
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from chargemon_edge.sim.daemon import LoopClock
from tests.integration.upstream.broker_double import BrokerDouble, broker_double
from tests.integration.upstream.running import running, settings
from tests.integration.upstream.test_broker_double import EPOCH_S, fast
from tests.waiting import until

DAYS = 30
EVENTS_A_DAY = 100
DAY_MS = 24 * 3600 * 1000
PER_S = 50.0
TELEMETRY_PER_S = 20.0
# its telemetry takes long: at night
WITH_TELEMETRY = int(os.environ.get("CHARGEMON_UPLINK_KILLS", "0")) >= 20


def let_a_month_pass(folder: Path, begin_ms: int) -> None:
    """Write down what would have happened; the daemon stands still."""
    with closing(sqlite3.connect(folder / "site.db")) as site, site:
        body = '{"connector": 1, "status": "Charging"}'
        every_ms = DAY_MS // EVENTS_A_DAY
        rows = [(begin_ms + place * every_ms, "StatusReported", "YARD", body) for place in range(DAYS * EVENTS_A_DAY)]
        site.executemany("INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, ?, ?, ?)", rows)
    with closing(sqlite3.connect(folder / "samples.db")) as samples, samples:
        first = begin_ms // 60_000
        samples.executemany(
            "INSERT INTO meter_minute VALUES ('grid', ?, 60, 10000, 9000, 8000, 12000, 11000, 10000, 6210)",
            [(first + minute,) for minute in range(0, DAYS * 1440, 5)],
        )


def pace(broker: BrokerDouble, ending: str, within_s: float) -> float:
    """The most messages in a second, over any span of *within_s*."""
    at = [arrived for arrived, one in zip(broker.arrived_s, broker.messages, strict=True) if one.topic.endswith(ending)]
    counts = [bisect_right(at, begin + within_s) - place for place, begin in enumerate(at)]
    return max(counts) / within_s


@pytest.mark.promise("R13")
@partial(fast, speed=10.0)
async def test_a_month_is_told_in_its_order_at_the_configured_pace(tmp_path: Path) -> None:
    begin_s = EPOCH_S - DAYS * DAY_MS / 1000
    async with broker_double() as broker:
        upstream = settings(broker.port, drain_per_s=PER_S, keepalive_s=60, telemetry=WITH_TELEMETRY)
        async with running(tmp_path, upstream, clock=LoopClock(begin_s)) as site:
            await until(lambda: site.uplink.standings()[0].connected and len(broker.on("/ev")) == 1, 400)
        let_a_month_pass(tmp_path, round(begin_s * 1000))
        async with running(tmp_path, upstream, clock=LoopClock(EPOCH_S)) as site:
            await until(lambda: site.uplink.standings()[0].connected, 400)
            began_s = asyncio.get_running_loop().time()
            status = broker.on("/status")[-1].body
            await until(lambda: site.uplink.standings()[0].backlog == 0, 2000)
            took_s = asyncio.get_running_loop().time() - began_s
            if WITH_TELEMETRY:
                await until(lambda: broker.on("/tm/replay")[-1].body["s"] * 60 >= EPOCH_S - 1800, 4000)
            assert site.uplink.standings()[0].error is None

    count = DAYS * EVENTS_A_DAY
    assert status["outbox"]["ev"] == count + 1
    events = [message.body for message in broker.on("/ev")]
    (first, second) = sorted({event["ep"] for event in events})
    assert [(event["ep"], event["s"]) for event in events] == [*((first, s) for s in range(1, count + 2)), (second, 1)]
    assert all(event.get("hist") for event in events[1:])
    # a tenth of a second's worth may go at once
    assert pace(broker, "/ev", 10.0) <= PER_S * 1.05
    print(f"{count} events in {took_s:.0f} s, {count / took_s:.0f}/s")
    if WITH_TELEMETRY:
        hold_telemetry(broker)


def hold_telemetry(broker: BrokerDouble) -> None:
    """That of a month comes in quarters of an hour, and all of it."""
    batches = [message.body for message in broker.on("/tm/replay")]
    assert {batch["step"] for batch in batches[1:-1]} == {900}
    assert pace(broker, "/tm/replay", 10.0) <= TELEMETRY_PER_S * 1.15
    for before, after in itertools.pairwise(batches):
        assert after["prev"] <= before["s"] + before["step"] // 60 <= after["s"]
    assert DAYS * 96 - 4 <= len(batches) <= DAYS * 96 + 2
