"""Watches our own time against the machine's clock, and tells of every change as a fact. Sets no clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from chargemon_edge.clock.site_clock import Apart, Corrected, Kept, SiteClock
from chargemon_edge.control.ports import Journal, RestoredClock, moment
from chargemon_edge.control.present import Present
from chargemon_edge.site.clock_facts import ClockApart, ClockBegun, ClockCorrected
from chargemon_edge.site.facts import Fact

log = logging.getLogger(__name__)

LOOK_S = 1.0


class Dates(Protocol):
    """Where dated records are put right."""

    def redate(self, fact: ClockCorrected) -> None:
        """Move what was recorded while the time was not known; returns at once."""
        ...


def resume(clock: SiteClock, restored: RestoredClock) -> None:
    """Go on from what the disk knows of the time, before anything is dated by it."""
    same_boot = clock.boot != "" and clock.boot == restored.boot
    kept = Kept(
        offset_ms=restored.offset_ms, source=restored.source, doubted_since_utc_ms=restored.doubted_since_utc_ms
    )
    clock.resume(restored.newest_utc_ms, kept if same_boot else None)


class Timekeeping:
    """Owns the looking. Lives on the event loop."""

    def __init__(self, clock: SiteClock, present: Present, journal: Journal, dates: Dates) -> None:
        self._clock = clock
        self._present = present
        self._journal = journal
        self._dates = dates
        # called after each correction, for what follows no facts
        self.corrected: list[Callable[[], None]] = []

    def begin(self) -> None:
        """Say by which time this run records."""
        clock = self._clock
        self._note(
            ClockBegun(
                at=moment(clock),
                boot=clock.boot,
                offset_ms=clock.offset_ms,
                source=clock.source,
                doubted_since_utc_ms=clock.doubted_since_utc_ms,
            )
        )
        if clock.source is None:
            log.warning(
                "time not known to be right: no time service has set the clock yet; records are dated from the newest "
                "one on and put right later"
            )

    async def run(self) -> None:
        """Look every second, until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Take in what the machine's clock did since the last look."""
        changed = self._clock.look()
        if isinstance(changed, Corrected):
            self._correct(changed)
        elif isinstance(changed, Apart):
            self._apart(changed)

    def confirm(self, by: str) -> None:
        """A person says that the machine's clock is right now. Raises NeverSetError where it cannot be."""
        self._correct(self._clock.confirm(f"confirmed by {by}"))

    def _correct(self, changed: Corrected) -> None:
        fact = ClockCorrected(
            at=moment(self._clock),
            boot=self._clock.boot,
            by_ms=changed.by_ms,
            offset_ms=self._clock.offset_ms,
            source=changed.source,
            doubted_since_utc_ms=changed.doubted_since_utc_ms,
            before_utc_ms=changed.before_utc_ms,
        )
        log.warning("time known by_s=%.1f source=%r", fact.by_ms / 1000, fact.source)
        # what was recorded before this must be on its way first
        self._dates.redate(fact)
        self._note(fact)
        for told in self.corrected:
            told()

    def _apart(self, changed: Apart) -> None:
        if changed.machine_ahead_ms:
            log.warning(
                "machine clock set by_s=%.1f: no time service says that it is right, so it is not followed",
                changed.machine_ahead_ms / 1000,
            )
        else:
            log.warning("machine clock agrees again")
        self._note(ClockApart(at=moment(self._clock), machine_ahead_ms=changed.machine_ahead_ms))

    def _note(self, fact: Fact) -> None:
        self._journal.record((fact,))
        self._present.apply((fact,))
