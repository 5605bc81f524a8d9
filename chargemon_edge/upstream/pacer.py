"""So many in a second and no more: what is caught up on must not crowd out what is new, nor flood a broker."""

from __future__ import annotations

import asyncio

from chargemon_edge.control.ports import Clock


class Pacer:
    """Lets through so many in a second, a tenth of a second's worth at once."""

    def __init__(self, clock: Clock, per_s: float) -> None:
        self._clock = clock
        self._per_s = per_s
        self._left = 0.0
        self._at_s = clock.monotonic_s()

    async def turn(self) -> None:
        """Wait for one's turn."""
        while True:
            now_s = self._clock.monotonic_s()
            self._left = min(max(1.0, self._per_s / 10), self._left + (now_s - self._at_s) * self._per_s)
            self._at_s = now_s
            if self._left >= 1:
                self._left -= 1
                return
            await asyncio.sleep((1 - self._left) / self._per_s)
