"""The time-boxed window in which charge points that are not configured may connect, so that they can be seen and added.

Never open by itself and never for longer than asked. What comes in through it charges nobody: it has no circuit.
"""

from __future__ import annotations

import logging

from chargemon_edge.control.ports import Clock

log = logging.getLogger(__name__)

MINUTES_MAX = 60


class Commissioning:
    """Open or shut, by the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s: float | None = None

    def open(self, minutes: int) -> None:
        """Let unknown charge points in for *minutes* (1 to 60) from now; raises ValueError outside that range."""
        if not 1 <= minutes <= MINUTES_MAX:
            raise ValueError(f"the window can be open for 1 to {MINUTES_MAX} minutes, not {minutes}")
        self._until_s = self._clock.monotonic_s() + 60 * minutes
        log.warning("commissioning window opened minutes=%d: unknown charge points may connect", minutes)

    def close(self) -> None:
        """Shut the window now."""
        if self.is_open():
            log.warning("commissioning window closed")
        self._until_s = None

    def is_open(self) -> bool:
        """Whether unknown charge points may connect now."""
        return self.remaining_s() > 0

    def remaining_s(self) -> float:
        """How long the window stays open; 0 when it is shut."""
        return 0.0 if self._until_s is None else max(0.0, self._until_s - self._clock.monotonic_s())
