"""The clock of the daemon's machine, which can be set wrong, and a time service that confirms it or does not."""

from __future__ import annotations

from chargemon_edge.clock.site_clock import Heard, SiteClock
from chargemon_edge.control.ports import Clock

SERVICE = "simulated time service"


class MachineClock:
    """Goes with *right*, but for the steps."""

    def __init__(self, right: Clock) -> None:
        self._right = right
        self.wrong_by_ms = 0
        self._confirmed = Heard(SERVICE, right.utc_ms())
        self.monotonic_s = right.monotonic_s

    def utc_ms(self) -> int:
        """What the machine says."""
        return self._right.utc_ms() + self.wrong_by_ms

    def confirm(self) -> None:
        """The time service says that it is right as it is."""
        self._confirmed = Heard(SERVICE, self.utc_ms())

    def site_clock(self) -> SiteClock:
        """What a daemon that starts on this machine believes."""
        return SiteClock(self, lambda _utc_ms: self._confirmed, kept_by_hardware=True, boot="simulated")
