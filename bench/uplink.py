"""A backlog of events to a real mosquitto: what does each cost, beside paho alone, and is the loop late meanwhile?

Both in turn, in this process, to the same broker, the same messages; the middle of several runs counts. The events come
from a store on disk and go by the uplink as the daemon runs it; paho alone gets them ready-made, in its own thread.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench.figures import Figure, show
from tests.integration.upstream.broker import Broker
from tests.integration.upstream.running import Running, running, settings

_BODY = (
    '{"connector":1,"transaction_id":4711,"id_tag":"04A1B2C3","id_tag_status":"Accepted","meter_start_wh":1000000,'
    '"started_utc_ms":1800000000000}'
)
_PAYLOAD = (
    b'{"v":1,"ep":1800000000000,"s":10000,"ts":"2027-01-15T08:00:00.000Z","k":"tx.start","cp":"YARD","d":'
    + _BODY.encode()
    + b',"hist":true}'
)
_TICK_S = 0.002
_PATIENCE_S = 120.0
_IDLE_S = 5.0


class _Drain(NamedTuple):
    cpu_us: float
    per_s: float
    late_ms: float
    busy_ms: float


def _fill(directory: Path, count: int) -> None:
    with closing(sqlite3.connect(directory / "site.db")) as site, site:
        site.executemany(
            "INSERT INTO event (utc_ms, kind, charge_point, body) VALUES (?, 'TransactionStarted', 'YARD', ?)",
            ((1_790_000_000_000 + number, _BODY) for number in range(count)),
        )


class _Ticks:
    """Looks how late the loop is, and how much of that it worked: on a busy machine others make it late, too."""

    def __init__(self) -> None:
        self.late_ms = 0.0
        self.busy_ms = 0.0

    async def run(self) -> None:
        while True:
            due_s, worked_s = time.perf_counter() + _TICK_S, time.thread_time()
            await asyncio.sleep(_TICK_S)
            self.late_ms = max(self.late_ms, (time.perf_counter() - due_s) * 1000)
            self.busy_ms = max(self.busy_ms, (time.thread_time() - worked_s) * 1000)


async def _idle_late_ms() -> float:
    """How late a loop is on this machine that has nothing to do."""
    ticks = _Ticks()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ticks.run(), _IDLE_S)
    return ticks.late_ms


async def _drained(site: Running, count: int) -> _Drain:
    ticks = _Ticks()
    standing = site.uplink.standings
    async with asyncio.timeout(_PATIENCE_S), asyncio.TaskGroup() as beside:
        while not standing()[0].connected or standing()[0].backlog < count:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
        looking = beside.create_task(ticks.run())
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        left = standing()[0].backlog
        while standing()[0].backlog > 0:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        looking.cancel()
    return _Drain(cpu_s / left * 1e6, left / took_s, ticks.late_ms, ticks.busy_ms)


async def _by_uplink(directory: Path, port: int, count: int) -> _Drain:
    """The store is filled while no upstream is there, so that all of it waits."""
    async with running(directory):
        pass
    _fill(directory, count)
    upstream = settings(port, drain_per_s=100_000.0, telemetry=False, state=False, drain_spread_s=0.2)
    async with running(directory, upstream, roll=1.0) as site:
        return await _drained(site, count)


def _by_paho(port: int, count: int) -> _Drain:
    client = paho.Client(CallbackAPIVersion.VERSION2, "bare", protocol=MQTTProtocolVersion.MQTTv5)
    client.max_inflight_messages_set(20)
    acknowledged, left = threading.Event(), count

    def published(*_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            acknowledged.set()

    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.on_publish = published
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(10)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    for _ in range(count):
        client.publish("cm/v1/hof-7/ev", _PAYLOAD, qos=1)
    assert acknowledged.wait(_PATIENCE_S)
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    client.disconnect()
    client.loop_stop()
    return _Drain(cpu_s / count * 1e6, count / took_s, 0.0, 0.0)


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uplink-events", type=int, default=20_000)
    parser.add_argument("--uplink-runs", type=int, default=3)
    arguments, _ = parser.parse_known_args()
    count, runs = arguments.uplink_events, arguments.uplink_runs
    print(f"uplink: {count} events of {len(_PAYLOAD)} bytes to mosquitto, {runs} runs")
    ours, bare, idle = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder / "broker")
        broker.start()
        try:
            for run in range(runs):
                (folder / str(run)).mkdir()
                idle.append(asyncio.run(_idle_late_ms()))
                bare.append(_by_paho(broker.port, count))
                ours.append(asyncio.run(_by_uplink(folder / str(run), broker.port, count)))
        finally:
            broker.close()
    ours_us, bare_us = (statistics.median(one.cpu_us for one in each) for each in (ours, bare))
    figures = [
        Figure("paho alone: CPU for each message", bare_us, "µs"),
        Figure("paho alone: messages in a second", statistics.median(one.per_s for one in bare), "/s"),
        Figure("the uplink: CPU for each event", ours_us, "µs"),
        Figure("the uplink: events in a second", statistics.median(one.per_s for one in ours), "/s"),
        Figure("CPU for each event, times paho alone", ours_us / bare_us, "", at_most=3),
        Figure("a loop with nothing to do was late at most", statistics.median(idle), "ms"),
        Figure("the uplink's worked without a look up at most", statistics.median(one.busy_ms for one in ours), "ms"),
        Figure("the uplink's was late at most", statistics.median(one.late_ms for one in ours), "ms", at_most=20),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
