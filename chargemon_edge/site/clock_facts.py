"""Facts about the time itself. *at* is the time after the change."""

from __future__ import annotations

from chargemon_edge.site.facts import Fact

# charge points bear a lag of half a minute (ocpp/charging_profile.py)
_UNNOTICED_MS = 10_000


class ClockBegun(Fact, frozen=True, kw_only=True, gc=False):
    """The daemon started: by which time it records, and since which boot of the machine."""

    boot: str
    offset_ms: int
    """Wall time less monotonic time."""
    source: str | None
    """Why that time is believed; None: it is not known to be right."""
    doubted_since_utc_ms: int | None = None
    """Since when it is not, perhaps in an earlier run since the same boot."""


class ClockCorrected(Fact, frozen=True, kw_only=True, gc=False):
    """Our time was moved, or is known to be right from now on."""

    boot: str
    by_ms: int
    offset_ms: int
    source: str
    doubted_since_utc_ms: int | None
    """What was recorded from then (by the old time) on is moved by as much; None: nothing is."""
    before_utc_ms: int
    """The old time at this moment."""

    @property
    def charge_points_must_know(self) -> bool:
        """Whether limits that are dated by the new time mean something else to a charge point on the old one."""
        return abs(self.by_ms) >= _UNNOTICED_MS

    def moved(self, utc_ms: int) -> int:
        """What a moment that we recorded as *utc_ms* is called from now on."""
        since_ms = self.doubted_since_utc_ms
        return utc_ms + self.by_ms if since_ms is not None and since_ms <= utc_ms <= self.before_utc_ms else utc_ms


class ClockApart(Fact, frozen=True, kw_only=True, gc=False):
    """The machine's clock was set and nobody says that it is right: ours goes on as it was. 0: they agree again."""

    machine_ahead_ms: int


class TimeTold(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point has asked for the time since ours was moved: from here on it goes by the new one."""

    charge_point: str
