"""The shipped times, second by second: the real client over a real socket, with only the waiting left out."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import pytest

from chargemon_edge.meters.poll import MeterPoll
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.sim.meter import Meter
from chargemon_edge.sim.virtual_loop import run_virtually
from chargemon_edge.site.facts import Fact, MeterLost, MeterRead
from chargemon_edge.site.units import PerPhase
from tests.integration.meters.wires import LoopClock

Scene = Callable[[Meter], Awaitable[None]]


def played(scene: Scene) -> list[Fact]:
    """Everything a meter with default settings reported; times count from the first poll, at 0 s."""
    facts: list[Fact] = []

    async def play() -> None:
        far_end = Meter(seed=7)
        far_end.current_ma = PerPhase(10_000, -20_000, 30_000)
        host, port = await far_end.start()
        settings = MeterSettings(name="grid", circuit="main", host=host, port=port, model="eastron-sdm630")
        poll = asyncio.create_task(MeterPoll(settings, LoopClock(), facts.append).run())
        # Half a poll later, so that what a scene does falls between two polls
        await asyncio.sleep(0.5)
        await scene(far_end)
        poll.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await poll
        await far_end.stop()

    run_virtually(play(), start_s=0.0)
    return facts


def when(facts: list[Fact], kind: type[Fact]) -> list[float]:
    return [fact.at.mono_s for fact in facts if isinstance(fact, kind)]


def test_the_pace_does_not_drift() -> None:
    async def an_hour(_meter: Meter) -> None:
        await asyncio.sleep(3_600)

    facts = played(an_hour)

    assert when(facts, MeterRead) == [float(second) for second in range(3_601)]
    assert when(facts, MeterLost) == []


@pytest.mark.promise("R15")
def test_a_silent_meter_is_lost_after_ten_seconds_and_back_with_its_first_answer() -> None:
    async def silence(meter: Meter) -> None:
        await asyncio.sleep(5)
        meter.faults.silent = True
        await asyncio.sleep(60)
        meter.faults.silent = False
        await asyncio.sleep(30)

    facts = played(silence)
    (lost_s,) = when(facts, MeterLost)
    reads = when(facts, MeterRead)

    # The last good sample came at 5 s
    assert 15.0 <= lost_s <= 17.0
    assert [read for read in reads if 5.5 < read < 65.5] == []
    # A connection that nobody answered on was made anew with growing pauses, of ten seconds at most
    assert min(read for read in reads if read > 65.5) <= 76.0


@pytest.mark.parametrize("fault", ["nan", "exception"])
def test_a_meter_without_good_samples_is_lost_after_ten_seconds(fault: str) -> None:
    async def faulty(meter: Meter) -> None:
        await asyncio.sleep(5)
        setattr(meter.faults, fault, True)
        await asyncio.sleep(60)
        setattr(meter.faults, fault, False)
        await asyncio.sleep(5)

    facts = played(faulty)
    reads = when(facts, MeterRead)

    assert when(facts, MeterLost) == [15.0]
    assert [read for read in reads if 5.5 < read < 65.5] == []
    assert reads[-1] == 70.0
    assert 66.0 in reads


def test_a_meter_that_stands_still_is_held_back_after_ten_seconds_and_lost_after_thirty() -> None:
    async def freeze(meter: Meter) -> None:
        await asyncio.sleep(5)
        meter.faults.frozen = True
        await asyncio.sleep(60)
        meter.faults.frozen = False
        await asyncio.sleep(3)

    facts = played(freeze)
    (lost_s,) = when(facts, MeterLost)
    reads = when(facts, MeterRead)

    # The last reading that was new came at 5 s
    assert [read for read in reads if 5.5 < read < 65.5] == [float(second) for second in range(6, 15)]
    assert lost_s == 35.0
    assert [read for read in reads if read > 65.5] == [66.0, 67.0, 68.0]


def test_a_meter_without_power_is_lost_and_found_again() -> None:
    async def off_and_on(meter: Meter) -> None:
        await asyncio.sleep(5)
        await meter.power_off()
        await asyncio.sleep(60)
        await meter.start()
        await asyncio.sleep(15)

    facts = played(off_and_on)
    reads = when(facts, MeterRead)

    assert when(facts, MeterLost) == [15.0]
    assert 66.0 <= min(read for read in reads if read > 65.5) <= 76.0


def test_the_same_scene_gives_the_same_facts() -> None:
    async def scene(meter: Meter) -> None:
        await asyncio.sleep(20)
        meter.faults.silent = True
        await asyncio.sleep(20)
        meter.faults.silent = False
        await asyncio.sleep(20)

    assert played(scene) == played(scene)


def test_a_meter_that_often_misses_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async def now_and_then(meter: Meter) -> None:
        for _ in range(60):
            await asyncio.sleep(4)
            meter.faults.nan = True
            await asyncio.sleep(1)
            meter.faults.nan = False

    facts = played(now_and_then)
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    assert when(facts, MeterLost) == []
    (line,) = lines
    assert line.startswith('meter=grid unsteady bad=19 of=100 reason="current: register 6 holds no number"')
