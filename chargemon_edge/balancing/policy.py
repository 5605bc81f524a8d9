"""Every number of the control law in one frozen value, at the defaults that the closed-loop measurements favour.

Must never hold anything that describes the site itself: fuses, wiring and chargers are in the layout.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How carefully the balancer acts. Times in seconds, currents in mA; safe as it stands."""

    # the two clocks
    slow_period_s: float = 10.0
    """How often the slow path runs when nothing happens."""
    raise_window_s: float = 30.0
    """Headroom counts for raising only after it was there this long; 60 is calmer."""
    settle_s: float = 10.0
    """How long charger and car may take to follow an accepted limit (IEC 61851-1 gives the car 5 s of it)."""
    raise_step_ma: int = 4_000
    """Largest increase at once; only a start jumps, to the connector's minimum."""
    raise_period_s: float = 10.0
    """Shortest time between two increases of one connector."""
    min_change_ma: int = 1_000
    """Smaller changes are not sent, unless a fuse needs the decrease."""
    answer_patience_s: float = 5.0
    """A limit unanswered for longer is not relied on: the charger counts at the most it may hold."""
    refusal_retry_s: float = 60.0
    """After the second refusal in a row a charger is asked again this often."""
    values_stale_s: float = 120.0
    """A charger's measured current older than this proves nothing."""

    # the meter
    meter_stale_s: float = 3.0
    """Without a good sample for this long nothing is raised."""
    meter_lost_s: float = 10.0
    """Without a good sample for this long everyone behind the meter goes to the fallback current."""
    meter_back_s: float = 30.0
    """A lost meter counts again after good samples for this long."""

    # what a car takes
    demand_s: float = 60.0
    """A car drawing less than allowed for this long gives up the difference; an unused phase is released."""
    demand_slack_ma: int = 2_000
    """Drawing within this of the limit is using it."""
    demand_margin_ma: int = 3_000
    """Left to a car above what it draws."""
    demand_reopen_ma: int = 1_000
    """Drawing within this of its estimate raises the estimate…"""
    demand_step_ma: int = 4_000
    """…by this."""
    phase_used_ma: int = 1_000
    """From this current on a phase is in use."""
    satisfied_s: float = 180.0
    """A car that draws nothing for this long keeps only a try at its minimum, after everyone else."""
    overdraw_percent: int = 10
    """Drawing this much above its limit…"""
    overdraw_s: float = 7.0
    """…for this long means that the charger does not obey: it counts at what it draws."""

    # whose turn it is
    mode: Literal["share", "strict"] = "share"
    """``share``: every class gets its minimums before any class is filled; ``strict``: class after class."""
    min_on_s: float = 300.0
    """Who has begun keeps its turn for at least this long…"""
    rotation_s: float = 900.0
    """…and for this long if others wait; 0 turns rotation off (who charges stays first)."""
    min_off_s: float = 60.0
    """Who was paused stays paused at least this long."""
    served_window_s: float = 14_400.0
    """Over this time the charge already served is counted: who had less goes first."""
    ageing_s: float = 7_200.0
    """Waiting this long moves a connector up one class; 0 turns ageing off."""

    def mistakes(self) -> list[str]:
        """Everything that makes these numbers unusable, one sentence each; empty when they are sound."""
        found = [
            f"{name} must be above 0"
            for name in ("slow_period_s", "raise_window_s", "settle_s", "raise_step_ma", "raise_period_s", "demand_s")
            if getattr(self, name) <= 0
        ]
        found += [
            f"{name} must not be negative"
            for name in ("min_change_ma", "meter_back_s", "min_on_s", "rotation_s", "min_off_s", "ageing_s")
            if getattr(self, name) < 0
        ]
        if not 0 < self.meter_stale_s <= self.meter_lost_s:
            found.append("meter_stale_s must be above 0 and not above meter_lost_s")
        if self.served_window_s < self.rotation_s:
            found.append("served_window_s must not be shorter than rotation_s")
        return found
