"""A circuit breaker on the fast side of what IEC 60898-1 allows, characteristic B. Pure: it receives currents and time.

The standard fixes only: 1.13 × rated holds, 1.45 × trips within the hour, 2.55 × in 1 to 60 s (120 s above 32 A), and
the magnetic part lets go somewhere between 3 and 5 × rated. In between it promises no time, so this one is quick:
warmed up by its rated current it opens after about 20 s at 1.5 ×.
"""

from __future__ import annotations

import math

HOLDS = 1.13
_HOLDS_SQUARED = HOLDS * HOLDS
_MAGNETIC = 3.0
_TIME_CONSTANT_S = 80.0


class Breaker:
    """One phase of one breaker, or of a fuse judged like one."""

    __slots__ = ("_decay", "_step_s", "above_holds_s", "above_rated_s", "heat", "peak_ma", "rated_ma", "tripped")

    def __init__(self, rated_ma: int) -> None:
        self.rated_ma = rated_ma
        self.tripped = False
        self.heat = 0.0
        """(current / rated)², smoothed; it trips above 1.13²."""
        self.above_rated_s = 0.0
        self.above_holds_s = 0.0
        """Seconds above 1.13 × rated."""
        self.peak_ma = 0
        self._step_s = 1.0
        self._decay = math.exp(-1.0 / _TIME_CONSTANT_S)

    @property
    def strain(self) -> float:
        """How near to tripping it is: 1 trips."""
        return self.heat / _HOLDS_SQUARED

    def step(self, current_ma: int, step_s: float) -> None:
        """Let *step_s* pass at this current (magnitude: export heats as import does)."""
        current_ma = abs(current_ma)
        if step_s != self._step_s:
            self._step_s = step_s
            self._decay = math.exp(-step_s / _TIME_CONSTANT_S)
        ratio = current_ma / self.rated_ma
        load = ratio * ratio
        self.heat = load + (self.heat - load) * self._decay
        if ratio > 1.0:
            self.above_rated_s += step_s
            self.peak_ma = max(self.peak_ma, current_ma)
            if ratio > HOLDS:
                self.above_holds_s += step_s
            if self.heat >= _HOLDS_SQUARED or ratio >= _MAGNETIC:
                self.tripped = True
        elif current_ma > self.peak_ma:
            self.peak_ma = current_ma
