"""A car as its charger sees it: late, limited, tapering, and never between 0 and 6 A. Pure: it receives *now*.

Currents are mA on each of the conductors that the car uses; the charger's offer is what the pilot signal of
IEC 61851-1 says.
"""

from __future__ import annotations

import msgspec

from chargemon_edge.site.units import NOMINAL_VOLTAGE_V

# IEC 61851-1: the pilot signal cannot say less, so a car either draws at least this or nothing
PILOT_MIN_MA = 6_000
_NEVER_S = float("inf")


class Car(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of car it is."""

    name: str = "car"
    phases: int = 3
    """How many of the charger's conductors it uses, from L1 on."""
    max_ma: int = 16_000
    battery_wh: int = 60_000
    dead_time_s: float = 2.0
    """From a change of the offer until the current begins to follow."""
    ramp_ma_per_s: int = 6_000
    taper_from: float = 0.85
    """State of charge above which it takes less and less."""
    taper_to_ma: int = 6_000
    """What it still takes when nearly full."""
    wake_up_s: float = 0.0
    """Extra delay before it draws again after a pause."""
    pauses_max: int | None = None
    """After more pauses than this it never wakes up until it is plugged in anew; None: it always does."""


class Vehicle:
    """One car at one connector, from plug to unplug. Step it at least once a second."""

    __slots__ = (
        "_asleep",
        "_due_s",
        "_followed_ma",
        "_offered_ma",
        "_pauses",
        "car",
        "charged_wh",
        "current_ma",
        "want_wh",
    )

    def __init__(self, car: Car, want_wh: float) -> None:
        self.car = car
        self.want_wh = want_wh
        """How much fits in until it is full."""
        self.charged_wh = 0.0
        self.current_ma = 0
        """On each conductor it uses."""
        self._offered_ma = 0
        # the offer that the current follows now; the newest offer takes over at _due_s
        self._followed_ma = 0
        self._due_s = _NEVER_S
        self._pauses = 0
        self._asleep = False

    @property
    def full(self) -> bool:
        """Whether it wants nothing more."""
        return self.charged_wh >= self.want_wh

    @property
    def phases(self) -> int:
        """How many conductors it uses."""
        return self.car.phases

    def unplug(self) -> None:
        """The plug is out: no current, at once."""
        self.current_ma = 0

    def step(self, now_s: float, offered_ma: int, step_s: float) -> int:
        """Let *step_s* pass, ending at *now_s*, with this offer on the pilot; returns the current it now draws."""
        if offered_ma != self._offered_ma:
            self._notice(now_s, offered_ma)
        if now_s >= self._due_s:
            self._follow()
        goal_ma = self._goal_ma()
        current_ma = self.current_ma
        if current_ma != goal_ma:
            current_ma = self._ramp(current_ma, goal_ma, step_s)
            self.current_ma = current_ma
        if current_ma:
            self.charged_wh += current_ma * self.car.phases * NOMINAL_VOLTAGE_V * step_s / 3_600_000
        return current_ma

    def _notice(self, now_s: float, offered_ma: int) -> None:
        self._offered_ma = offered_ma
        if self._due_s == _NEVER_S:
            waking = self.current_ma == 0 and offered_ma >= PILOT_MIN_MA and self._pauses > 0
            self._due_s = now_s + self.car.dead_time_s + (self.car.wake_up_s if waking else 0.0)

    def _follow(self) -> None:
        self._due_s = _NEVER_S
        was_charging = self._followed_ma >= PILOT_MIN_MA
        self._followed_ma = self._offered_ma
        if was_charging and self._followed_ma < PILOT_MIN_MA and not self.full:
            self._pauses += 1
            self._asleep = self.car.pauses_max is not None and self._pauses > self.car.pauses_max

    def _goal_ma(self) -> int:
        followed_ma = self._followed_ma
        if followed_ma < PILOT_MIN_MA or self._asleep or self.charged_wh >= self.want_wh:
            return 0
        car = self.car
        goal_ma = min(followed_ma, car.max_ma)
        # want_wh ends at a full battery, so what is missing tells the state of charge
        missing = (self.want_wh - self.charged_wh) / car.battery_wh
        room = 1.0 - car.taper_from
        if missing < room:
            taper_ma = car.taper_to_ma + (car.max_ma - car.taper_to_ma) * missing / room
            goal_ma = min(goal_ma, max(PILOT_MIN_MA, int(taper_ma)))
        return goal_ma

    def _ramp(self, current_ma: int, goal_ma: int, step_s: float) -> int:
        most_ma = int(self.car.ramp_ma_per_s * step_s)
        if goal_ma > current_ma:
            return min(goal_ma, max(PILOT_MIN_MA, current_ma + most_ma))
        lower_ma = max(goal_ma, current_ma - most_ma)
        return lower_ma if lower_ma >= PILOT_MIN_MA else goal_ma
