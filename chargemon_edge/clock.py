"""The two clocks of the machine. Nothing else in the package asks the time of anybody but a clock it was handed."""

from __future__ import annotations

import time


class SystemClock:
    """The kernel's monotonic clock (the event loop's own) and its idea of UTC."""

    def monotonic_s(self) -> float:
        """Seconds since some fixed point; never steps."""
        return time.monotonic()

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC; may step when the clock is set."""
        return time.time_ns() // 1_000_000
