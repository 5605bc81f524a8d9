"""A link in use: replies, calls, limits, silence, rubbish and floods; and what one charger does stays with it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chargemon_edge.control.ports import (
    Answered,
    Busy,
    CallErrored,
    Offline,
    Outcome,
    Refusal,
    Superseded,
    TimedOut,
)
from chargemon_edge.ocpp.v16.messages import (
    ClearCacheRequest,
    ClearCacheResponse,
    GetConfigurationRequest,
    HeartbeatResponse,
    IdTagInfo,
    Request,
    ResetRequest,
    Response,
    StartTransactionRequest,
    StartTransactionResponse,
)
from chargemon_edge.sim.virtual_loop import run_virtually
from tests.integration.csms.far_end import (
    BINARY,
    CLOSE,
    NOW,
    PING,
    PONG,
    TEXT,
    OneModel,
    Socket,
    charger,
    masked,
    site,
    turns,
)

Reply = Callable[[Response | Refusal], None]


def now_s() -> float:
    return asyncio.get_running_loop().time()


# ------------------------------------------------------------ requests and replies


async def test_a_payload_that_breaks_the_rules_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    async with site() as running:
        socket = await charger(running.port, "CP1")
        expected = [
            ([2, "a", "NoSuchAction", {}], "NotImplemented"),
            ([2, "b", "Reset", {"type": "Hard"}], "NotSupported"),
            ([2, "c", "Authorize", {}], "OccurenceConstraintViolation"),
            ([2, "d", "Authorize", {"idTag": [5]}], "TypeConstraintViolation"),
        ]
        for call, code in expected * 3:
            socket.send(call)
            answer = await socket.receive()
            assert answer[:3] == [4, call[1], code]
        await socket.heartbeat()
        assert [request for _, request in running.notes.requests][1:] == []
        await socket.close()
    # once each, however often it comes
    assert sum("bad message cp=CP1" in record.message for record in caplog.records) == len(expected)


async def test_rubbish_is_told_in_one_line_and_ends_the_link_when_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with site() as running:
        other = await charger(running.port, "CP2")
        socket = await charger(running.port, "CP1")
        for _ in range(20):
            socket.send(b"\xff{{{rubbish")
        # one good message between, and the count begins anew
        await socket.heartbeat()
        for _ in range(21):
            socket.send(b"[[[")

        assert await socket.read_close() == 1008
        await other.heartbeat()
        assert running.notes.events[-1] == ("closed", "CP1", "sends no OCPP")
        await socket.close()
        await other.close()
    assert sum("malformed" in record.message for record in caplog.records) == 1


@pytest.mark.demand("S14")
async def test_deep_and_huge_json_inside_the_limit_is_refused() -> None:
    async with site() as running:
        socket = await charger(running.port, "CP1")
        for payload in (b"[" * 60_000, b'{"a":' * 10_000, b'[2,"1","Heartbeat",' + b"9" * 60_000 + b"]"):
            socket.send(payload)
        socket.send([2, "after", "Heartbeat", {}])
        answer = await socket.receive()
        while answer[1] != "after":
            assert answer[0] == 4
            answer = await socket.receive()
        assert answer[0] == 3
        await socket.close()


async def test_a_fault_in_the_daemon_costs_one_message(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_charge_point: str, request: Request, reply: Reply) -> None:
        raise RuntimeError("a bug")

    async with site() as running:
        socket = await charger(running.port, "CP1")
        running.notes.answer = fail
        socket.send([2, "1", "Heartbeat", {}])
        assert await socket.receive() == [4, "1", "InternalError", "", {}]
        running.notes.answer = None
        await socket.heartbeat("2")
        await socket.close()
    assert [record.message for record in caplog.records if record.exc_info] == [
        "request failed cp=CP1 action=Heartbeat"
    ]


async def test_a_fault_after_the_reply_leaves_that_reply() -> None:
    def fail(_charge_point: str, request: Request, reply: Reply) -> None:
        reply(HeartbeatResponse(current_time=NOW))
        raise RuntimeError("a bug")

    async with site() as running:
        socket = await charger(running.port, "CP1")
        running.notes.answer = fail
        await socket.heartbeat("1")
        running.notes.answer = None
        await socket.heartbeat("2")
        await socket.close()


async def test_replies_may_come_late_and_in_another_order_and_after_the_end() -> None:
    replies: list[Reply] = []

    def keep(_charge_point: str, request: Request, reply: Reply) -> None:
        replies.append(reply)

    async with site() as running:
        running.notes.answer = keep
        socket = await charger(running.port, "CP1")
        for unique_id in ("1", "2", "3"):
            socket.send([2, unique_id, "Heartbeat", {}])
        while len(replies) < 3:
            await asyncio.sleep(0)
        replies[1](HeartbeatResponse(current_time=NOW))
        assert (await socket.receive())[:2] == [3, "2"]
        replies[0](Refusal(code="InternalError", description="disk full"))
        assert await socket.receive() == [4, "1", "InternalError", "disk full", {}]
        await socket.close()
        while running.directory.linked("CP1"):
            await asyncio.sleep(0)
        replies[2](HeartbeatResponse(current_time=NOW))


def test_a_quick_answer_to_a_start_can_be_held_back() -> None:
    def start(_charge_point: str, request: Request, reply: Reply) -> None:
        assert isinstance(request, StartTransactionRequest)
        reply(StartTransactionResponse(id_tag_info=IdTagInfo(status="Accepted"), transaction_id=7))

    async def main() -> None:
        async with site(models=OneModel(start_answer_delay_s=1.0)) as running:
            running.notes.answer = start
            socket = await charger(running.port, "CP1")
            asked_s = now_s()
            payload = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": NOW}
            socket.send([2, "1", "StartTransaction", payload])
            assert (await socket.receive())[2]["transactionId"] == 7
            assert now_s() - asked_s == pytest.approx(1.0)
            await socket.close()

    run_virtually(main())


# ------------------------------------------------------------ calls and limits


@pytest.mark.demand("S14")
def test_one_call_at_a_time_limits_first_newest_wins() -> None:
    async def main() -> None:
        async with site() as running:
            socket = await charger(running.port, "CP1")
            directory = running.directory
            calls = [asyncio.create_task(directory.call("CP1", ResetRequest(type="Soft"), 30.0)) for _ in range(2)]
            await turns()
            outcomes: dict[str, Outcome] = {}
            for name, connector in (("old", 1), ("other", 2), ("new", 1)):
                request = GetConfigurationRequest(key=(name,))
                directory.offer_limit("CP1", connector, request, partial(outcomes.__setitem__, name))

            seen = []
            for _ in range(4):
                message = await socket.receive()
                seen.append(message[3].get("key", message[2]))
                await asyncio.sleep(1.0)
                assert not socket.reader._buffer, "one CALL in flight"  # type: ignore[attr-defined] # to look, not to read
                status = {"status": "Accepted"} if message[2] == "Reset" else {}
                socket.send([3, message[1], status])
            await turns()

            assert seen == ["Reset", ["new"], ["other"], "Reset"]
            assert outcomes["old"] == Superseded()
            assert isinstance(outcomes["new"], Answered)
            assert outcomes["new"].sent_mono_s == pytest.approx(now_s() - 3.0)
            assert [type(await call) for call in calls] == [Answered, Answered]
            await socket.close()

    run_virtually(main())


def test_every_outcome_a_call_can_have() -> None:
    async def main() -> None:
        async with site() as running:
            call = running.directory.call
            assert await call("CP1", ClearCacheRequest(), 5.0) == Offline()
            socket = await charger(running.port, "CP1")

            async def answered(reply: Callable[[str], list[Any]]) -> Outcome:
                task = asyncio.create_task(call("CP1", ClearCacheRequest(), 5.0))
                socket.send(reply((await socket.receive())[1]))
                return await task

            outcome = await answered(lambda unique_id: [3, unique_id, {"status": "Rejected"}])
            assert isinstance(outcome, Answered)
            assert outcome.response == ClearCacheResponse(status="Rejected")
            outcome = await answered(lambda unique_id: [4, unique_id, "NotSupported", "no", {"a": 1}])
            assert outcome == CallErrored(code="NotSupported", description="no", details='{"a": 1}')
            outcome = await answered(lambda unique_id: [3, unique_id, {"status": 5}])
            assert isinstance(outcome, CallErrored)
            outcome = await answered(lambda unique_id: [3, unique_id, {"nothing": "here"}])
            assert isinstance(outcome, CallErrored)

            asked_s = now_s()
            assert await call("CP1", ClearCacheRequest(), 5.0) == TimedOut()
            assert now_s() - asked_s == pytest.approx(5.0)
            late = await socket.receive()
            socket.send([3, late[1], {"status": "Accepted"}])
            outcome = await answered(lambda unique_id: [3, unique_id, {"status": "Accepted"}])
            assert isinstance(outcome, Answered)
            await socket.close()

    run_virtually(main())


def test_calls_to_one_that_never_answers_are_bounded_and_all_end() -> None:
    async def main() -> None:
        async with site() as running:
            socket = await charger(running.port, "CP1")
            began_s = now_s()
            calls = [asyncio.create_task(running.directory.call("CP1", ClearCacheRequest(), 20.0)) for _ in range(30)]
            await turns()
            limits: list[Outcome] = []
            running.directory.offer_limit("CP1", 1, ClearCacheRequest(), limits.append)
            outcomes = [type(await call) for call in calls]

            # one was sent; those beyond sixteen are refused at once, the sixteen when they could not be sent in time
            assert outcomes[0] is TimedOut
            assert set(outcomes[1:]) == {Busy}
            assert now_s() - began_s == pytest.approx(20.0)
            # the limit had its turn before any of them
            await asyncio.sleep(10.1)
            assert limits == [TimedOut()]
            await socket.close()

    run_virtually(main())


def test_a_cancelled_call_frees_its_place() -> None:
    async def main() -> None:
        async with site() as running:
            socket = await charger(running.port, "CP1")
            first, second, third = (
                asyncio.create_task(running.directory.call("CP1", ResetRequest(type=kind), 30.0))
                for kind in ("Soft", "Hard", "Soft")
            )
            await turns()
            first.cancel()
            second.cancel()
            await asyncio.wait([first, second])
            message = await socket.receive()
            socket.send([3, message[1], {"status": "Accepted"}])
            message = await socket.receive()
            assert message[3] == {"type": "Soft"}
            socket.send([3, message[1], {"status": "Accepted"}])
            assert isinstance(await third, Answered)
            await socket.close()

    run_virtually(main())


# ------------------------------------------------------------ frames


async def test_fragments_pings_and_tiny_pieces() -> None:
    async with site() as running:
        socket = await charger(running.port, "CP1")
        text = b'[2,"1","Heartbeat",{}]'
        whole = masked(TEXT, text[:5], fin=False) + masked(PING, b"hi") + masked(0, text[5:9], fin=False)
        whole += masked(0, text[9:])
        for octet in whole:
            socket.writer.write(bytes([octet]))
            await turns(2)
        assert await socket.read_frame() == (PONG, b"hi")
        assert (await socket.receive())[:2] == [3, "1"]
        # several messages in one packet
        socket.writer.write(b"".join(masked(TEXT, b'[2,"%d","Heartbeat",{}]' % number) for number in range(9)))
        assert [(await socket.receive())[1] for _ in range(9)] == [str(number) for number in range(9)]
        await socket.close()


@pytest.mark.demand("S14")
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (masked(BINARY, b'[2,"1","Heartbeat",{}]'), 1003),
        (b"\x81\x05hello", 1002),
        (b"\xff" * 20, 1002),
        (masked(TEXT, b"x" * 65_537), 1009),
        (masked(CLOSE, b"\x03\xe8"), 1000),
    ],
)
async def test_a_frame_that_ends_the_link(data: bytes, code: int) -> None:
    async with site() as running:
        other = await charger(running.port, "CP2")
        socket = await charger(running.port, "CP1")
        socket.writer.write(data)

        assert await socket.read_close() == code
        assert [event[0] for event in running.notes.events] == ["opened", "opened", "closed"]
        await other.heartbeat()
        await socket.close()
        await other.close()


@pytest.mark.demand("S14")
async def test_a_frame_of_ten_megabytes_is_one_line_and_no_memory(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with site() as running:
        socket = await charger(running.port, "CP1")
        connection = running.server._links["CP1"]
        socket.writer.write(b"\x81\xff" + (10_000_000).to_bytes(8, "big") + b"mask")
        sent = 0
        while sent < 10_000_000 and not socket.writer.is_closing():
            socket.writer.write(b"x" * 50_000)
            sent += 50_000
            await asyncio.sleep(0)
            assert connection.wire._reader.pending_bytes < 200_000
        other = await charger(running.port, "CP2")
        await other.heartbeat()
        assert await socket.read_close() == 1009
        socket.writer.transport.abort()
        await other.close()
    lines = [record.message for record in caplog.records if "65536 bytes" in record.message]
    assert len(lines) == 1
    assert "link closed cp=CP1" in lines[0]


# ------------------------------------------------------------ floods


@pytest.mark.demand("S14")
def test_a_flood_is_read_at_its_rate_and_ended_when_it_goes_on() -> None:
    async def main() -> None:
        async with site() as running:
            flooder = await charger(running.port, "CP1")
            flood = b"".join(masked(TEXT, b'[2,"%d","Heartbeat",{}]' % number) for number in range(50))
            began_s = now_s()

            async def pour() -> None:
                while True:
                    flooder.writer.write(flood)
                    await flooder.writer.drain()

            async def drink() -> None:
                while await flooder.reader.read(65_536):
                    pass

            pouring, drinking = asyncio.create_task(pour()), asyncio.create_task(drink())
            good = [await charger(running.port, f"CP{number}") for number in range(2, 12)]
            for _ in range(30):
                for socket in good:
                    asked_s = now_s()
                    await socket.heartbeat()
                    assert now_s() == asked_s
                await asyncio.sleep(1.0)
            heard = sum(charge_point == "CP1" for charge_point, _ in running.notes.requests)
            assert heard == pytest.approx(100 + 20 * 30, rel=0.05)
            while running.directory.linked("CP1"):
                await asyncio.sleep(1.0)
            assert now_s() - began_s == pytest.approx(65.0, abs=6.0)
            assert running.notes.events[-1] == ("closed", "CP1", "sends faster than its rate allows")
            for task in (pouring, drinking):
                task.cancel()
            await asyncio.wait([pouring, drinking])
            for socket in (*good, flooder):
                await socket.close()

    run_virtually(main())


@pytest.mark.demand("S14")
async def test_a_flood_leaves_the_others_their_time() -> None:
    """In real time: while ten chargers flood, twenty others wait less than half a second for each answer."""
    async with site() as running:
        flood = b"".join(masked(TEXT, b'[2,"%d","Heartbeat",{}]' % number) for number in range(200))
        flooders = [await charger(running.port, f"CP{number}") for number in range(1, 11)]

        async def pour(socket: Socket) -> None:
            while True:
                socket.writer.write(flood)
                await socket.writer.drain()

        pouring = [asyncio.create_task(pour(socket)) for socket in flooders]
        good = [await charger(running.port, f"CP{number}") for number in range(11, 21)]
        waits = []
        for _ in range(10):
            for socket in good:
                asked_s = time.perf_counter()
                await socket.heartbeat()
                waits.append(time.perf_counter() - asked_s)
        for task in pouring:
            task.cancel()
        await asyncio.wait(pouring)
        for socket in flooders:
            socket.writer.transport.abort()
        for socket in (*good, *flooders):
            await socket.close()

    assert sorted(waits)[98] < 0.5


def test_a_charger_that_waits_for_each_answer_is_slowed_and_never_ended() -> None:
    async def main() -> None:
        async with site() as running:
            socket = await charger(running.port, "CP1")
            began_s = now_s()
            for number in range(3_000):
                await socket.heartbeat(str(number))
            assert now_s() - began_s == pytest.approx((3_000 - 100) / 20, rel=0.01)
            await socket.close()

    run_virtually(main())


def test_a_charger_that_does_not_read_is_ended() -> None:
    def answer_much(_charge_point: str, request: Request, reply: Reply) -> None:
        reply(Refusal(code="GenericError", description="x" * 250))

    async def main() -> None:
        async with site(write_buffer_bytes=10_000, rate_per_s=1e6) as running:
            running.notes.answer = answer_much
            socket = await charger(running.port, "CP1")
            socket.writer.transport.pause_reading()  # type: ignore[attr-defined] # a real transport can
            flood = b"".join(masked(TEXT, b'[2,"%d","Heartbeat",{}]' % number) for number in range(500))

            async def pour() -> None:
                while True:
                    socket.writer.write(flood)
                    await socket.writer.drain()

            pouring = asyncio.create_task(pour())
            connection = running.server._links["CP1"]
            while running.directory.linked("CP1"):
                await asyncio.sleep(1.0)
                assert connection.wire._transport.get_write_buffer_size() < 1_000_000
            assert running.notes.events[-1] == ("closed", "CP1", "does not read its socket")
            pouring.cancel()
            await asyncio.wait([pouring])
            await socket.close()

    run_virtually(main())


# ------------------------------------------------------------ silence and the end


def test_a_silent_link_is_pinged_and_then_ended() -> None:
    async def main() -> None:
        async with site(silence_s=90.0) as running:
            socket = await charger(running.port, "CP1")
            began_s = now_s()
            for at_s in (30.0, 60.0):
                assert await socket.read_frame() == (PING, b"")
                assert now_s() - began_s == pytest.approx(at_s, abs=0.1)
            assert await socket.ended()
            assert now_s() - began_s == pytest.approx(90.0, abs=0.1)
            assert running.notes.events[-1] == ("closed", "CP1", "silent for 90 s")
            await socket.close()

    run_virtually(main())


def test_any_byte_is_life() -> None:
    async def main() -> None:
        async with site(silence_s=90.0) as running:
            pongs, halves = await charger(running.port, "CP1"), await charger(running.port, "CP2")
            text = masked(TEXT, b'[2,"1","Heartbeat",{}]')
            for octet in text[:12]:
                opcode, payload = await pongs.read_frame()
                assert opcode == PING
                pongs.writer.write(masked(PONG, payload))
                halves.writer.write(bytes([octet]))
            assert now_s() > 1_300.0
            assert running.directory.linked("CP1")
            assert running.directory.linked("CP2")
            await pongs.close()
            await halves.close()

    run_virtually(main())


def test_a_charger_that_cannot_bear_pings_gets_none() -> None:
    async def main() -> None:
        async with site(models=OneModel(websocket_ping=False), silence_s=90.0) as running:
            socket = await charger(running.port, "CP1")
            for number in range(20):
                await asyncio.sleep(80.0)
                # the next frame is the answer: nothing came between
                await socket.heartbeat(str(number))
            await socket.close()

    run_virtually(main())


async def test_stop_closes_every_link_with_going_away() -> None:
    async with site() as running:
        sockets = [await charger(running.port, f"CP{number}") for number in range(1, 6)]
        idle = await Socket.connect(running.port)
        await turns()
        stopping = asyncio.create_task(running.server.stop())
        assert [await socket.read_close() for socket in sockets] == [1001] * 5
        await stopping
        assert await idle.ended()
        assert [event[2] for event in running.notes.events if event[0] == "closed"] == ["central system stops"] * 5
        with pytest.raises(ConnectionRefusedError):
            await Socket.connect(running.port)
        for socket in (*sockets, idle):
            await socket.close()


def test_stop_does_not_wait_for_the_dead() -> None:
    async def main() -> None:
        async with site() as running:
            await charger(running.port, "CP1")
            began_s = now_s()
            await running.server.stop()
            assert now_s() - began_s <= 3.1

    run_virtually(main())


async def test_a_link_leaves_nothing_behind() -> None:
    async with site() as running:
        for _ in range(50):
            socket = await charger(running.port, "CP1")
            await socket.heartbeat()
            await socket.close()
            while running.directory.linked("CP1"):
                await asyncio.sleep(0)
        await turns()
        assert not running.server._arrivals
        assert not running.server._connections
        assert not running.server._links
        timers = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]  # type: ignore[attr-defined] # to look
        assert len(timers) == 0


def test_nothing_is_asked_while_the_answer_to_a_start_is_held_back() -> None:
    def start(_charge_point: str, request: Request, reply: Reply) -> None:
        reply(StartTransactionResponse(id_tag_info=IdTagInfo(status="Accepted"), transaction_id=7))

    async def main() -> None:
        async with site(models=OneModel(start_answer_delay_s=1.0)) as running:
            running.notes.answer = start
            socket = await charger(running.port, "CP1")
            payload = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": NOW}
            socket.send([2, "1", "StartTransaction", payload])
            await asyncio.sleep(0.2)
            calling = asyncio.create_task(running.directory.call("CP1", ResetRequest(type="Soft"), 30.0))
            assert (await socket.receive())[0] == 3
            call = await socket.receive()
            assert call[2] == "Reset"
            socket.send([3, call[1], {"status": "Accepted"}])
            assert isinstance(await calling, Answered)
            await socket.close()

    run_virtually(main())
