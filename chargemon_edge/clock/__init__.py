"""The two clocks of the machine. Nothing else in the package asks the time of anybody but a clock it was handed."""

from __future__ import annotations

import time


class SystemClock:
    """The kernel's monotonic clock (the event loop's own) and its idea of UTC."""

    # asked several times for each message: the function itself, without one of ours around it
    monotonic_s = staticmethod(time.monotonic)
    """Seconds since some fixed point; never steps."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC; may step when the clock is set."""
        return time.time_ns() // 1_000_000
