"""Many sites on one mosquitto, without their chargers: what a herd of connects costs, what steady work, what an outage.

Each simulated uplink keeps the rules of the real one (when it connects, what it says first, how fast it catches up) and
sends messages of the real sizes. Time is compressed: an hour of silence is *--fleet-hour* seconds here, and everything
that is spread over time is spread over as much less. What counts is the broker's CPU for each connect and message, and
how the peak changes with jitter; docs/fleet.md does the arithmetic for ten thousand sites. Without TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from bench.figures import Figure, show
from chargemon_edge.upstream.link_life import Ending, LinkLife
from tests.integration.upstream import mqtt_packets as mqtt
from tests.integration.upstream.broker import Broker

_PREFIX = "cm/v1"
# bytes of each kind, as the reference site has them, and how many a site sends in a day at the usual pace
_STATUS, _STATE, _CHARGE_POINT, _EVENT, _BATCH = (b"x" * size for size in (350, 280, 390, 330, 540))
_DAY_MESSAGES = 11_900
_EVENTS_AN_HOUR, _BATCHES_AN_HOUR = 10, 60
_DRAIN_SPREAD_S = 60.0
_HISTORY_SPREAD_S = 900.0
_EVENTS_PER_S, _BATCHES_PER_S = 50.0, 20.0


class _Tally:
    """What happened when, by tenths of seconds."""

    def __init__(self) -> None:
        self.connects: Counter[int] = Counter()
        self.messages: Counter[int] = Counter()
        self.failed = 0

    @staticmethod
    def tenth() -> int:
        return int(time.monotonic() * 10)

    @staticmethod
    def peak_per_s(counted: Counter[int]) -> float:
        """The most within any second."""
        return max((sum(counted[tenth + step] for step in range(10)) for tenth in counted), default=0)


class _Site:
    """One uplink."""

    def __init__(self, number: int, port: int, tally: _Tally, chance: random.Random) -> None:
        self._name = f"site-{number:05d}"
        self._port = port
        self._tally = tally
        self._chance = chance
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._buffer = bytearray()
        self._number = 0

    async def connect(self) -> None:
        """Raises OSError."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        will = (
            mqtt.properties({mqtt.WILL_DELAY: 20}) + mqtt.text(f"{_PREFIX}/{self._name}/status") + mqtt.binary(_STATUS)
        )
        told = mqtt.properties({mqtt.SESSION_EXPIRY: 7 * 24 * 3600, mqtt.RECEIVE_MAXIMUM: 20})
        # will retained at QoS 1
        head = mqtt.text("MQTT") + bytes((5, 0x2C)) + struct.pack("!H", 60)
        self._writer.write(mqtt.packet(mqtt.CONNECT, head + told + mqtt.text(f"cm-{self._name}") + will))
        await self._answer(mqtt.CONNACK)
        wish = mqtt.text(f"{_PREFIX}/{self._name}/in/#") + b"\x01"
        self._writer.write(mqtt.packet(mqtt.SUBSCRIBE, self._next_id() + mqtt.properties({}) + wish, 2))
        await self._answer(mqtt.SUBACK)
        self._tally.connects[self._tally.tenth()] += 1
        await self.say("status", _STATUS, retain=True)

    def _next_id(self) -> bytes:
        self._number = self._number % 65_535 + 1
        return struct.pack("!H", self._number)

    async def _answer(self, wanted: int) -> None:
        while True:
            for kind, *_ in mqtt.whole_packets(self._buffer):
                if kind == wanted:
                    return
            data = await self._reader.read(4096)
            if not data:
                raise ConnectionResetError("the broker has hung up")
            self._buffer += data

    async def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """At QoS 1; the broker has answered when this returns."""
        body = mqtt.text(f"{_PREFIX}/{self._name}/{topic}") + self._next_id() + mqtt.properties({}) + payload
        self._writer.write(mqtt.packet(mqtt.PUBLISH, body, 0x02 | int(retain)))
        await self._answer(mqtt.PUBACK)
        self._tally.messages[self._tally.tenth()] += 1

    def cut(self) -> None:
        """Without a goodbye."""
        self._writer.close()
        self._buffer.clear()

    async def come(self, *, jitter: bool) -> None:
        """Connect, and again until it works: by the rules, or all at once."""
        life, lost = LinkLife(), Ending(words="no broker")
        await asyncio.sleep(life.first_delay_s(self._chance.random()) if jitter else 0.0)
        while True:
            try:
                async with asyncio.timeout(10):
                    return await self.connect()
            except (OSError, TimeoutError):
                self._tally.failed += 1
                with contextlib.suppress(AttributeError):
                    self.cut()
            delay_s = life.delay_s(lost, 0.0, time.monotonic(), self._chance.random())
            await asyncio.sleep(delay_s if jitter else 1.0)

    async def work(self, for_s: float, hour_s: float) -> None:
        """A part of a day at the usual pace."""
        every_s = hour_s * 24 / _DAY_MESSAGES
        end_s = time.monotonic() + for_s
        await asyncio.sleep(self._chance.random() * every_s)
        while time.monotonic() < end_s:
            kind = self._chance.choices(("state", "cp/CP1", "ev", "tm"), (25, 60, 3, 12))[0]
            payload = {"state": _STATE, "cp/CP1": _CHARGE_POINT, "ev": _EVENT, "tm": _BATCH}[kind]
            await self.say(kind, payload, retain=kind in ("state", "cp/CP1"))
            await asyncio.sleep(every_s * self._chance.uniform(0.5, 1.5))

    async def drain(self, *, spread: bool, hour_s: float) -> None:
        """What an hour has kept back: events, then telemetry; each at its rate, begun at random."""
        faster = 3600 / hour_s
        for topic, payload, count, wait_s, per_s in (
            ("ev", _EVENT, _EVENTS_AN_HOUR, _DRAIN_SPREAD_S, _EVENTS_PER_S),
            ("tm/replay", _BATCH, _BATCHES_AN_HOUR, _HISTORY_SPREAD_S, _BATCHES_PER_S),
        ):
            await asyncio.sleep(self._chance.random() * wait_s / faster if spread else 0.0)
            for _ in range(count):
                await self.say(topic, payload)
                await asyncio.sleep(1 / per_s / faster)


class _Phase(NamedTuple):
    """What one part of the run showed."""

    took_s: float
    broker_s: float
    connects: int
    messages: int
    peak_connects: float
    peak_messages: float

    def cpu_us(self, count: int) -> float:
        return self.broker_s / max(1, count) * 1e6


async def _phase(broker: Broker, tally: _Tally, *work: Coroutine[Any, Any, None]) -> _Phase:
    """All of *work* at once."""
    tally.connects.clear()
    tally.messages.clear()
    process = psutil.Process(broker.pid)
    before, began_s = process.cpu_times(), time.monotonic()
    await asyncio.gather(*work)
    after = process.cpu_times()
    return _Phase(
        time.monotonic() - began_s,
        after.user + after.system - before.user - before.system,
        tally.connects.total(),
        tally.messages.total(),
        tally.peak_per_s(tally.connects),
        tally.peak_per_s(tally.messages),
    )


async def _measure(broker: Broker, count: int, hour_s: float) -> list[Figure]:
    tally, chance = _Tally(), random.Random(5)
    sites = [_Site(number, broker.port, tally, chance) for number in range(count)]
    herd = await _phase(broker, tally, *(one.come(jitter=False) for one in sites))
    for one in sites:
        one.cut()
    spread = await _phase(broker, tally, *(one.come(jitter=True) for one in sites))
    steady = await _phase(broker, tally, *(one.work(hour_s / 6, hour_s) for one in sites))
    stampede = await _phase(broker, tally, *(one.drain(spread=False, hour_s=hour_s) for one in sites))
    drained = await _phase(broker, tally, *(one.drain(spread=True, hour_s=hour_s) for one in sites))
    for one in sites:
        one.cut()
    return [
        Figure(f"{count} connects at once: all are in after", herd.took_s, "s"),
        Figure("… most in a second", herd.peak_connects, "/s"),
        Figure("… the broker's CPU for each, with SUBSCRIBE and status", herd.cpu_us(count), "µs"),
        Figure("the same with jitter: all are in after", spread.took_s, "s"),
        Figure("… most in a second", spread.peak_connects, "/s"),
        Figure("steady work, compressed: messages in a second", steady.messages / steady.took_s, "/s"),
        Figure(
            "… that is, of so many sites in real time", steady.messages / steady.took_s / (_DAY_MESSAGES / 86_400), ""
        ),
        Figure("… the broker's CPU for each message", steady.cpu_us(steady.messages), "µs"),
        Figure("an hour's outage, caught up at once: most in a second", stampede.peak_messages, "/s"),
        Figure("the same by the rules: most in a second", drained.peak_messages, "/s"),
        Figure("… times less at the peak", stampede.peak_messages / drained.peak_messages, ""),
        Figure("… messages that were caught up on", drained.messages, "", at_least=70 * count),
    ]


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleet-sites", type=int, default=200)
    parser.add_argument("--fleet-hour", type=float, default=30.0, help="seconds that an hour has here")
    arguments, _ = parser.parse_known_args()
    count, hour_s = arguments.fleet_sites, arguments.fleet_hour
    print(f"fleet: {count} sites on one mosquitto, an hour in {hour_s:g} s")
    with tempfile.TemporaryDirectory() as name:
        broker = Broker(Path(name) / "broker")
        broker.start()
        try:
            figures = asyncio.run(_measure(broker, count, hour_s))
        finally:
            broker.close()
    show(figures)
    return figures


if __name__ == "__main__":
    main()
