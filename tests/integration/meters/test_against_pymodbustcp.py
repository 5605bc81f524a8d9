"""The poll against a Modbus server of another make, in its own thread."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from chargemon_edge.meters import catalogue
from chargemon_edge.site.facts import MeterLost, MeterRead
from chargemon_edge.site.units import PerPhase
from tests.integration.meters.wires import MeterServer, meter_server, watched

SDM630 = catalogue.load("eastron-sdm630")


@pytest.fixture(scope="module")
def shared() -> Iterator[MeterServer]:
    """One server for all tests of this file: its library takes half a second to stop."""
    with meter_server() as server:
        yield server


@pytest.fixture
def server(shared: MeterServer) -> MeterServer:
    shared.meter.reset()
    return shared


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= level]


async def test_a_reading_arrives_whole(server: MeterServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with watched(server.port) as meter:
        read = await meter.reads(3)

    assert read.meter == "grid"
    assert read.current_ma == PerPhase(10_000, -5_500, 0)
    assert read.power_w == PerPhase(2_300, -1_200, 0)
    assert read.voltage_mv is not None
    assert all(abs(volts - 230_000) <= 1_000 for volts in read.voltage_mv)
    assert read.frequency_mhz == 50_000
    assert [line.split(" map=")[0] for line in lines(caplog, logging.INFO)] == ["meter=grid self-test ok"]


async def test_a_step_on_the_meter_is_reported_with_the_next_poll(server: MeterServer) -> None:
    async with watched(server.port) as meter:
        await meter.reads(2)
        server.meter.current_a, server.meter.power_w = (40.0, 40.0, 40.0), (9_000.0, 9_000.0, 9_000.0)
        # One read may have been under way
        read = await meter.reads(2)

    assert read.current_ma == PerPhase(40_000, 40_000, 40_000)


async def test_both_word_orders_are_read(server: MeterServer) -> None:
    server.meter.little = True

    async with watched(server.port, model=None, map=replace(SDM630, word_order="little")) as meter:
        read = await meter.reads()

    assert read.current_ma == PerPhase(10_000, -5_500, 0)


async def test_the_wrong_word_order_reports_nothing_and_says_what_to_change(
    server: MeterServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.meter.little = True

    async with watched(server.port) as meter:
        await meter.losses(1)

    assert meter.of(MeterRead) == []
    failed, lost = lines(caplog)
    assert failed.startswith('meter=grid self-test failed reason="')
    assert "word_order = 'little'" in failed
    assert "word_order = 'little'" in lost


async def test_not_a_number_is_no_reading(server: MeterServer, caplog: pytest.LogCaptureFixture) -> None:
    async with watched(server.port) as meter:
        await meter.reads()
        server.meter.current_a = (10.0, math.nan, 0.0)
        lost = await meter.losses(1)
        count = len(meter.of(MeterRead))
        server.meter.current_a = (10.0, 5.5, 0.0)
        await meter.reads()

    assert "current: register 8 holds no number" in lost.reason
    assert count + 1 <= len(meter.of(MeterRead)) <= count + 3
    assert all(read.current_ma[1] != 0 for read in meter.of(MeterRead))
    assert meter.poll.counts.implausible >= 3
    assert [line.split()[:2] for line in lines(caplog)] == [["meter=grid", "lost"], ["meter=grid", "back"]]


@pytest.mark.parametrize(("code", "words"), [(4, "server device failure"), (0x0B, "gateway target failed to respond")])
async def test_an_exception_is_a_missed_sample(server: MeterServer, code: int, words: str) -> None:
    async with watched(server.port) as meter:
        await meter.reads()
        server.meter.exception = code
        lost = await meter.losses(1)
        server.meter.exception = 0
        await meter.reads()

    assert f"exception {code} ({words})" in lost.reason
    assert meter.poll.counts.missed >= 3


async def test_a_refused_extra_block_costs_nothing_but_itself(
    server: MeterServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.meter.exception, server.meter.exception_from = 2, 50

    async with watched(server.port) as meter:
        read = await meter.reads(12)

    assert read.current_ma == PerPhase(10_000, -5_500, 0)
    assert read.frequency_mhz is None
    assert meter.of(MeterLost) == []
    (line,) = lines(caplog)
    assert line.startswith('meter=grid block=52+20 refused reason="exception 2 (illegal data address)"')


async def test_silence_loses_the_meter_once_and_speech_brings_it_back(
    server: MeterServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(server.port, timeout_s=0.1) as meter:
        await meter.reads()
        server.meter.delay_s = 0.5
        lost = await meter.losses(1)
        await asyncio.sleep(0.1)
        server.meter.delay_s = 0.0
        await meter.reads()

    assert "no answer from unit 1 within 0.1 s" in lost.reason
    assert len(meter.of(MeterLost)) == 1
    assert [line.split()[1] for line in lines(caplog)] == ["lost", "back"]


async def test_readings_that_stand_still_are_held_back_then_lost(
    server: MeterServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(server.port, frozen_after_s=0.6) as meter:
        await meter.reads()
        server.meter.moving = False
        lost = await meter.losses(1)
        newest = meter.of(MeterRead)[-1]
        server.meter.moving = True
        await meter.reads()

    assert lost.reason.startswith("every reading has stood still for")
    # Held back after a third of the time
    assert lost.at.mono_s - newest.at.mono_s >= 0.3
    assert meter.poll.counts.held_back >= 3
    assert [line.split()[1] for line in lines(caplog)] == ["suspect", "lost", "back"]


async def test_a_short_standstill_is_only_suspect(server: MeterServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with watched(server.port, frozen_after_s=1.5) as meter:
        await meter.reads()
        server.meter.moving = False
        await meter.until(lambda: meter.poll.counts.held_back >= 2)
        server.meter.moving = True
        await meter.reads()

    assert meter.of(MeterLost) == []
    assert [line.split()[1] for line in lines(caplog, logging.INFO)] == ["self-test", "suspect", "moves"]


async def test_a_meter_that_goes_away_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    with meter_server() as server:
        async with watched(server.port) as meter:
            await meter.reads()
            await asyncio.to_thread(server.stop)
            lost = await meter.losses(1)
            server.start()
            await meter.reads()

    assert "no good sample" in lost.reason
    assert len(meter.of(MeterLost)) == 1
    assert [line.split()[1] for line in lines(caplog)] == ["lost", "back"]


async def test_a_meter_that_was_never_there_is_lost(caplog: pytest.LogCaptureFixture, unused_tcp_port: int) -> None:
    async with watched(unused_tcp_port) as meter:
        lost = await meter.losses(1)

    assert "no connection: refused or unreachable" in lost.reason
    assert [line.split()[1] for line in lines(caplog)] == ["lost"]
    assert f"127.0.0.1:{unused_tcp_port} is its address" in lines(caplog)[0]
