"""Whether a charger's value describes the present, judged by clocks that are wrong in every way.

After a reconnect chargers send what they kept in a burst; such values must never drive the balancer. A charger whose
clock is right is judged by the age of the value. One whose clock is wrong is judged by its pace: values that come as
far apart as they were measured are being measured now; a burst comes faster than it was measured.
"""

from __future__ import annotations

LIVE_AGE_MS = 10_000
_PACE_TOLERANCE_MS = 5_000
_BURST_MS = 10_000


class ChargerTime:
    """One connector's values on one link: build a new one for each link."""

    def __init__(self, linked_utc_ms: int) -> None:
        self._linked_utc_ms = linked_utc_ms
        # of the value before; unset until there was one
        self._last: tuple[int, int] | None = None

    def is_live(self, reported_utc_ms: int | None, arrival_utc_ms: int) -> bool:
        """Whether a value that claims *reported_utc_ms* and came at *arrival_utc_ms* describes the present."""
        if reported_utc_ms is None:
            return arrival_utc_ms - self._linked_utc_ms > _BURST_MS
        before, self._last = self._last, (reported_utc_ms, arrival_utc_ms)
        if abs(arrival_utc_ms - reported_utc_ms) <= LIVE_AGE_MS:
            return True
        if before is None:
            return False
        reported_apart = reported_utc_ms - before[0]
        arrived_apart = arrival_utc_ms - before[1]
        return arrived_apart > 1_000 and abs(arrived_apart - reported_apart) <= _PACE_TOLERANCE_MS
