"""One outlet of a simulated charger: the plug, the car, the pilot signal, the energy register and the transaction."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from chargemon_edge.sim.vehicle import PILOT_MIN_MA, Vehicle
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V

# Seconds without current before a charger says SuspendedEV: a car that is only slow to start is not suspended
_SUSPENDED_AFTER_S = 8.0


class Session(msgspec.Struct, kw_only=True, gc=False):
    """A transaction as the charger keeps it."""

    id_tag: str
    started_text: str
    started_utc_s: float
    meter_start_wh: int
    transaction_id: int | None = None
    """None until StartTransaction is confirmed."""
    ended: bool = False


class Outlet:
    """One connector, stepped by the world; says its status through *changed*."""

    def __init__(self, number: int, max_ma: int, step_ma: int, changed: Callable[[Outlet], None]) -> None:
        self.number = number
        self.max_ma = max_ma
        self.status = "Available"
        self.vehicle: Vehicle | None = None
        self.id_tag = ""
        self.session: Session | None = None
        self.available = True
        self.reserved = False
        self.limit_ma = 0
        """What the profiles allow now; the charger keeps it up to date."""
        self.limit_until_s = 0.0
        """UTC second at which that may change by itself."""
        self.offered_ma = 0
        """What the pilot signal says now."""
        self.drawn_ma = 0
        """On each conductor that the car uses."""
        self._step_ma = step_ma
        self._changed = changed
        self._wanted_ma = 0
        self._follows_at_s = 0.0
        self._idle_since_s: float | None = None
        self._register_wh = 1_000.0 * number

    @property
    def register_wh(self) -> int:
        """The energy register, for the outlet's whole life."""
        charged_wh = 0.0 if self.vehicle is None else self.vehicle.charged_wh
        return int(self._register_wh + charged_wh)

    @property
    def commanded_ma(self) -> int:
        """What the car may draw by the profiles in force: 0 without a transaction or below the pilot signal's least."""
        if self.session is None:
            return 0
        limit_ma = min(self.limit_ma, self.max_ma) // self._step_ma * self._step_ma
        return limit_ma if limit_ma >= PILOT_MIN_MA else 0

    @property
    def power_w(self) -> int:
        """At nominal voltage."""
        vehicle = self.vehicle
        return 0 if vehicle is None else self.drawn_ma * vehicle.phases * NOMINAL_VOLTAGE_V // 1_000

    def plug(self, vehicle: Vehicle, id_tag: str) -> None:
        """A car arrives."""
        assert self.vehicle is None
        self.vehicle = vehicle
        self.id_tag = id_tag
        self._say("Preparing")

    def unplug(self) -> None:
        """The car leaves; its transaction must have ended before."""
        assert self.session is None
        if self.vehicle is not None:
            self.vehicle.unplug()
            self._register_wh += self.vehicle.charged_wh
            self.vehicle = None
        self.drawn_ma = 0
        self._say_free()

    def begin(self, session: Session) -> None:
        """A transaction begins: the pilot signal comes on with the next steps."""
        assert self.session is None
        self.session = session
        self._idle_since_s = None
        self._say("SuspendedEVSE")

    def end(self) -> None:
        """The transaction ends: the contactor opens."""
        self.session = None
        self.offered_ma = self._wanted_ma = 0
        self.drawn_ma = 0
        if self.vehicle is not None:
            self.vehicle.unplug()
        self._say("Finishing")

    def set_available(self, available: bool) -> None:
        """ChangeAvailability, once no transaction is in the way."""
        self.available = available
        if self.vehicle is None:
            self._say_free()

    def set_reserved(self, reserved: bool) -> None:
        """It is kept for somebody, or no longer."""
        self.reserved = reserved
        if self.vehicle is None:
            self._say_free()

    def await_cable(self, awaits: bool) -> None:
        """A card was accepted and the cable is still missing; or it did not come in time."""
        if self.vehicle is None:
            if awaits:
                self._say("Preparing")
            else:
                self._say_free()

    def step(self, now_s: float, step_s: float, reaction_s: float) -> None:
        """Let *step_s* pass for the pilot signal and the car."""
        vehicle = self.vehicle
        if vehicle is None or self.session is None:
            return
        wanted_ma = self.commanded_ma
        if wanted_ma != self._wanted_ma:
            self._wanted_ma = wanted_ma
            self._follows_at_s = now_s + reaction_s
        if self.offered_ma != wanted_ma and now_s >= self._follows_at_s:
            self.offered_ma = wanted_ma
        self.drawn_ma = vehicle.step(now_s, self.offered_ma, step_s)
        self._update_status(now_s)

    def _update_status(self, now_s: float) -> None:
        if self.drawn_ma:
            self._idle_since_s = None
            self._say("Charging")
        elif self.offered_ma == 0:
            self._idle_since_s = None
            self._say("SuspendedEVSE")
        elif self._idle_since_s is None:
            self._idle_since_s = now_s
        elif now_s - self._idle_since_s >= _SUSPENDED_AFTER_S:
            self._say("SuspendedEV")

    def _say_free(self) -> None:
        self._say("Unavailable" if not self.available else "Reserved" if self.reserved else "Available")

    def _say(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self._changed(self)
