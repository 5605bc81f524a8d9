"""Whether a charger's value describes the present, judged by clocks that are wrong in every way.

After a reconnect chargers send what they kept in a burst; such values must never drive the balancer. A charger whose
clock is right is judged by the age of the value. One whose clock is wrong is judged by its pace: values that come as
far apart as they were measured are being measured now; a burst comes faster than it was measured.
"""

from __future__ import annotations

from chargemon_edge.site.facts import Moment

LIVE_AGE_MS = 10_000
_PACE_TOLERANCE_S = 5.0
_BURST_S = 10.0


class ChargerTime:
    """One connector's values on one link: build a new one for each link."""

    def __init__(self, linked_mono_s: float) -> None:
        self._linked_mono_s = linked_mono_s
        # of the value before, what it claimed and when it came; unset until there was one
        self._last: tuple[int, float] | None = None

    def is_live(self, reported_utc_ms: int | None, arrival: Moment) -> bool:
        """Whether a value that claims *reported_utc_ms* and came at *arrival* describes the present.

        What is between two arrivals is counted on the clock that nobody sets: ours may have been set in between.
        """
        if reported_utc_ms is None:
            return arrival.mono_s - self._linked_mono_s > _BURST_S
        before, self._last = self._last, (reported_utc_ms, arrival.mono_s)
        if abs(arrival.utc_ms - reported_utc_ms) <= LIVE_AGE_MS:
            return True
        if before is None:
            return False
        reported_apart_s = (reported_utc_ms - before[0]) / 1000
        arrived_apart_s = arrival.mono_s - before[1]
        return arrived_apart_s > 1 and abs(arrived_apart_s - reported_apart_s) <= _PACE_TOLERANCE_S
