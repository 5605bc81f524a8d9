"""Currents as integers, per phase, and the wiring between a charger's terminals and the site's phases.

Every current inside the daemon is an ``int`` in milliamperes; positive is import. This is the only place that rounds:
what a charger may draw is rounded down, what it may be drawing is rounded up.
"""

from __future__ import annotations

import enum
import math
from typing import NamedTuple

NOMINAL_VOLTAGE_V = 230
LOWEST_VOLTAGE_V = 207
"""Of a supply that is as it should be (EN 50160: 10 % below nominal): the same watts are the most current there."""


class PerPhase(NamedTuple):
    """One integer for each of the site's phases; the unit is in the name of whatever holds it."""

    l1: int
    l2: int
    l3: int

    def plus(self, other: PerPhase) -> PerPhase:
        """Phase by phase sum."""
        return PerPhase(self.l1 + other.l1, self.l2 + other.l2, self.l3 + other.l3)

    def minus(self, other: PerPhase) -> PerPhase:
        """Phase by phase difference."""
        return PerPhase(self.l1 - other.l1, self.l2 - other.l2, self.l3 - other.l3)

    def largest(self, other: PerPhase) -> PerPhase:
        """Phase by phase maximum."""
        return PerPhase(max(self.l1, other.l1), max(self.l2, other.l2), max(self.l3, other.l3))

    def smallest(self, other: PerPhase) -> PerPhase:
        """Phase by phase minimum."""
        return PerPhase(min(self.l1, other.l1), min(self.l2, other.l2), min(self.l3, other.l3))


ZERO = PerPhase(0, 0, 0)


def same_on_all(value: int) -> PerPhase:
    """The same value on each phase."""
    return PerPhase(value, value, value)


class Rotation(enum.Enum):
    """Which site phase is wired to a connector's terminals L1, L2, L3, in that order."""

    L1L2L3 = "L1L2L3"
    L2L3L1 = "L2L3L1"
    L3L1L2 = "L3L1L2"
    L1L3L2 = "L1L3L2"
    L2L1L3 = "L2L1L3"
    L3L2L1 = "L3L2L1"
    UNKNOWN = "unknown"


_SITE_INDEX: dict[Rotation, tuple[int, int, int]] = {
    rotation: (int(rotation.value[1]) - 1, int(rotation.value[3]) - 1, int(rotation.value[5]) - 1)
    for rotation in Rotation
    if rotation is not Rotation.UNKNOWN
}


def site_phases(rotation: Rotation, conductors: tuple[bool, bool, bool]) -> tuple[bool, bool, bool]:
    """Which site phases a connector loads when it uses these of its own terminals.

    With an unknown rotation, or when no terminal is named, every phase counts: the safe answer.
    """
    if rotation is Rotation.UNKNOWN or not any(conductors):
        return (True, True, True)
    loaded = [False, False, False]
    for terminal, used in enumerate(conductors):
        if used:
            loaded[_SITE_INDEX[rotation][terminal]] = True
    return (loaded[0], loaded[1], loaded[2])


def to_site_frame(rotation: Rotation, at_terminals: PerPhase) -> PerPhase:
    """A charger's own per-terminal values, put on the site's phases; unknown rotation gives the largest to each."""
    if rotation is Rotation.UNKNOWN:
        return same_on_all(max(at_terminals))
    on_site = [0, 0, 0]
    for terminal, value in enumerate(at_terminals):
        on_site[_SITE_INDEX[rotation][terminal]] = value
    return PerPhase(on_site[0], on_site[1], on_site[2])


def limit_amperes(limit_ma: int) -> float:
    """A limit as OCPP writes it: amperes with at most one decimal, rounded down (OCPP 1.6 §7.14)."""
    return (limit_ma // 100) / 10


def milliamperes_from_amperes(current_a: float) -> int:
    """A configured or reported current in mA, to the nearest."""
    return round(current_a * 1000)


def milliamperes_drawn(current_a: float) -> int:
    """A measured draw in mA, rounded away from zero so that it is never counted too small."""
    return math.ceil(current_a * 1000) if current_a >= 0 else math.floor(current_a * 1000)
