"""The site's limits as packing rows: one per circuit and phase, one per power limit, three for the root's unbalance.

A row says: the sum of weight × current of its members is at most its capacity, in mA. Weights are never negative, so
lowering anybody always keeps every row: the safety argument rests on that. Must never hold a negative weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from chargemon_edge.site.layout import Circuit, Connector, ConnectorKey, Site
from chargemon_edge.site.site_limit import NO_CAP, Cap, SiteLimit
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, ZERO, PerPhase, site_phases

Phases = tuple[bool, bool, bool]
Memberships = tuple[tuple[int, int], ...]
"""Pairs of row index and weight; each row once."""

PHASE_NAMES = ("L1", "L2", "L3")


class Row(msgspec.Struct, frozen=True, gc=False):
    """One limit. *usable_ma* is what is there before anything that is not a charger is subtracted."""

    circuit: str
    kind: str
    """``phase``, ``power`` or ``unbalance``."""
    phase: int
    """0..2; -1 for power."""
    usable_ma: int
    """Fuse less margin; a power limit counts as the current it is at 230 V, summed over the phases."""
    limited_by: str | None = None
    """Who outside the site lets less flow than that."""

    @property
    def words(self) -> str:
        """The row as a person would say it."""
        if self.limited_by is not None:
            where = "" if self.kind == "power" else f" on {PHASE_NAMES[self.phase]}"
            return f"limit of {self.limited_by}{where}"
        if self.kind == "power":
            return f"power limit of '{self.circuit}'"
        if self.kind == "unbalance":
            return f"unbalance limit of '{self.circuit}' on {PHASE_NAMES[self.phase]}"
        return f"shared fuse '{self.circuit}' on {PHASE_NAMES[self.phase]}"


class CircuitRows(msgspec.Struct, frozen=True):
    """Where one circuit's rows are."""

    phases: tuple[int, int, int]
    power: int | None
    unbalance: tuple[int, int, int] | None

    @property
    def indices(self) -> tuple[int, ...]:
        """All of them."""
        return (*self.phases, *(() if self.power is None else (self.power,)), *(self.unbalance or ()))


class Rows:
    """Every row of a site, and which of them a connector loads."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.rows: list[Row] = []
        self.by_circuit: dict[str, CircuitRows] = {}
        self._memberships: dict[tuple[str, Phases, bool], Memberships] = {}
        for circuit in site.circuits:
            self.by_circuit[circuit.name] = self._add(circuit)
        # as they are without a limit from outside, and that limit
        self._own_rows = tuple(self.rows)
        self._cap = NO_CAP
        # worst background of all that is no charger, as configured, in each row
        self.constant_ma: list[int] = [0] * len(self.rows)
        for circuit in site.circuits:
            self.spread(circuit.name, circuit.background_ma or ZERO, self.constant_ma)

    def _add(self, circuit: Circuit) -> CircuitRows:
        first = len(self.rows)
        for phase in range(3):
            usable_ma = circuit.fuse_ma[phase] - circuit.margin_ma
            self.rows.append(Row(circuit.name, "phase", phase, usable_ma))
        power = None
        if circuit.max_power_w is not None:
            power = len(self.rows)
            self.rows.append(Row(circuit.name, "power", -1, circuit.max_power_w * 1000 // NOMINAL_VOLTAGE_V))
        unbalance = None
        if circuit.parent is None and circuit.unbalance_ma is not None:
            start = len(self.rows)
            unbalance = (start, start + 1, start + 2)
            self.rows.extend(Row(circuit.name, "unbalance", phase, circuit.unbalance_ma) for phase in range(3))
        return CircuitRows((first, first + 1, first + 2), power, unbalance)

    def limit(self, cap: Cap) -> None:
        """Let no more than *cap* flow through the main fuse from now on.

        A power limit on a site without one of its own counts as a third of it on each phase: never too much.
        """
        if cap == self._cap:
            return
        self._cap = cap
        where = self.by_circuit[self.site.root.name]
        self.rows[where.phases[0] : where.phases[2] + 1] = [
            self._limited(self._own_rows[row], cap, where.power is None) for row in where.phases
        ]
        if where.power is not None:
            own = self._own_rows[where.power]
            power_ma = _UNLIMITED_MA if cap.power_w is None else cap.power_w * 1000 // NOMINAL_VOLTAGE_V
            self.rows[where.power] = _lowered(own, power_ma, cap.power_source)

    @staticmethod
    def _limited(own: Row, cap: Cap, power_too: bool) -> Row:
        row = own if cap.current_ma is None else _lowered(own, cap.current_ma[own.phase], cap.current_source)
        if power_too and cap.power_w is not None:
            row = _lowered(row, cap.power_w * 1000 // NOMINAL_VOLTAGE_V // 3, cap.power_source)
        return row

    def spread(self, circuit: str, background_ma: PerPhase, into: list[int]) -> None:
        """Write what *background_ma* takes of each of the circuit's rows *into* the list at those rows."""
        where = self.by_circuit[circuit]
        for row, value in zip(where.phases, background_ma, strict=True):
            into[row] = value
        if where.power is not None:
            into[where.power] = sum(background_ma)
        if where.unbalance is not None:
            lowest = min(background_ma)
            for row, value in zip(where.unbalance, background_ma, strict=True):
                into[row] = min(value - lowest, self.rows[row].usable_ma)

    def memberships(self, circuit: str, phases: Phases, lopsided: bool) -> Memberships:
        """The rows a load on these site phases of *circuit* takes from, up to the main fuse.

        *lopsided*: it uses fewer than three conductors and so counts against the unbalance limit.
        """
        key = (circuit, phases, lopsided)
        known = self._memberships.get(key)
        if known is None:
            known = self._memberships[key] = tuple(self._walk(circuit, phases, lopsided))
        return known

    def _walk(self, name: str, phases: Phases, lopsided: bool) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for circuit in self.site.path_to_root(name):
            where = self.by_circuit[circuit.name]
            found += [(row, 1) for row, used in zip(where.phases, phases, strict=True) if used]
            if where.power is not None:
                found.append((where.power, sum(phases)))
            if where.unbalance is not None and lopsided:
                found += [(row, 1) for row, used in zip(where.unbalance, phases, strict=True) if used]
        return found

    def wired(self, connector: Connector) -> Memberships:
        """The rows of everything that is wired to the connector, whatever the car uses."""
        phases = site_phases(connector.rotation, connector.conductors)
        return self.memberships(connector.circuit, phases, sum(connector.conductors) < 3)


_UNLIMITED_MA = 2**40


def _lowered(row: Row, usable_ma: int, by: SiteLimit | None) -> Row:
    if usable_ma >= row.usable_ma:
        return row
    words = None if by is None else by.source + (" (fail-safe)" if by.stage != "in force" else "")
    return replace(row, usable_ma=usable_ma, limited_by=words)


def add_load(into: list[int], memberships: Memberships, current_ma: int) -> None:
    """Add a load to the sums *into* of all rows."""
    for row, weight in memberships:
        into[row] += weight * current_ma


def why_not_armed(rows: Rows) -> str | None:
    """Why the chargers' fallback currents do not fit the fuses, with figures and advice; None when they do.

    This is the proof that the site is safe when the daemon is gone: on every row the sum of the fallback currents, the
    worst background and the margin are within the fuse. A quiet charge point gets no fallback from us: its whole range
    counts.
    """
    if not rows.site.circuits:
        return "the site is not described yet: add its fuses ([[circuit]]), meter and chargers to the configuration"
    fallback_ma = [0] * len(rows.rows)
    for key, connector in rows.site.connectors.items():
        add_load(fallback_ma, rows.wired(connector), _unattended_ma(rows.site, key, connector))
    mistakes = [
        _too_much(row, fallback, constant)
        for row, fallback, constant in zip(rows.rows, fallback_ma, rows.constant_ma, strict=True)
        if fallback > 0 and fallback + constant > row.usable_ma
    ]
    return _joined(mistakes)


def _unattended_ma(site: Site, key: ConnectorKey, connector: Connector) -> int:
    quiet = site.charge_point_by_identity[key.charge_point].quiet
    return connector.max_ma if quiet else connector.fallback_ma


def _too_much(row: Row, fallback_ma: int, constant_ma: int) -> str:
    over_ma = fallback_ma + constant_ma - row.usable_ma
    if row.kind == "power":
        figures = (
            f"fallback {watts(fallback_ma)} and other loads {watts(constant_ma)} "
            f"do not fit the usable {watts(row.usable_ma)}"
        )
    else:
        figures = (
            f"fallback {amperes(fallback_ma)} and other loads {amperes(constant_ma)} "
            f"do not fit the usable {amperes(row.usable_ma)}"
        )
    return f"{row.words}: {figures}; lower fallback currents there by {amperes(over_ma)} in all (0 is always allowed)"


def _joined(mistakes: Sequence[str]) -> str | None:
    if not mistakes:
        return None
    more = f" (and {len(mistakes) - 1} more limits like it)" if len(mistakes) > 1 else ""
    return f"not armed: {mistakes[0]}{more}"


def amperes(current_ma: int) -> str:
    """A current for people: whole amperes where it is whole, else one decimal."""
    return f"{current_ma // 1000} A" if current_ma % 1000 == 0 else f"{current_ma / 1000:.1f} A"


def watts(current_ma: int) -> str:
    """A current summed over the phases as the power it is at 230 V."""
    return f"{current_ma * NOMINAL_VOLTAGE_V // 1000} W"
