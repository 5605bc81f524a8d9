"""A machine whose clocks and time service are moved by hand."""

from __future__ import annotations

from chargemon_edge.clock.site_clock import Heard, SiteClock

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000


class Machine:
    """Both of its clocks; a time service that keeps it, or none."""

    def __init__(self, utc_ms: int = NOW_MS, mono_s: float = 10.0) -> None:
        self.mono_s = mono_s
        self.wall_ms = utc_ms
        self.service: str | None = None
        self.last_heard_ms: int | None = None

    def monotonic_s(self) -> float:
        return self.mono_s

    def utc_ms(self) -> int:
        return self.wall_ms

    def heard(self, utc_ms: int) -> Heard | None:
        """The service keeps the clock all the time, unless it was last heard at a certain time."""
        if self.service is None:
            return None
        return Heard(self.service, utc_ms if self.last_heard_ms is None else self.last_heard_ms)

    def pass_s(self, seconds: float, *, rate: float = 1.0) -> None:
        """Let time pass; *rate*: how fast the wall clock runs meanwhile."""
        self.mono_s += seconds
        self.wall_ms += round(seconds * 1000 * rate)

    def site_clock(self, *, kept_by_hardware: bool = False, boot: str = "b1") -> SiteClock:
        return SiteClock(self, self.heard, kept_by_hardware=kept_by_hardware, boot=boot)
