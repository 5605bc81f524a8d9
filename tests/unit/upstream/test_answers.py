"""Answers: results again until the broker has them, on a response topic once; cut where they are too large."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from chargemon_edge.upstream.answers import RESULTS_MAX, Answers
from chargemon_edge.upstream.bodies import Result
from chargemon_edge.upstream.flow import Flow
from chargemon_edge.upstream.link_life import Abilities, Version
from chargemon_edge.upstream.mqtt import Outgoing, ReplyTo
from chargemon_edge.upstream.topics import Topics
from tests.unit.control.fakes import FakeClock

RES = "cm/v1/hof/res"
DESK = ReplyTo("desk/4", b"7")


class Connection:
    """A broker that acknowledges at once, but for the topics of *mute*."""

    def __init__(self, *mute: str, version: Version = 5, packet_max: int | None = None) -> None:
        self.sent: list[Outgoing] = []
        self._mute = mute
        self.flow = Flow(Abilities(version=version, packet_max=packet_max), self._publish, FakeClock())

    def _publish(self, message: Outgoing) -> int:
        self.sent.append(message)
        mid = len(self.sent)
        if message.topic not in self._mute:
            asyncio.get_running_loop().call_soon(self.flow.acknowledged, mid, 0)
        return mid

    async def carry(self, answers: Answers) -> list[tuple[str, Any]]:
        """What goes over it until it is lost: topics and ids."""
        task = asyncio.create_task(answers.run(self.flow))
        for _ in range(30):
            await asyncio.sleep(0)
        self.flow.close()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return [(message.topic, json.loads(message.payload)["id"]) for message in self.sent]


def result(name: str, data: bytes | None = None) -> Result:
    return Result(
        id=name,
        state="done",
        ts="2026-05-01T12:30:00.250Z",
        data=msgspec.UNSET if data is None else msgspec.Raw(data),
    )


def answers() -> Answers:
    return Answers(Topics(site="hof"), retain=True, below=("desk",))


async def test_a_result_is_said_until_the_broker_has_it() -> None:
    one = answers()
    one.result(result("a"), DESK)

    assert await Connection(RES).carry(one) == [(RES, "a")]
    assert await Connection().carry(one) == [(RES, "a"), ("desk/4", "a")]
    assert await Connection().carry(one) == []


async def test_a_response_topic_that_costs_the_connection_is_not_tried_again() -> None:
    one = answers()
    one.result(result("a"), DESK)
    one.result(result("b"))

    assert await Connection("desk/4").carry(one) == [(RES, "a"), ("desk/4", "a")]
    assert await Connection().carry(one) == [(RES, "b")]


async def test_an_old_broker_knows_no_response_topics() -> None:
    one = answers()
    one.result(result("a"), DESK)

    assert await Connection(version=4).carry(one) == [(RES, "a")]


async def test_what_is_too_large_goes_without_its_data() -> None:
    one = answers()
    one.result(result("a", b'"%s"' % (b"x" * 500)), DESK)
    connection = Connection(packet_max=300)
    await connection.carry(one)

    assert [(one.topic, one.correlation) for one in connection.sent] == [(RES, None), ("desk/4", b"7")]
    for message in connection.sent:
        body = json.loads(message.payload)
        assert (body["code"], "data" in body) == ("too_large", False)


async def test_results_that_wait_are_bounded_and_the_newest_stay() -> None:
    one = answers()
    for number in range(RESULTS_MAX + 5):
        one.result(result(str(number)))

    assert (await Connection().carry(one))[0] == (RES, "5")
