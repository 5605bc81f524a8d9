"""So many in a second and no more: what is caught up on must not crowd out what is new, nor flood anybody."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.ports import Clock


class Allowance:
    """So many at once, and so many in a second in the long run: a token bucket."""

    def __init__(self, clock: Clock, per_s: float, burst: float, *, left: float | None = None) -> None:
        """*left*: what there is to begin with; unless given, all of it."""
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._left = burst if left is None else left
        self._at_s = clock.monotonic_s()

    def take(self) -> float:
        """Take one; returns 0, or after how many seconds there will be one again: then none was taken."""
        now_s = self._clock.monotonic_s()
        self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return (1 - self._left) / self._per_s
        self._left -= 1
        return 0.0


class Pacer:
    """Lets through so many in a second, a tenth of a second's worth at once."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._allowance = Allowance(clock, per_s, max(1.0, per_s / 10), left=0.0)

    async def turn(self) -> None:
        """Wait for one's turn."""
        while True:
            wait_s = self._allowance.take()
            if not wait_s:
                return
            await asyncio.sleep(wait_s)
