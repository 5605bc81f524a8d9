"""Brokers that misbehave, each in its own way: nothing is lost, nothing is sent that they do not take, all is said.

Time runs faster here than on the wall: what waits for seconds is over in a fraction.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.control.ports import Answered, moment
from chargemon_edge.control.upstream_records import UpstreamStanding
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.sim.daemon import LoopClock
from chargemon_edge.sim.virtual_loop import FastLoop
from chargemon_edge.site.operation_facts import SecurityEventReported
from tests.integration.upstream import mqtt_packets as mqtt
from tests.integration.upstream.broker_double import (
    NO_SUBSCRIBER,
    NOT_AUTHORISED,
    QUOTA,
    TAKEN_OVER,
    BrokerDouble,
    broker_double,
)
from tests.integration.upstream.running import Running, running, settings
from tests.waiting import until

SPEED = 20.0
# a day on which certificates and tokens of the tests are good
EPOCH_S = 1_790_000_000.0
# of the loop's time: patience for a machine that is busy
PATIENT_S = 400.0

Test = Callable[[Path], Coroutine[Any, Any, None]]


def fast(test: Test, speed: float = SPEED) -> Callable[[Path], None]:
    """Run a test on a loop whose time runs faster."""

    @functools.wraps(test)
    def run(tmp_path: Path) -> None:
        with asyncio.Runner(loop_factory=lambda: FastLoop(speed)) as runner:
            runner.run(test(tmp_path))

    return run


very_fast = functools.partial(fast, speed=100.0)


@asynccontextmanager
async def site_on(broker: BrokerDouble, directory: Path, **changes: Any) -> AsyncIterator[Running]:
    """The example site, with *broker* above it."""
    # paho's own idea of silence is by the wall, which is slow here
    upstream = settings(broker.port, **{"keepalive_s": 60, "telemetry": False, **changes})
    async with running(directory, upstream, roll=0.5, clock=LoopClock(EPOCH_S)) as site:
        yield site


def standing(site: Running) -> UpstreamStanding:
    return site.uplink.standings()[0]


def places(broker: BrokerDouble) -> list[tuple[int, int]]:
    """Of the events that came, in their order, without what came again."""
    return list(dict.fromkeys((message.body["ep"], message.body["s"]) for message in broker.on("/ev")))


async def heard(site: Running, broker: BrokerDouble, count: int) -> None:
    """Wait until all of them were acknowledged; the order is right and none is missing."""
    await until(lambda: len(places(broker)) == count and standing(site).backlog == 0, PATIENT_S)
    assert [s for _, s in places(broker)] == list(range(1, count + 1))


async def happen(site: Running, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        site.happen(site.started(number))
    await site.commit(site.started(first + count))


@fast
async def test_a_broker_that_never_acknowledges_is_left_and_nothing_is_lost(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:
        await until(lambda: standing(site).connected, PATIENT_S)
        broker.knobs.acknowledges = False
        await happen(site, 99)
        await until(lambda: len(broker.connects) > 1, PATIENT_S)
        error = standing(site).error
        broker.knobs.acknowledges = True
        await heard(site, broker, 101)

    assert error == "the broker does not acknowledge what it is sent"
    # a part of its window is left to what is not an event
    assert 10 < broker.most_under_way <= 20


@pytest.mark.parametrize(("code", "words"), [(NOT_AUTHORISED, "not authorised"), (QUOTA, "a quota is used up")])
def test_refused_events_wait_in_their_order_and_are_counted(tmp_path: Path, code: int, words: str) -> None:
    @fast
    async def run(folder: Path) -> None:
        async with broker_double() as broker, site_on(broker, folder) as site:
            broker.knobs.publish_code = lambda message: code if message.topic.endswith("/ev") else 0
            await until(lambda: standing(site).connected, PATIENT_S)
            await happen(site, 9)
            # what the broker takes goes on
            await until(lambda: standing(site).backlog == 11 and bool(broker.on("/cp/YARD")), PATIENT_S)
            await until(lambda: standing(site).error is not None, PATIENT_S)
            said = standing(site)
            assert said.error == f"events are held: {words} (0x{code:02X})"
            assert said.connected
            assert set(said.refused) == {f"{words} (0x{code:02X})"}
            assert broker.on("/ev") == []
            broker.knobs.publish_code = lambda _message: 0
            await heard(site, broker, 11)
            assert standing(site).error is None

    run(tmp_path)


@fast
async def test_a_broker_whose_quota_is_used_up_at_the_door_is_left_in_peace(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.connack_code = lambda _connect: QUOTA
        async with site_on(broker, tmp_path) as site:
            await until(lambda: len(broker.connects) == 1, PATIENT_S)
            first_s = asyncio.get_running_loop().time()
            await until(lambda: standing(site).error == "a quota is used up (0x97)", PATIENT_S)
            broker.knobs.connack_code = lambda _connect: 0
            await until(lambda: standing(site).connected, PATIENT_S)
            assert asyncio.get_running_loop().time() - first_s >= 30
            await heard(site, broker, 1)


@fast
async def test_no_subscriber_is_counted_and_said(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:
        broker.knobs.publish_code = lambda message: NO_SUBSCRIBER if message.topic.endswith("/ev") else 0
        await until(lambda: standing(site).connected, PATIENT_S)
        await happen(site, 9)
        await heard(site, broker, 11)
        assert standing(site).without_subscriber == 11


@fast
async def test_events_wait_for_a_subscriber_where_that_is_wanted(tmp_path: Path) -> None:
    async with broker_double() as broker:
        # before the first event comes
        broker.knobs.publish_code = lambda message: NO_SUBSCRIBER if message.topic.endswith("/ev") else 0
        async with site_on(broker, tmp_path, hold_if_no_subscriber=True) as site:
            await until(lambda: standing(site).connected, PATIENT_S)
            await happen(site, 9)
            await until(lambda: standing(site).error == "events are held: nobody has subscribed (0x10)", PATIENT_S)
            await until(lambda: standing(site).backlog >= 11, PATIENT_S)
            count = standing(site).backlog
            broker.messages.clear()
            broker.knobs.publish_code = lambda _message: 0
            await heard(site, broker, count)


@fast
async def test_a_receive_maximum_of_one_is_kept(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.told[mqtt.RECEIVE_MAXIMUM] = 1
        async with site_on(broker, tmp_path) as site:
            await until(lambda: standing(site).connected, PATIENT_S)
            await happen(site, 49)
            await heard(site, broker, 51)
            # the states find their turn, too
            await until(lambda: len(broker.retained) >= 3 + 5, PATIENT_S)

    assert broker.most_under_way == 1
    assert len(broker.connects) == 1


@fast
async def test_no_packet_is_larger_than_the_broker_takes(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.told[mqtt.MAXIMUM_PACKET_SIZE] = 300
        async with site_on(broker, tmp_path) as site:
            await until(lambda: standing(site).connected, PATIENT_S)
            long = SecurityEventReported(
                at=moment(site.clock), charge_point="YARD", event="x" * 50, reported_utc_ms=None, detail="d" * 255
            )
            await site.commit(long)
            await happen(site, 9)
            await heard(site, broker, 12)
            # what cannot be cut is not sent at all, and that is shown
            await until(lambda: "the message is too large for the broker (0x95)" in standing(site).refused, PATIENT_S)

    assert broker.on("/info") == []
    cut = [message.body for message in broker.on("/ev") if "cut" in message.body]
    assert [(event["k"], event["d"]) for event in cut] == [("sec.reported", {})]
    assert cut[0]["cut"] > 255
    assert len(broker.connects) == 1


@fast
async def test_half_an_answer_to_connect_is_no_connection(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.half_connack = True
        async with site_on(broker, tmp_path) as site:
            await until(lambda: standing(site).error == "no answer to CONNECT within 15 s", PATIENT_S)
            assert not standing(site).connected
            broker.knobs.half_connack = False
            await heard(site, broker, 1)


@fast
async def test_a_broker_that_has_forgotten_what_was_retained_gets_all_of_it_again(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:
        await until(lambda: len(broker.retained) == 3 + 5, PATIENT_S)
        before = set(broker.retained)
        await heard(site, broker, 1)
        await broker.restart(forgets=True)
        await until(lambda: len(broker.connects) == 2 and len(broker.retained) == 3 + 5, PATIENT_S)
        assert set(broker.retained) == before
        assert broker.retained["cm/v1/hof-7/status"].body["online"] is True
        # and the session is new: commands are heard again
        assert set(broker.sessions["cm-hof-7"].filters) == {"cm/v1/hof-7/in/#"}


@fast
async def test_a_command_that_comes_twice_is_done_once(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path, commands=("reset",)) as site:
        broker.knobs.delivers_twice = True
        site.charge_points.answers["Reset"] = Answered(response=m.ResetResponse(status="Accepted"), sent_mono_s=0.0)
        await until(lambda: standing(site).connected, PATIENT_S)
        command = {"id": "command-1", "op": "reset", "tgt": {"cp": "YARD"}, "args": {"type": "Soft"}}
        for _ in range(3):
            broker.say("cm/v1/hof-7/in/cmd", command)
        await until(lambda: any(one.body["state"] == "done" for one in broker.on("/res")), PATIENT_S)
        await until(lambda: not broker.sessions["cm-hof-7"].unacknowledged, PATIENT_S)

    assert len(site.charge_points.asked) == 1
    assert {message.body["id"] for message in broker.on("/res")} == {"command-1"}


@pytest.mark.parametrize("says_so", [True, False])
def test_a_broker_of_before_mqtt_5_is_spoken_to_in_its_own_way(tmp_path: Path, says_so: bool) -> None:
    @fast
    async def run(folder: Path) -> None:
        async with broker_double() as broker:
            broker.knobs.speaks = (4,)
            broker.knobs.says_unsupported = says_so
            async with site_on(broker, folder) as site:
                await until(lambda: standing(site).connected, PATIENT_S)
                assert standing(site).mqtt == "3.1.1"
                await happen(site, 9)
                await heard(site, broker, 11)
                tried = [connect.level for connect in broker.connects]
                assert tried == ([5, 4] if says_so else [5, 5, 4])
                # remembered for a day
                await broker.restart()
                await until(lambda: len(broker.connects) == len(tried) + 1 and standing(site).connected, PATIENT_S)
                assert broker.connects[-1].level == 4
                await happen(site, 9, first=20)
                await heard(site, broker, 21)

    run(tmp_path)


@very_fast
async def test_two_boxes_with_one_client_id_do_not_fight_for_ever(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:

        def connected_times(count: int) -> bool:
            return len(broker.connects) == count and standing(site).connected

        for count in (1, 2):
            await until(partial(connected_times, count), PATIENT_S)
            broker.hang_up(TAKEN_OVER)
            await until(lambda: not standing(site).connected, PATIENT_S)
        assert standing(site).rival
        assert "somebody else has connected with the same client id" in (standing(site).error or "")
        thrown_out_s = asyncio.get_running_loop().time()
        await until(lambda: len(broker.connects) == 3, PATIENT_S)
        assert asyncio.get_running_loop().time() - thrown_out_s >= 150
        await heard(site, broker, 1)


@fast
async def test_a_frozen_socket_is_noticed_and_left(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:
        await until(lambda: standing(site).connected, PATIENT_S)
        await heard(site, broker, 1)
        broker.knobs.frozen = True
        await happen(site, 99)
        await until(lambda: not standing(site).connected, PATIENT_S)
        broker.knobs.frozen = False
        await heard(site, broker, 101)

    assert broker.connects[0].client_id == broker.connects[-1].client_id == "cm-hof-7"


@fast
async def test_what_the_broker_does_not_offer_is_not_used(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.told[mqtt.RETAIN_AVAILABLE] = 0
        broker.knobs.told[mqtt.MAXIMUM_QOS] = 0
        async with site_on(broker, tmp_path) as site:
            await until(lambda: "Maximum QoS 0" in (standing(site).error or ""), PATIENT_S)
            assert broker.messages == [] or {one.topic for one in broker.messages} == {"cm/v1/hof-7/status"}
            broker.knobs.told[mqtt.MAXIMUM_QOS] = 1
            await heard(site, broker, 1)
            await until(lambda: bool(broker.on("/cp/YARD")), PATIENT_S)

    # the will may be retained: it was given before the broker could say anything
    assert all(not one.retain for one in broker.messages if one.payload and one.body.get("why") != "lost")


@fast
async def test_a_subscription_that_is_refused_is_said(tmp_path: Path) -> None:
    async with broker_double() as broker:
        broker.knobs.subscribe_code = NOT_AUTHORISED
        async with site_on(broker, tmp_path) as site:
            await heard(site, broker, 1)
            assert standing(site).connected
            assert standing(site).error == "may not subscribe to cm/v1/hof-7/in/#: not authorised (0x87)"


@fast
async def test_the_will_says_what_a_lost_site_cannot(tmp_path: Path) -> None:
    async with broker_double() as broker, site_on(broker, tmp_path) as site:
        await heard(site, broker, 1)
        will = broker.connects[0].will
        assert will is not None
        assert (will.topic, will.qos, will.retain) == ("cm/v1/hof-7/status", 1, True)
        assert will.properties[mqtt.WILL_DELAY] == [20]
        assert not broker.connects[0].clean
        assert broker.connects[0].properties[mqtt.SESSION_EXPIRY] == [7 * 24 * 3600]
        broker.hang_up(0x8B)
        await until(lambda: any(one.body["why"] == "lost" for one in broker.on("/status")), PATIENT_S)
        await until(
            lambda: standing(site).connected and broker.retained["cm/v1/hof-7/status"].body["online"], PATIENT_S
        )

    assert broker.on("/status")[-1].body["why"] == "stopping"
    assert broker.goodbyes == 1
