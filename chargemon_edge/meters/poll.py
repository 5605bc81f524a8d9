"""Reads one meter at a steady pace and reports what it says as facts.

One poll follows the other, never two at once; what goes wrong costs one sample. It never reports a current that was
not read whole and found plausible, and it speaks when the meter's standing changes, not at every failure.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from chargemon_edge.meters import selftest
from chargemon_edge.meters.freshness import Freshness, Standing
from chargemon_edge.meters.modbus import ExceptionAnswer, ReadFailed, RegisterSource
from chargemon_edge.meters.registers import Decoder, Implausible, Sample
from chargemon_edge.meters.settings import MeterSettings, register_map_of
from chargemon_edge.site.facts import Fact, MeterLost, MeterRead, Moment
from chargemon_edge.site.units import PerPhase

if TYPE_CHECKING:
    from chargemon_edge.control.ports import Clock

_log = logging.getLogger(__name__)

_FROZEN_ADVICE = "look for a gateway that repeats old data; if this meter's steps are coarse, raise frozen_after_s"


class Counts(msgspec.Struct, kw_only=True):
    """What became of the polls since the start."""

    good: int = 0
    missed: int = 0
    implausible: int = 0
    held_back: int = 0
    """Answered, but nothing in it had changed for too long."""

    def __str__(self) -> str:
        return f"good={self.good} missed={self.missed} implausible={self.implausible} held_back={self.held_back}"


class MeterPoll:
    """One meter. *report* gets every :class:`MeterRead` at once and each :class:`MeterLost` once, on the loop."""

    def __init__(self, settings: MeterSettings, clock: Clock, report: Callable[[Fact], None]) -> None:
        self.settings = settings
        self.counts = Counts()
        self._clock = clock
        self._report = report
        self._map = register_map_of(settings)
        self._decoder = Decoder(
            self._map,
            rating_ma=settings.rating_ma,
            ct_ratio=settings.ct_ratio,
            rotation=settings.rotation,
            reversed_ct=settings.reversed_ct,
            invert=settings.invert,
        )
        # The newest words of each block; None until it was read, and for a block that the meter refuses
        self._blocks: list[bytes | None] = [None] * len(self._map.blocks)
        self._self_test = _SelfTest(settings.name, self._map.title)
        # The last bug that was logged, so that one that comes with each poll is told once
        self._last_bug = ""

    async def run(self) -> None:
        """Poll until cancelled, at multiples of ``poll_s`` from the start; slow answers cost the polls they overlap."""
        settings = self.settings
        source = RegisterSource(
            settings.host,
            settings.port,
            settings.unit,
            function_code=self._map.function_code,
            timeout_s=settings.timeout_s,
        )
        due_s = self._clock.monotonic_s()
        freshness = Freshness(lost_after_s=settings.lost_after_s, frozen_after_s=settings.frozen_after_s, now_s=due_s)
        turn = 0
        try:
            while True:
                outcome = await self._outcome(source, turn)
                self._judge(freshness, outcome)
                if turn:
                    await self._read_occasional(source, turn)
                turn += 1
                now_s = self._clock.monotonic_s()
                due_s = next_due_s(due_s, now_s, settings.poll_s)
                await asyncio.sleep(due_s - now_s)
        finally:
            source.close()

    async def _outcome(self, source: RegisterSource, turn: int) -> Sample | Implausible | ReadFailed:
        """One poll, whatever comes of it."""
        try:
            if turn == 0:
                # The self-test wants to see everything
                await self._read_occasional(source, turn)
            for index, block in enumerate(self._map.blocks):
                if block.every == 1:
                    self._blocks[index] = await source.read(block.start, block.count)
            return self._decoder.decode(self._blocks)
        except ReadFailed as failed:
            return failed
        except Exception as bug:  # noqa: BLE001 - at this edge a bug of ours costs one poll, never the site
            return self._bug(bug)

    async def _read_occasional(self, source: RegisterSource, turn: int) -> None:
        """The blocks that are due only now and then; what goes wrong with one of them costs nothing else."""
        for index, block in enumerate(self._map.blocks):
            if block.every == 1 or turn % block.every:
                continue
            self._blocks[index] = None
            try:
                self._blocks[index] = await source.read(block.start, block.count)
            except ExceptionAnswer as refused:
                if turn == 0:
                    _log.warning(
                        'meter=%s block=%d+%d refused reason="%s" advice="%s, or leave the block out of the map"',
                        self.settings.name,
                        block.start,
                        block.count,
                        refused.why,
                        refused.advice,
                    )
            except ReadFailed:
                # The next sample meets the same trouble and tells it
                continue
            except Exception as bug:  # noqa: BLE001 - as above
                self._bug(bug)

    def _bug(self, bug: Exception) -> ReadFailed:
        """Tell a bug of ours once, with its traceback; called while it is handled."""
        if repr(bug) != self._last_bug:
            self._last_bug = repr(bug)
            _log.exception("meter=%s poll failed through a bug in this program", self.settings.name)
        return ReadFailed(f"a bug in this program ({type(bug).__name__})", "report the traceback in the log")

    def _judge(self, freshness: Freshness, outcome: Sample | Implausible | ReadFailed) -> None:
        """Count the outcome, say what changed, report what is worth reporting."""
        now = Moment(self._clock.monotonic_s(), self._clock.utc_ms())
        before, good_s = freshness.standing, freshness.good_s
        advice = _FROZEN_ADVICE
        if isinstance(outcome, Sample):
            # A block that is read now and then would seem to change when it catches up
            fresh = [words for words, block in zip(self._blocks, self._map.blocks, strict=True) if block.every == 1]
            standing = freshness.sample(fresh, now.mono_s)
            self._self_test.passed(outcome)
        else:
            advice = self._failed(outcome)
            standing = freshness.missed(outcome.why, now.mono_s)
        if standing is not before:
            self._tell(freshness, before, advice, silent_s=now.mono_s - good_s)
        if isinstance(outcome, Sample) and standing is Standing.GOOD:
            self.counts.good += 1
            self._report(
                MeterRead(
                    at=now,
                    meter=self.settings.name,
                    current_ma=outcome.current_ma,
                    voltage_mv=outcome.voltage_mv,
                    power_w=outcome.power_w,
                    frequency_mhz=outcome.frequency_mhz,
                )
            )
        elif isinstance(outcome, Sample):
            self.counts.held_back += 1
        if standing is Standing.LOST and before is not Standing.LOST:
            self._report(MeterLost(at=now, meter=self.settings.name, reason=freshness.why))

    def _failed(self, outcome: Implausible | ReadFailed) -> str:
        """Count it; returns what to do about it."""
        if isinstance(outcome, ReadFailed):
            self.counts.missed += 1
            return outcome.advice
        self.counts.implausible += 1
        change = selftest.advice(self._map, self._blocks)
        advice = "look at the meter's wiring and rating_ma" if change is None else f"in the register map, try {change}"
        self._self_test.failed(outcome.why, advice)
        return advice

    def _tell(self, freshness: Freshness, before: Standing, advice: str, *, silent_s: float) -> None:
        """One line for a change of standing."""
        name, standing = self.settings.name, freshness.standing
        if standing is Standing.LOST:
            _log.warning('meter=%s lost reason="%s" advice="%s" %s', name, freshness.why, advice, self.counts)
        elif standing is Standing.SUSPECT:
            _log.warning('meter=%s suspect reason="%s" advice="%s"', name, freshness.why, _FROZEN_ADVICE)
        elif before is Standing.LOST:
            _log.warning("meter=%s back after_s=%.1f %s", name, silent_s, self.counts)
        elif before is Standing.SUSPECT:
            _log.info("meter=%s moves again", name)


class _SelfTest:
    """Tells once how the first readings looked."""

    def __init__(self, meter: str, title: str) -> None:
        self._meter = meter
        self._title = title
        self._told_failure = False
        self._told_success = False

    def passed(self, sample: Sample) -> None:
        """A sample was decoded."""
        if self._told_success:
            return
        self._told_success = True
        _log.info(
            'meter=%s self-test ok map="%s" current_a=%s voltage_v=%s frequency_hz=%s',
            self._meter,
            self._title,
            _thousandths(sample.current_ma),
            "none" if sample.voltage_mv is None else _thousandths(sample.voltage_mv),
            "none" if sample.frequency_mhz is None else f"{sample.frequency_mhz / 1000:.2f}",
        )
        for doubt in selftest.doubts(sample):
            _log.warning('meter=%s self-test doubt="%s"', self._meter, doubt)

    def failed(self, why: str, advice: str) -> None:
        """The meter answers, but with nothing to be believed, and has done so since the start."""
        if self._told_success or self._told_failure:
            return
        self._told_failure = True
        _log.error('meter=%s self-test failed reason="%s" advice="%s"', self._meter, why, advice)


def next_due_s(due_s: float, now_s: float, poll_s: float) -> float:
    """The first moment after *now_s* on the grid that *due_s* lies on."""
    return due_s + poll_s * max(1, math.floor((now_s - due_s) / poll_s) + 1)


def _thousandths(values: PerPhase) -> str:
    return "/".join(f"{value / 1000:.1f}" for value in values)
