"""Events out of the journal by a cursor: in order, held where the broker refuses them, cut where they are too large."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.control.records import EventRecord
from chargemon_edge.control.upstream_records import Bounds, Epochs
from chargemon_edge.upstream import event_stream
from chargemon_edge.upstream.event_stream import EventStream
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.link_life import Abilities
from chargemon_edge.upstream.mqtt import Outgoing
from tests.unit.control.fakes import FakeClock


class Log:
    """Events in memory, numbered from 101: the first epoch is 100."""

    def __init__(self, *kinds: str) -> None:
        self.epochs = Epochs({100: None})
        self.events = [
            EventRecord(number=101 + place, utc_ms=0, kind=kind, charge_point=None, body=msgspec.Raw(b'{"n":1}'))
            for place, kind in enumerate(kinds)
        ]

    async def pending(self, after: int, limit: int) -> list[EventRecord]:
        return [event for event in self.events if event.number > after][:limit]

    async def bounds(self) -> Bounds:
        return Bounds(self.events[0].number, self.events[-1].number)

    async def time_of(self, number: int) -> int | None:
        return 0

    def follow(self, written: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class Wire:
    """A broker that answers when it is told to."""

    def __init__(self, log: Log, **settings: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        abilities = {name: settings.pop(name) for name in ("packet_max",) if name in settings}
        clock = FakeClock()
        self.flow = Flow(Abilities(version=5, **abilities), self.publish, clock)
        self.moves: list[int] = []
        self.stream = EventStream(
            log,
            clock,
            "ev",
            settings.pop("kinds", ("*",)),
            heard=0,
            moved=lambda: self.moves.append(self.stream.heard - 100),
            drain_per_s=1e6,
            **settings,
        )

    def publish(self, message: Outgoing) -> int | None:
        self.sent.append(json.loads(message.payload))
        return len(self.sent)

    async def settle(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    @property
    def places(self) -> list[int]:
        return [event["s"] for event in self.sent]


async def test_the_cursor_moves_only_over_what_is_acknowledged_without_a_gap() -> None:
    wire = Wire(Log(*["MeterLost"] * 4))
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()
    assert wire.places == [1, 2, 3, 4]
    wire.flow.acknowledged(2, 0)
    wire.flow.acknowledged(3, 0)
    assert wire.moves == []
    wire.flow.acknowledged(1, 0x10)
    assert wire.moves == [3]
    assert wire.stream.done == 103
    running.cancel()

    # another connection goes on from the cursor
    again = Wire(Log(*["MeterLost"] * 4))
    again.stream.heard = wire.stream.heard
    running = asyncio.create_task(again.stream.run(again.flow, start_after_s=0))
    await again.settle()
    assert again.places == [4]
    running.cancel()


async def test_a_refused_event_holds_those_behind_it_and_is_sent_again(monkeypatch: Any) -> None:
    monkeypatch.setattr(event_stream, "HELD_FIRST_S", 0.0)
    wire = Wire(Log(*["MeterLost"] * 3))
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()
    wire.flow.acknowledged(1, 0)
    wire.flow.acknowledged(2, 0x97)
    wire.flow.acknowledged(3, 0)
    assert (wire.stream.held, wire.moves) == (0x97, [1])
    await wire.settle()
    assert (wire.stream.held, wire.places) == (None, [1, 2, 3, 2, 3])
    wire.flow.acknowledged(4, 0)
    wire.flow.acknowledged(5, 0)
    assert wire.moves == [1, 2, 3]
    running.cancel()


async def test_where_nobody_listens_it_is_held_only_if_that_is_wanted(monkeypatch: Any) -> None:
    monkeypatch.setattr(event_stream, "HELD_FIRST_S", 60.0)
    wire = Wire(Log("MeterLost"), hold_if_no_subscriber=True)
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()
    wire.flow.acknowledged(1, 0x10)

    assert (wire.stream.held, wire.moves) == (0x10, [])
    running.cancel()


async def test_what_the_filter_passes_over_is_said_by_the_next_also_after_a_restart() -> None:
    log = Log("DaemonStarted", "MeterLost", "MeterLost", "TransactionStarted", "MeterLost")
    wire = Wire(log, kinds=("tx.*",))
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()
    assert [(event["s"], event.get("skip")) for event in wire.sent] == [(1, None), (4, 2)]
    wire.flow.acknowledged(1, 0)
    wire.flow.acknowledged(2, 0)
    assert (wire.stream.heard, wire.stream.done, wire.stream.head) == (104, 105, 105)
    running.cancel()

    log.events.append(msgspec.structs.replace(log.events[3], number=106))
    again = Wire(log, kinds=("tx.*",))
    again.stream.heard = wire.stream.heard
    running = asyncio.create_task(again.stream.run(again.flow, start_after_s=0))
    await again.settle()
    assert [(event["s"], event.get("skip")) for event in again.sent] == [(6, 1)]
    running.cancel()


async def test_an_event_too_large_for_the_broker_goes_without_its_members() -> None:
    log = Log("MeterLost")
    log.events[0] = msgspec.structs.replace(log.events[0], body=msgspec.Raw(b'{"meter":"' + b"m" * 500 + b'"}'))
    wire = Wire(log, packet_max=300)
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()

    assert (wire.sent[0]["d"], wire.sent[0]["cut"], wire.sent[0]["s"]) == ({}, 512, 1)
    running.cancel()


async def test_what_is_not_on_disk_any_more_is_said_by_the_next(caplog: Any) -> None:
    log = Log("DaemonStarted", "MeterLost", "MeterLost", "MeterLost", "TransactionStarted")
    del log.events[1:3]
    wire = Wire(log)
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()

    assert [(event["s"], event.get("lost")) for event in wire.sent] == [(1, None), (4, 2), (5, None)]
    running.cancel()


async def test_a_new_upstream_has_lost_nothing_of_what_was_before_it() -> None:
    log = Log("DaemonStarted", "MeterLost", "MeterLost")
    del log.events[:2]
    wire = Wire(log)
    running = asyncio.create_task(wire.stream.run(wire.flow, start_after_s=0))
    await wire.settle()

    assert [(event["s"], event.get("lost")) for event in wire.sent] == [(3, None)]
    running.cancel()
