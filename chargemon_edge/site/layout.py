"""What is built into the site: fuses as a tree of circuits, charge points, connectors, meters. Frozen, validated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from chargemon_edge.site.units import PerPhase, Rotation


class Circuit(msgspec.Struct, frozen=True, kw_only=True):
    """A fuse and everything behind it. The one circuit without a parent is the root: the site's main fuse."""

    name: str
    parent: str | None = None
    fuse_ma: PerPhase
    margin_ma: int = 0
    """Kept free below the fuse on each phase."""
    background_ma: PerPhase | None = None
    """The largest load of all that is not a charger. Counted where no meter measures this circuit, and everywhere in
    the proof that the chargers' fallback currents fit; None: nothing but chargers."""
    max_power_w: int | None = None
    """A contract's or transformer's limit over all three phases; None: none."""
    unbalance_ma: int | None = None
    """Largest allowed difference between phases caused by one- and two-phase cars (root only); None: not limited."""


class Connector(msgspec.Struct, frozen=True, kw_only=True):
    """One outlet, as the installer wired it."""

    number: int
    circuit: str
    conductors: tuple[bool, bool, bool] = (True, True, True)
    """Which of the connector's own terminals L1, L2, L3 are wired."""
    rotation: Rotation = Rotation.L1L2L3
    min_ma: int = 6_000
    max_ma: int = 32_000
    step_ma: int = 100
    fallback_ma: int = 6_000
    """What the charger falls back to when it no longer hears from us; 0 means it pauses."""
    weight: int = 1
    priority: int = 0
    """Class: a lower number is served earlier."""


class ChargePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A charger and its connectors."""

    identity: str
    connectors: tuple[Connector, ...]
    quiet: bool = False
    """The daemon answers, but sends nothing by itself (reference: commissioning, conformance tests)."""
    dead_man_s: int = 120
    """After this long without a fresh limit the charger falls back by itself."""

    def connector(self, number: int) -> Connector | None:
        """The connector of that number, or None."""
        return next((one for one in self.connectors if one.number == number), None)


class ConnectorKey(msgspec.Struct, frozen=True, order=True, gc=False, array_like=True):
    """Names one connector of the site."""

    charge_point: str
    number: int

    def __str__(self) -> str:
        return f"{self.charge_point}/{self.number}"


class MeterPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Which circuit a meter measures: all current that flows through that circuit's fuse."""

    name: str
    circuit: str


class Site(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The whole installation; build it, then ask :func:`mistakes` before trusting it."""

    name: str = "site"
    circuits: tuple[Circuit, ...]
    charge_points: tuple[ChargePoint, ...] = ()
    meters: tuple[MeterPlace, ...] = ()

    @cached_property
    def circuit_by_name(self) -> Mapping[str, Circuit]:
        """Every circuit under its name."""
        return {circuit.name: circuit for circuit in self.circuits}

    @cached_property
    def root(self) -> Circuit:
        """The main fuse."""
        return next(circuit for circuit in self.circuits if circuit.parent is None)

    @cached_property
    def connectors(self) -> Mapping[ConnectorKey, Connector]:
        """Every connector of the site, in the order of the configuration."""
        return {
            ConnectorKey(charge_point.identity, connector.number): connector
            for charge_point in self.charge_points
            for connector in charge_point.connectors
        }

    @cached_property
    def charge_point_by_identity(self) -> Mapping[str, ChargePoint]:
        """Every configured charge point under its identity."""
        return {charge_point.identity: charge_point for charge_point in self.charge_points}

    def may_be_asked(self, identity: str) -> bool:
        """Whether the daemon sends it anything by itself: it is configured, and not as a quiet one."""
        charge_point = self.charge_point_by_identity.get(identity)
        return charge_point is not None and not charge_point.quiet

    def path_to_root(self, name: str) -> Iterator[Circuit]:
        """The circuit *name* and every one above it, from the connector's fuse up to the main fuse."""
        circuit: Circuit | None = self.circuit_by_name[name]
        while circuit is not None:
            yield circuit
            circuit = None if circuit.parent is None else self.circuit_by_name[circuit.parent]


def mistakes(site: Site) -> list[str]:
    """Everything that makes *site* impossible, one sentence each; an empty list means the tree is sound."""
    return [*_circuit_mistakes(site), *_connector_mistakes(site), *_meter_mistakes(site)]


def _circuit_mistakes(site: Site) -> Iterator[str]:
    names = [circuit.name for circuit in site.circuits]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"circuit {name!r} is defined more than once; give each its own name"
    roots = [circuit.name for circuit in site.circuits if circuit.parent is None]
    if len(roots) != 1:
        found = ", ".join(roots) or "none"
        yield f"exactly one circuit must have no parent (the main fuse); without one: {found}"
    for circuit in site.circuits:
        yield from _one_circuit(site, circuit)


def _one_circuit(site: Site, circuit: Circuit) -> Iterator[str]:
    if circuit.parent is not None and circuit.parent not in site.circuit_by_name:
        yield f"circuit {circuit.name!r} hangs on {circuit.parent!r}, which is not defined"
        return
    if min(circuit.fuse_ma) <= 0:
        yield f"circuit {circuit.name!r}: every phase of the fuse must be above 0 A"
    if circuit.margin_ma < 0 or (circuit.background_ma is not None and min(circuit.background_ma) < 0):
        yield f"circuit {circuit.name!r}: neither margin nor background can be negative"
    if circuit.unbalance_ma is not None and circuit.parent is not None:
        yield f"circuit {circuit.name!r}: only the main circuit can have an unbalance limit"
    seen = {circuit.name}
    above = circuit.parent
    while above is not None and above in site.circuit_by_name:
        if above in seen:
            yield f"circuit {circuit.name!r} hangs on itself through {above!r}"
            return
        seen.add(above)
        above = site.circuit_by_name[above].parent


def _connector_mistakes(site: Site) -> Iterator[str]:
    identities = [charge_point.identity for charge_point in site.charge_points]
    for identity in sorted({identity for identity in identities if identities.count(identity) > 1}):
        yield f"charge point {identity!r} is defined more than once"
    for charge_point in site.charge_points:
        numbers = [connector.number for connector in charge_point.connectors]
        if not numbers:
            yield f"charge point {charge_point.identity!r} has no connector"
        if len(set(numbers)) != len(numbers):
            yield f"charge point {charge_point.identity!r} has two connectors with the same number"
        for connector in charge_point.connectors:
            for words in _one_connector(site, connector):
                yield f"charge point {charge_point.identity!r} connector {connector.number}: {words}"


def _one_connector(site: Site, connector: Connector) -> Iterator[str]:
    if connector.number < 1:
        yield "connectors count from 1"
    if connector.circuit not in site.circuit_by_name:
        yield f"circuit {connector.circuit!r} is not defined"
    if not any(connector.conductors):
        yield "at least one phase must be wired"
    if not 0 < connector.min_ma <= connector.max_ma:
        yield "the current range must satisfy 0 < minimum <= maximum"
    if connector.step_ma < 100 or connector.step_ma % 100:
        yield "the step must be a multiple of 0.1 A"
    if connector.fallback_ma != 0 and not connector.min_ma <= connector.fallback_ma <= connector.max_ma:
        yield "the fallback current must be 0 or within the current range"
    if connector.weight < 1:
        yield "the weight must be at least 1"


def _meter_mistakes(site: Site) -> Iterator[str]:
    names = [meter.name for meter in site.meters]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"meter {name!r} is defined more than once; give each its own name"
    measured = [meter.circuit for meter in site.meters]
    for meter in site.meters:
        if meter.circuit not in site.circuit_by_name:
            yield f"meter {meter.name!r} measures circuit {meter.circuit!r}, which is not defined"
    for circuit in sorted({name for name in measured if measured.count(name) > 1}):
        yield f"circuit {circuit!r} has more than one meter"
