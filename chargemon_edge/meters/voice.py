"""What the log says of one meter: a line for each change, with what to do about it; never a line for each failure."""

from __future__ import annotations

import logging

import msgspec

from chargemon_edge.meters import selftest
from chargemon_edge.meters.freshness import Freshness, Standing, Steadiness
from chargemon_edge.meters.register_map import Block
from chargemon_edge.meters.registers import Sample
from chargemon_edge.site.units import PerPhase

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


class Voice:
    """Speaks for one meter."""

    def __init__(self, meter: str, title: str) -> None:
        self._meter = meter
        self._title = title
        self._told_failed = False
        self._told_passed = False
        # The last bug that was told, so that one that comes with each poll is told once
        self._last_bug = ""

    def self_test_passed(self, sample: Sample) -> None:
        """The first plausible sample."""
        if self._told_passed:
            return
        self._told_passed = True
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

    def self_test_failed(self, why: str, advice: str) -> None:
        """The meter answers, but with nothing to be believed, and has done so since the start."""
        if self._told_passed or self._told_failed:
            return
        self._told_failed = True
        _log.error('meter=%s self-test failed reason="%s" advice="%s"', self._meter, why, advice)

    def block_refused(self, block: Block, why: str, advice: str) -> None:
        """The meter does not give a block that only the display needs."""
        _log.warning(
            'meter=%s block=%d+%d refused reason="%s" advice="%s, or leave the block out of the map"',
            self._meter,
            block.start,
            block.count,
            why,
            advice,
        )

    def standing_changed(
        self, freshness: Freshness, before: Standing, *, advice: str | None, silent_s: float, counts: Counts
    ) -> None:
        """The meter's standing is another than *before*; *advice* is that of the failure which did it."""
        standing, why = freshness.standing, freshness.why
        if standing is Standing.LOST:
            _log.warning('meter=%s lost reason="%s" advice="%s" %s', self._meter, why, advice or _FROZEN_ADVICE, counts)
        elif standing is Standing.SUSPECT:
            _log.warning('meter=%s suspect reason="%s" advice="%s"', self._meter, why, _FROZEN_ADVICE)
        elif before is Standing.LOST:
            _log.warning("meter=%s back after_s=%.1f %s", self._meter, silent_s, counts)
        elif before is Standing.SUSPECT:
            _log.info("meter=%s moves again", self._meter)

    def steadiness_changed(self, steadiness: Steadiness, why: str, advice: str) -> None:
        """Many samples are missed, or no longer; *why* and *advice* are those of the last failure."""
        if steadiness.unsteady:
            _log.warning(
                'meter=%s unsteady bad=%d of=%d reason="%s" advice="%s"',
                self._meter,
                steadiness.bad,
                steadiness.WINDOW,
                why,
                advice,
            )
        else:
            _log.info("meter=%s steady bad=%d of=%d", self._meter, steadiness.bad, steadiness.WINDOW)

    def bug(self, bug: Exception) -> None:
        """A bug of ours; called while it is handled."""
        if repr(bug) != self._last_bug:
            self._last_bug = repr(bug)
            _log.exception("meter=%s poll failed through a bug in this program", self._meter)


def _thousandths(values: PerPhase) -> str:
    return "/".join(f"{value / 1000:.1f}" for value in values)
