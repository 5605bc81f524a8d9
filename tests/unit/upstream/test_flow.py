"""What is under way: within the broker's window, everyone in turn, nothing unanswered for ever."""

from __future__ import annotations

import asyncio

from chargemon_edge.upstream.flow import LOST, TOO_LARGE, Flow
from chargemon_edge.upstream.link_life import Abilities
from chargemon_edge.upstream.mqtt import Outgoing
from tests.unit.control.fakes import FakeClock

MESSAGE = Outgoing(topic="cm/v1/hof/ev", payload=b"{}")


class Wire:
    """Takes what is published, and numbers it."""

    def __init__(self, *, receive_max: int = 65_535, packet_max: int | None = None, retain: bool = True) -> None:
        self.clock = FakeClock()
        self.sent: list[Outgoing] = []
        abilities = Abilities(version=5, receive_max=receive_max, packet_max=packet_max, retain=retain)
        self.flow = Flow(abilities, self.publish, self.clock)

    def publish(self, message: Outgoing) -> int | None:
        self.sent.append(message)
        return len(self.sent)


async def test_no_more_is_under_way_than_the_broker_takes() -> None:
    wire = Wire(receive_max=2)
    waiting = [asyncio.create_task(wire.flow.deliver(MESSAGE)) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(wire.sent) == 2
    for mid in (1, 2, 3, 4, 5):
        wire.flow.acknowledged(mid, 0)
        await asyncio.sleep(0)
        assert len(wire.sent) <= mid + 2
        await asyncio.sleep(0)

    assert await asyncio.gather(*waiting) == [0] * 5
    assert len(wire.sent) == 5


async def test_who_sends_many_leaves_room_and_lets_others_go_first() -> None:
    wire = Wire(receive_max=10)
    answers: list[int] = []
    while wire.flow.has_room():
        wire.flow.offer(MESSAGE, answers.append)
    assert len(wire.sent) == 8
    others = [asyncio.create_task(wire.flow.deliver(MESSAGE)) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(wire.sent) == 10
    wire.flow.acknowledged(1, 0)
    # the place is promised to who waits
    assert not wire.flow.has_room()
    await asyncio.sleep(0)
    assert len(wire.sent) == 11
    wire.flow.close()
    assert await asyncio.gather(*others) == [LOST] * 3
    assert answers == [0, *[LOST] * 7]


async def test_a_window_of_one_starves_nobody() -> None:
    wire = Wire(receive_max=1)
    assert wire.flow.has_room()
    wire.flow.offer(MESSAGE, lambda _code: None)
    other = asyncio.create_task(wire.flow.deliver(MESSAGE))
    await asyncio.sleep(0)
    wire.flow.acknowledged(1, 0)
    assert not wire.flow.has_room()
    await asyncio.sleep(0)
    wire.flow.acknowledged(2, 0)
    assert await other == 0
    assert wire.flow.has_room()


async def test_who_gives_up_waiting_does_not_take_a_place_along() -> None:
    wire = Wire(receive_max=1)
    wire.flow.offer(MESSAGE, lambda _code: None)
    first, second = (asyncio.create_task(wire.flow.deliver(MESSAGE)) for _ in range(2))
    await asyncio.sleep(0)
    wire.flow.acknowledged(1, 0)
    first.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(wire.sent) == 2
    wire.flow.acknowledged(2, 0)
    assert await second == 0


async def test_refusals_are_counted_by_their_reason() -> None:
    wire = Wire()
    for mid, code in enumerate((0x87, 0x97, 0x87, 0x10, 0x00), start=1):
        wire.flow.offer(MESSAGE, lambda _code: None)
        wire.flow.acknowledged(mid, code)

    assert wire.flow.refused == {0x87: 2, 0x97: 1}
    assert wire.flow.unheard == 1
    assert wire.flow.last_refusal == ("cm/v1/hof/ev", 0x87)


async def test_what_is_larger_than_the_broker_takes_is_not_sent() -> None:
    wire = Wire(packet_max=100)

    assert await wire.flow.deliver(Outgoing(topic="t", payload=bytes(100))) == TOO_LARGE
    assert wire.flow.fits(Outgoing(topic="t", payload=bytes(80)))
    assert wire.sent == []


async def test_a_broker_that_acknowledges_nothing_is_noticed() -> None:
    wire = Wire()
    wire.flow.offer(MESSAGE, lambda _code: None)
    wire.clock.now_s += 19
    wire.flow.offer(MESSAGE, lambda _code: None)
    assert not wire.flow.overdue()
    wire.clock.now_s += 2
    assert wire.flow.overdue()
    wire.flow.acknowledged(1, 0)
    assert not wire.flow.overdue()


async def test_a_broker_that_retains_nothing_is_not_asked_to() -> None:
    for retain in (True, False):
        wire = Wire(retain=retain)
        asked = Outgoing(topic="cm/v1/hof/state", payload=b"{}", retain=True)
        saying = asyncio.create_task(wire.flow.deliver(asked))
        await asyncio.sleep(0)
        wire.flow.acknowledged(1, 0)
        assert await saying == 0
        assert [one.retain for one in wire.sent] == [retain]
