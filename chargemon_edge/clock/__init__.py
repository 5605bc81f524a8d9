"""The two clocks of the machine. Nothing else in the package asks the time of anybody but a clock it was handed."""

from __future__ import annotations

import time
from pathlib import Path

# systemd-timesyncd makes the second once it has heard from a time server
_TIMESYNC = Path("/run/systemd/timesync")
# before this the clock of a machine without a battery has not been set
_LEAST_UTC_MS = 1_750_000_000_000


class SystemClock:
    """The kernel's monotonic clock (the event loop's own) and its idea of UTC."""

    # asked several times for each message: the function itself, without one of ours around it
    monotonic_s = staticmethod(time.monotonic)
    """Seconds since some fixed point; never steps."""

    def utc_ms(self) -> int:
        """Milliseconds since 1970 UTC; may step when the clock is set."""
        return time.time_ns() // 1_000_000


def is_synced(utc_ms: int) -> bool:
    """Whether UTC is to be believed, as far as can be told: another time service than systemd's leaves no mark."""
    if utc_ms < _LEAST_UTC_MS:
        return False
    return not _TIMESYNC.is_dir() or (_TIMESYNC / "synchronized").exists()
