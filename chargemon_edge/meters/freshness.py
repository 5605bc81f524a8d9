"""How far a meter may be trusted now: the age of its sample and how long nothing has come. Pure; is told the time.

A gateway can answer perfectly with old data. So the age of a sample is the time since *anything* in it changed: the
voltages, currents and frequency of three live phases never stand still for long.
"""

from __future__ import annotations

import enum

# Readings are held back after this part of the time that makes them count as frozen
SUSPECT_PART = 1 / 3


class Standing(enum.Enum):
    """What the readings are worth."""

    STARTING = "starting"
    GOOD = "good"
    SUSPECT = "suspect"
    """Nothing has changed for so long that the readings are held back."""
    LOST = "lost"


class Freshness:
    """Follows one meter; *standing* and *why* are true after each call.

    Good samples come through :meth:`sample`, everything else through :meth:`missed`.
    """

    def __init__(self, *, lost_after_s: float, frozen_after_s: float, now_s: float) -> None:
        self.standing = Standing.STARTING
        # Why the standing is what it is; empty while it is good
        self.why = ""
        # When the newest plausible sample came; before the first, when the waiting began
        self.heard_s = now_s
        # When the standing was last good; before the first good sample, when the waiting began
        self.good_s = now_s
        # When anything in the samples last changed
        self.changed_s = now_s
        self._lost_after_s = lost_after_s
        self._frozen_after_s = frozen_after_s
        self._content: object = None

    def sample(self, content: object, now_s: float) -> Standing:
        """A plausible sample came; *content* is all that was read, compared with the one before."""
        self.heard_s = now_s
        if content != self._content:
            self._content = content
            self.changed_s = now_s
            return self._good(now_s)
        unchanged_s = now_s - self.changed_s
        if unchanged_s >= self._frozen_after_s:
            return self._lose(f"every reading has stood still for {unchanged_s:.0f} s")
        if self.standing is not Standing.GOOD:
            # Lost, and the first answer repeats the last one before the loss: that may be a gateway's memory
            return self.standing
        if unchanged_s < self._frozen_after_s * SUSPECT_PART:
            return self._good(now_s)
        self.why = f"no reading has changed for {unchanged_s:.0f} s"
        self.standing = Standing.SUSPECT
        return self.standing

    def missed(self, why: str, now_s: float) -> Standing:
        """A sample was due and none came, or it was not to be believed."""
        silent_s = now_s - self.heard_s
        if silent_s >= self._lost_after_s:
            return self._lose(f"no good sample for {silent_s:.0f} s: {why}")
        if self.standing is Standing.SUSPECT and now_s - self.changed_s >= self._frozen_after_s:
            return self._lose(f"{self.why}, then none came: {why}")
        return self.standing

    def _good(self, now_s: float) -> Standing:
        self.good_s = now_s
        self.why = ""
        self.standing = Standing.GOOD
        return self.standing

    def _lose(self, why: str) -> Standing:
        if self.standing is not Standing.LOST:
            self.why = why
            self.standing = Standing.LOST
        return self.standing


class Steadiness:
    """Notices a meter that is never lost but misses many samples. Counts in windows, so that it speaks seldom."""

    WINDOW = 100
    _UNSTEADY_BAD = 10

    def __init__(self) -> None:
        self.unsteady = False
        # Polls without a good sample in the newest whole window
        self.bad = 0
        self._polls_now = 0
        self._bad_now = 0

    def count(self, *, good: bool) -> bool:
        """One poll is over; True when the verdict has just changed."""
        self._polls_now += 1
        self._bad_now += not good
        if self._polls_now < self.WINDOW:
            return False
        self.bad, self._polls_now, self._bad_now = self._bad_now, 0, 0
        before, self.unsteady = self.unsteady, self.bad >= self._UNSTEADY_BAD
        return self.unsteady is not before
