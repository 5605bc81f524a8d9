"""The poll against far ends that break the protocol, the connection or the pace; in virtual time over real sockets."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise
from typing import Any

import pytest

from chargemon_edge.meters.modbus import RegisterSource
from chargemon_edge.meters.poll import MeterPoll
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.site.facts import Fact, MeterLost, MeterRead
from chargemon_edge.site.units import PerPhase
from tests.integration.meters.wires import LoopClock, answering, frame_for, virtually, watched


class Moving:
    """Answers rightly; the current rises with each request so that every answer can be told from every other."""

    def __init__(self) -> None:
        self.delay_s = 0.0

    async def __call__(self, request: bytes, number: int) -> bytes:
        await asyncio.sleep(self.delay_s)
        return frame_for(request, current_a=10.0 + number / 8)


def number_of(read: MeterRead) -> int:
    return round((read.current_ma.l1 - 10_000) * 8 / 1_000)


@virtually
async def test_one_connection_serves_every_poll() -> None:
    async with answering(Moving()) as far_end:
        async with watched(far_end.port) as meter:
            await meter.reads(20)
        await asyncio.wait_for(far_end.ended.wait(), 2)

    assert far_end.connections == 1


@virtually
async def test_an_answer_to_another_request_is_not_taken(caplog: pytest.LogCaptureFixture) -> None:
    async def wrong(request: bytes, number: int) -> bytes:
        asked = int.from_bytes(request[:2], "big")
        return frame_for(request, current_a=1.0 + number / 8, transaction_id=asked - 1 or 77)

    async with answering(wrong) as far_end, watched(far_end.port, timeout_s=0.1) as meter:
        lost = await meter.losses(1)

    assert meter.of(MeterRead) == []
    assert "no answer" in lost.reason


@virtually
async def test_an_answer_without_a_transaction_id_is_not_taken() -> None:
    async def zero(request: bytes, number: int) -> bytes:
        return frame_for(request, current_a=number / 8, transaction_id=0)

    async with answering(zero) as far_end, watched(far_end.port) as meter:
        lost = await meter.losses(1)

    assert meter.of(MeterRead) == []
    assert "an answer came to another request" in lost.reason


@virtually
async def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    # Every second request is answered together with the one that follows it
    held: list[bytes] = []

    async def late(request: bytes, number: int) -> bytes:
        answer = frame_for(request, current_a=10.0 + number / 8)
        if number % 2 and number > 2:
            held.append(answer)
            return b""
        released = b"".join(held)
        held.clear()
        return released + answer

    async with answering(late) as far_end, watched(far_end.port, timeout_s=0.1, lost_after_s=5) as meter:
        await meter.reads(5)
        numbers = [number_of(read) for read in meter.of(MeterRead)]

    assert len(numbers) == len(set(numbers))
    assert all(number % 2 == 0 or number == 1 for number in numbers)


@virtually
async def test_slow_answers_slow_the_pace_and_never_overlap() -> None:
    moving = Moving()
    moving.delay_s = 0.1

    async with answering(moving) as far_end, watched(far_end.port, poll_s=0.03, timeout_s=2, frozen_after_s=9) as meter:
        await meter.reads(3)
        times = [moment for moment, _ in far_end.requests]

    # The server answers in turn; a second request in flight would have come before its answer
    assert all(later - earlier >= 0.095 for earlier, later in pairwise(times))


@virtually
async def test_answers_slower_than_the_timeout_are_asked_for_one_at_a_time() -> None:
    async def never(_request: bytes, _number: int) -> bytes:
        return b""

    async with answering(never) as far_end, watched(far_end.port, timeout_s=0.1) as meter:
        lost = await meter.losses(1)
        times = [moment for moment, _ in far_end.requests]
        ids = [request[:2] for _, request in far_end.requests]

    assert "no answer" in lost.reason
    assert all(later - earlier >= 0.095 for earlier, later in pairwise(times))
    assert len(ids) == len(set(ids))


@virtually
async def test_a_connection_that_is_silent_for_long_is_made_anew() -> None:
    async def deaf_at_first(request: bytes, number: int) -> bytes:
        return b"" if number <= 10 else frame_for(request, current_a=number / 8)

    async with answering(deaf_at_first) as far_end, watched(far_end.port, timeout_s=0.05) as meter:
        await meter.reads()

    assert far_end.connections == 2


@virtually
async def test_an_answer_in_pieces_is_put_together() -> None:
    async with asyncio.timeout(5):
        await _in_pieces()


async def _in_pieces() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            while True:
                request = await reader.readexactly(12)
                number += 1
                answer = frame_for(request, current_a=number / 8)
                for piece in (answer[:3], answer[3:9], answer[9:]):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.005)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(
        lambda reader, writer: tasks.append(asyncio.ensure_future(serve(reader, writer))), "127.0.0.1", 0
    )
    async with watched(server.sockets[0].getsockname()[1]) as meter:
        await meter.reads(3)
        assert meter.poll.counts.missed == 0
    server.close()
    await asyncio.gather(*tasks)
    await server.wait_closed()


@pytest.mark.parametrize(
    ("rubbish", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "what came is not Modbus TCP"),
        (bytes.fromhex("0001 0000 0004 01 2a 01 02"), "an answer to function 42 came"),
        (bytes.fromhex("0001 0000 0005 01 84 02 00 00"), "an exception answer of the wrong length"),
        (bytes.fromhex("0001 0000 0005 01 04 24 00 00"), "an answer came whose byte count and length differ"),
        (bytes.fromhex("0001 0000 ffff 01 04 24") + bytes(200), "what came is not Modbus TCP"),
    ],
)
@virtually
async def test_rubbish_gets_one_line_and_costs_a_connection(
    rubbish: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def babble(_request: bytes, _number: int) -> bytes:
        return rubbish

    async with answering(babble) as far_end, watched(far_end.port, timeout_s=0.1, lost_after_s=0.1) as meter:
        lost = await meter.losses(1)

    assert meter.of(MeterRead) == []
    assert words in lost.reason
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert words in line


@virtually
async def test_an_answer_of_the_wrong_length_is_not_taken() -> None:
    async def short(request: bytes, number: int) -> bytes:
        return frame_for(request[:8] + bytes([0, 0, 0, 6]), current_a=number / 8)

    async with answering(short) as far_end, watched(far_end.port) as meter:
        lost = await meter.losses(1)

    assert meter.of(MeterRead) == []
    assert "an answer came to another request" in lost.reason


@virtually
async def test_a_meter_that_takes_connections_but_serves_none_is_not_hurried() -> None:
    async def goodbye(_request: bytes, _number: int) -> bytes:
        return b"close"

    async with answering(goodbye) as far_end, watched(far_end.port) as meter:
        await meter.losses(1)
        await asyncio.sleep(60)

    # At 0, 1, 3, 8 s and then every ten seconds
    assert 8 <= far_end.connections <= 10
    assert meter.of(MeterRead) == []


@virtually
async def test_a_bug_of_ours_costs_polls_not_the_task(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def decode(self, blocks: Any) -> Any:
            raise ZeroDivisionError("in the decoder")

    async with answering(Moving()) as far_end, watched(far_end.port) as meter:
        meter.poll._decoder = Broken()  # type: ignore[assignment]  # a fake by hand
        lost = await meter.losses(1)

    assert "a bug in this program (ZeroDivisionError)" in lost.reason
    tracebacks = [record for record in caplog.records if record.exc_info]
    assert len(tracebacks) == 1


@virtually
async def test_a_bug_of_those_we_report_to_is_not_hidden() -> None:
    def report(fact: Fact) -> None:
        raise ZeroDivisionError("in the core")

    async with answering(Moving()) as far_end:
        settings = MeterSettings(
            name="grid", circuit="main", host="127.0.0.1", port=far_end.port, model="eastron-sdm630"
        )
        with pytest.raises(ZeroDivisionError, match="in the core"):
            await asyncio.wait_for(MeterPoll(settings, LoopClock(), report).run(), 5)


class CancelledByItsAnswer(RegisterSource):
    """Has its task cancelled at the very moment when an answer comes in."""

    task: asyncio.Task[bytes] | None = None

    def _inspect(self, sending: bool, data: bytes) -> bytes:
        if not sending and self.task is not None:
            self.task.cancel()
        return super()._inspect(sending, data)


@virtually
async def test_a_cancellation_that_meets_an_answer_is_not_lost() -> None:
    async with answering(Moving()) as far_end:
        source = CancelledByItsAnswer("127.0.0.1", far_end.port, 1, function_code=4, timeout_s=1)
        task = source.task = asyncio.create_task(source.read(0, 18))
        await asyncio.wait([task])
        source.close()

    assert task.cancelled()


@virtually
async def test_another_unit_behind_the_gateway_is_not_taken() -> None:
    async def other_unit(request: bytes, number: int) -> bytes:
        answer = frame_for(request, current_a=number / 8)
        return answer[:6] + bytes([9]) + answer[7:]

    async with answering(other_unit) as far_end, watched(far_end.port, timeout_s=0.1) as meter:
        await meter.losses(1)

    assert meter.of(MeterRead) == []


@virtually
@pytest.mark.promise("R15")
async def test_two_meters_do_not_disturb_each_other() -> None:
    async def never(_request: bytes, _number: int) -> bytes:
        return b""

    async with (
        answering(Moving()) as good,
        answering(never) as bad,
        watched(bad.port, timeout_s=0.1) as dead,
        watched(good.port) as alive,
    ):
        await dead.losses(1)
        read = await alive.reads(3)

    assert read.current_ma != PerPhase(0, 0, 0)
    assert alive.of(MeterLost) == []
