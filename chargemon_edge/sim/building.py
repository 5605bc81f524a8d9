"""What the building itself draws on each phase through the day: a slow curve and machines that switch. Pure, by seed.

Never above the worst case that it is given, since the proof that the chargers' fallback currents fit rests on that.
"""

from __future__ import annotations

import heapq
import math
import random

import msgspec

from chargemon_edge.site.units import ZERO, PerPhase

_DAY_S = 86_400.0
_CURVE_STEP_S = 60.0


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Something that switches on and off at its own times."""

    name: str
    current_ma: PerPhase
    on_s: float
    """How long it runs, on the average."""
    off_s: float
    """How long it rests in between, on the average."""
    from_h: float = 0.0
    to_h: float = 24.0
    """Hours of the day within which it starts."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The building as data."""

    base_ma: PerPhase = PerPhase(4_000, 4_000, 4_000)
    swing_ma: PerPhase = PerPhase(4_000, 3_000, 5_000)
    """Added on top of the base at the busiest hour."""
    peak_h: float = 19.0
    solar_ma: int = 0
    """Largest export of a roof at noon, on each phase."""
    machines: tuple[Machine, ...] = ()
    worst_ma: PerPhase = PerPhase(30_000, 30_000, 30_000)


class Building:
    """Its load at any later moment; time only moves forward."""

    def __init__(self, load: Load, seed: int, start_h: float) -> None:
        self.load = load
        self.current_ma = ZERO
        self.stepped_s = 0.0
        """When the load last rose by a machine's switching on, seconds since the start."""
        self._random = random.Random(f"building {seed}")
        self._start_h = start_h
        self._curve_due_s = 0.0
        self._curve_ma = ZERO
        self._running_ma = ZERO
        self._extra_ma = ZERO
        # (when, which, on): the next switching of each machine
        self._switchings: list[tuple[float, int, bool]] = []
        for index, machine in enumerate(load.machines):
            heapq.heappush(self._switchings, (self._random.uniform(0, machine.off_s), index, True))
        self.advance(0.0)

    def add(self, extra_ma: PerPhase) -> None:
        """A step that a scenario orders, on top of everything else; negative takes it away again."""
        self._extra_ma = self._extra_ma.plus(extra_ma)
        self._curve_due_s = 0.0

    def advance(self, now_s: float) -> PerPhase:
        """The load at *now_s* seconds since the start: mA per phase, export negative."""
        if now_s >= self._curve_due_s or (self._switchings and now_s >= self._switchings[0][0]):
            self._switch(now_s)
            if now_s >= self._curve_due_s:
                self._curve_due_s = now_s + _CURVE_STEP_S
                self._curve_ma = self._curve(now_s)
            total = self._curve_ma.plus(self._running_ma).plus(self._extra_ma)
            self.current_ma = total.smallest(self.load.worst_ma)
        return self.current_ma

    def hour(self, now_s: float) -> float:
        """The hour of the day, 0 to 24."""
        return (self._start_h + now_s / 3_600.0) % 24.0

    def _switch(self, now_s: float) -> None:
        while self._switchings and self._switchings[0][0] <= now_s:
            due_s, index, on = heapq.heappop(self._switchings)
            machine = self.load.machines[index]
            if not on:
                self._running_ma = self._running_ma.minus(machine.current_ma)
                rest_s = self._random.expovariate(1.0 / machine.off_s)
                heapq.heappush(self._switchings, (due_s + max(1.0, rest_s), index, True))
            elif not machine.from_h <= self.hour(due_s) < machine.to_h:
                heapq.heappush(self._switchings, (due_s + self._until_h(due_s, machine.from_h), index, True))
            else:
                self._running_ma = self._running_ma.plus(machine.current_ma)
                self.stepped_s = due_s
                run_s = machine.on_s * self._random.uniform(0.5, 1.5)
                heapq.heappush(self._switchings, (due_s + run_s, index, False))

    def _until_h(self, now_s: float, hour: float) -> float:
        wait_s = ((hour - self.hour(now_s)) % 24.0) * 3_600.0
        return wait_s + self._random.uniform(1.0, 600.0)

    def _curve(self, now_s: float) -> PerPhase:
        hour = self.hour(now_s)
        busy = (1.0 + math.cos((hour - self.load.peak_h) * 2.0 * math.pi / 24.0)) / 2.0
        sun = max(0.0, math.cos((hour - 13.0) * math.pi / 12.0)) * self.load.solar_ma
        base, swing = self.load.base_ma, self.load.swing_ma
        wander = self._random.uniform(-300, 300)
        return PerPhase(
            round(base.l1 + swing.l1 * busy - sun + wander),
            round(base.l2 + swing.l2 * busy - sun - wander),
            round(base.l3 + swing.l3 * busy - sun),
        )
