"""The daemon's own time: the machine's, as long as there is reason to believe it.

The machine's clock may begin in 1970, be set by years, or run away. Durations never see that: they are counted on the
monotonic clock. Wall time is that same count plus an offset, and the offset changes only here, by rules:

* A time service says that the machine's clock is right: it is followed, whatever it says.
* Nobody says so, and the clock begins: it is believed if a hardware clock kept it and it is not older than the newest
  record. Else our time goes on from the newest record, and is marked as not known to be right.
* Nobody says so, and the clock is set: when our time was not known to be right, whoever set it forward knows better.
  When it was, the step is held against the machine: our time goes on as it was, until a time service or a person
  confirms the new one.

Pure but for the clock it is handed: the tests move that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

# this software is younger: a clock before this was never set
FLOOR_UTC_MS = 1_767_225_600_000
# below this a difference is a correction that time services make all the time
STEP_MS = 1_000
# what a hardware clock, which knows whole seconds, may lag behind our newest record
BEHIND_MS = 60_000
# after a step by more than this, nothing is judged by its age for a while: a time service can be wrong, too
FAR_MS = 86_400_000
SETTLED_S = 3_600.0

HARDWARE = "hardware clock"
SET = "set by hand or by a service that is not asked"


class NeverSetError(Exception):
    """The machine's clock was never set."""


class Machine(Protocol):
    """The machine's own clocks."""

    def monotonic_s(self) -> float:
        """Seconds; never steps."""
        ...

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC; may step."""
        ...


class Heard(msgspec.Struct, frozen=True):
    """A time service that has set the machine's clock."""

    service: str
    at_utc_ms: int
    """When it did so last, by that clock."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The offset of an earlier run of the daemon since the same boot: the monotonic clock is still the same."""

    offset_ms: int
    """Wall time less monotonic time."""
    source: str | None
    """Why it was believed; None: it was not."""
    doubted_since_utc_ms: int | None
    """Since when it was not."""


class Corrected(msgspec.Struct, frozen=True, kw_only=True):
    """Our time was moved, or is known to be right from now on."""

    by_ms: int
    source: str
    doubted_since_utc_ms: int | None
    """What was recorded from then (by the old time) until now was dated by a time that was not known to be right."""
    before_utc_ms: int
    """Our old time at that moment."""


class Apart(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's clock was set and nobody says that it is right; 0: it agrees with us again."""

    machine_ahead_ms: int


class SiteClock:
    """Implements :class:`chargemon_edge.control.ports.Clock`. Lives on the event loop; :meth:`look` every second."""

    def __init__(
        self, machine: Machine, heard: Callable[[int], Heard | None], *, kept_by_hardware: bool, boot: str = ""
    ) -> None:
        """*heard*: the time service that has set the machine's clock, given what that clock says now."""
        self._machine = machine
        self._heard = heard
        self._kept_by_hardware = kept_by_hardware
        self.boot = boot
        """Which boot of the machine this is; empty: not known."""
        self.monotonic_s: Callable[[], float] = machine.monotonic_s
        self._offset_ms = 0
        self.source: str | None = None
        """Why our time is believed; None: it is not known to be right."""
        self.doubted_since_utc_ms: int | None = None
        self.machine_ahead_ms = 0
        self._far_step_s = float("-inf")
        self._heard_last: Heard | None = None
        self._move_to(max(machine.utc_ms(), FLOOR_UTC_MS))
        self.resume(None, None)

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC, as we believe it."""
        return self._offset_ms + round(self.monotonic_s() * 1000)

    @property
    def offset_ms(self) -> int:
        """Wall time less monotonic time."""
        return self._offset_ms

    @property
    def settled(self) -> bool:
        """Whether the age of a record may decide about it."""
        return self.source is not None and self.monotonic_s() - self._far_step_s >= SETTLED_S

    def resume(self, newest_utc_ms: int | None, kept: Kept | None) -> None:
        """Go on from what the disk knows: its newest record, and this boot's time as an earlier run left it."""
        now_ms = self._machine.utc_ms()
        if kept is not None:
            # what that run recorded is on this time: if it was wrong, the next look tells
            self._offset_ms, self.source = kept.offset_ms, kept.source
            self.doubted_since_utc_ms = kept.doubted_since_utc_ms
            return
        heard = self._heard_last = self._believable(now_ms)
        if heard is not None:
            self._believe(now_ms, heard.service)
        elif self._kept_by_hardware and now_ms >= max(FLOOR_UTC_MS, (newest_utc_ms or 0) - BEHIND_MS):
            self._believe(now_ms, HARDWARE)
        else:
            self._move_to(max(now_ms, FLOOR_UTC_MS, (newest_utc_ms or 0) + 1))
            self.source, self.doubted_since_utc_ms = None, self.utc_ms()

    def look(self) -> Corrected | Apart | None:
        """Compare the machine's clock with ours; what changed, if anything did."""
        now_ms = self._machine.utc_ms()
        ahead_ms = now_ms - self.utc_ms()
        heard = self._heard_anew(now_ms)
        if heard is not None:
            if self.source is None or abs(ahead_ms) > STEP_MS:
                return self._correct(now_ms, ahead_ms, heard.service)
            self.source = heard.service
        elif self.source is None and ahead_ms > STEP_MS and now_ms >= FLOOR_UTC_MS:
            return self._correct(now_ms, ahead_ms, SET)
        elif abs(ahead_ms) > STEP_MS:
            return None if self.source is None else self._hold(ahead_ms)
        self._move_to(now_ms)
        agreed, self.machine_ahead_ms = self.machine_ahead_ms != 0, 0
        return Apart(machine_ahead_ms=0) if agreed else None

    def confirm(self, by: str) -> Corrected:
        """A person says that the machine's clock is right. Raises NeverSetError where it cannot be."""
        now_ms = self._machine.utc_ms()
        if now_ms < FLOOR_UTC_MS:
            raise NeverSetError("the machine's clock is before this software was made: set it first (timedatectl)")
        return self._correct(now_ms, now_ms - self.utc_ms(), by)

    def _heard_anew(self, now_ms: int) -> Heard | None:
        """The time service, if it has set the clock since the last look: what it said before says nothing of a step."""
        heard = self._believable(now_ms)
        if heard == self._heard_last:
            return None
        self._heard_last = heard
        return heard

    def _believable(self, now_ms: int) -> Heard | None:
        heard = self._heard(now_ms) if now_ms >= FLOOR_UTC_MS else None
        # a service cannot have set the clock later than now: then it was set back since, by somebody else
        return heard if heard is not None and heard.at_utc_ms <= now_ms + STEP_MS else None

    def _correct(self, now_ms: int, ahead_ms: int, source: str) -> Corrected:
        before_ms, since_ms = self.utc_ms(), self.doubted_since_utc_ms
        if abs(ahead_ms) > FAR_MS:
            self._far_step_s = self.monotonic_s()
        self._believe(now_ms, source)
        return Corrected(by_ms=ahead_ms, source=source, doubted_since_utc_ms=since_ms, before_utc_ms=before_ms)

    def _hold(self, ahead_ms: int) -> Apart | None:
        told_ms = self.machine_ahead_ms
        if told_ms != 0 and abs(ahead_ms - told_ms) <= max(60_000, abs(told_ms) // 2):
            return None
        self.machine_ahead_ms = ahead_ms
        return Apart(machine_ahead_ms=ahead_ms)

    def _believe(self, utc_ms: int, source: str) -> None:
        self._move_to(utc_ms)
        self.source, self.doubted_since_utc_ms, self.machine_ahead_ms = source, None, 0

    def _move_to(self, utc_ms: int) -> None:
        self._offset_ms = utc_ms - round(self.monotonic_s() * 1000)
