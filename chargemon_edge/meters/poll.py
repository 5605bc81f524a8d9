"""Reads one meter at a steady pace and reports what it says as facts.

One poll follows the other, never two at once; what goes wrong costs one sample. It never reports a current that was
not read whole and found plausible, and it speaks when the meter's standing changes, not at every failure.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from chargemon_edge.meters import selftest
from chargemon_edge.meters.freshness import Freshness, Standing, Steadiness
from chargemon_edge.meters.modbus import ExceptionAnswer, ReadFailed, RegisterSource
from chargemon_edge.meters.registers import Decoder, Implausible, Sample
from chargemon_edge.meters.settings import MeterSettings, register_map_of
from chargemon_edge.meters.voice import Counts, Voice
from chargemon_edge.site.facts import Fact, MeterLost, MeterRead, Moment

if TYPE_CHECKING:
    from chargemon_edge.control.ports import Clock


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
        self._voice = Voice(settings.name, self._map.title)
        self._steadiness = Steadiness()
        # Whether the map has given a plausible sample
        self._map_proven = False
        # Why the last failed poll failed, and what to do about it
        self._failure = ("", "")

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
                    self._voice.block_refused(block, refused.why, refused.advice)
            except ReadFailed:
                # The next sample meets the same trouble and tells it
                continue
            except Exception as bug:  # noqa: BLE001 - as above
                self._bug(bug)

    def _bug(self, bug: Exception) -> ReadFailed:
        self._voice.bug(bug)
        return ReadFailed(f"a bug in this program ({type(bug).__name__})", "report the traceback in the log")

    def _judge(self, freshness: Freshness, outcome: Sample | Implausible | ReadFailed) -> None:
        """Count the outcome, say what changed, report what is worth reporting."""
        now = Moment(self._clock.monotonic_s(), self._clock.utc_ms())
        before, good_s = freshness.standing, freshness.good_s
        advice = None
        if isinstance(outcome, Sample):
            # A block that is read now and then would seem to change when it catches up
            fresh = [words for words, block in zip(self._blocks, self._map.blocks, strict=True) if block.every == 1]
            standing = freshness.sample(fresh, now.mono_s)
            self._map_proven = True
            self._voice.self_test_passed(outcome)
        else:
            advice = self._failed(outcome)
            standing = freshness.missed(outcome.why, now.mono_s)
        if standing is not before:
            silent_s = now.mono_s - good_s
            self._voice.standing_changed(freshness, before, advice=advice, silent_s=silent_s, counts=self.counts)
        # While the meter is lost there is no more to say
        if standing is not Standing.LOST and self._steadiness.count(good=isinstance(outcome, Sample)):
            self._voice.steadiness_changed(self._steadiness, *self._failure)
        if standing is Standing.GOOD and isinstance(outcome, Sample):
            self.counts.good += 1
            self._report(_reading(self.settings.name, outcome, now))
        elif isinstance(outcome, Sample):
            self.counts.held_back += 1
        if standing is Standing.LOST and before is not Standing.LOST:
            self._report(MeterLost(at=now, meter=self.settings.name, reason=freshness.why))

    def _failed(self, outcome: Implausible | ReadFailed) -> str:
        """Count it; returns what to do about it."""
        if isinstance(outcome, ReadFailed):
            self.counts.missed += 1
            advice = outcome.advice
        else:
            self.counts.implausible += 1
            # A map that has worked once is not to be doubted
            change = None if self._map_proven else selftest.advice(self._map, self._blocks)
            advice = f"in the register map, try {change}" if change else "look at the meter's wiring and rating_ma"
            self._voice.self_test_failed(outcome.why, advice)
        self._failure = (outcome.why, advice)
        return advice


def _reading(meter: str, sample: Sample, now: Moment) -> MeterRead:
    return MeterRead(
        at=now,
        meter=meter,
        current_ma=sample.current_ma,
        voltage_mv=sample.voltage_mv,
        power_w=sample.power_w,
        frequency_mhz=sample.frequency_mhz,
    )


def next_due_s(due_s: float, now_s: float, poll_s: float) -> float:
    """The first moment after *now_s* on the grid that *due_s* lies on."""
    return due_s + poll_s * max(1, math.floor((now_s - due_s) / poll_s) + 1)
