"""The copper of the simulated site: what the cars and the building draw, added up at every fuse, per phase."""

from __future__ import annotations

from collections.abc import Mapping

from chargemon_edge.sim.breaker import Breaker
from chargemon_edge.sim.building import Building
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.outlet import Outlet
from chargemon_edge.site.layout import Circuit, Connector, ConnectorKey, Site
from chargemon_edge.site.units import PerPhase, site_phases

_PHASES = (0, 1, 2)


class Place:
    """One outlet where it is wired."""

    __slots__ = ("_phases", "charger", "connector", "fuse", "key", "outlet")

    def __init__(self, key: ConnectorKey, connector: Connector, charger: Charger, fuse: Fuse) -> None:
        self.key = key
        self.connector = connector
        self.charger = charger
        self.outlet: Outlet = charger.outlets[key.number]
        self.fuse = fuse
        # by the number of conductors a car uses: the site phases it loads
        self._phases = [self._loaded(used) for used in range(4)]

    @property
    def wired(self) -> int:
        """How many conductors are wired."""
        return sum(self.connector.conductors)

    @property
    def phases(self) -> tuple[int, ...]:
        """Indices of the site phases that the car loads."""
        vehicle = self.outlet.vehicle
        return () if vehicle is None else self._phases[vehicle.phases]

    def _loaded(self, used: int) -> tuple[int, ...]:
        if used == 0:
            return ()
        loaded = site_phases(self.connector.rotation, (True, used >= 2, used >= 3))
        return tuple(index for index in _PHASES if loaded[index])


class Fuse:
    """One circuit's fuse: sums in mA for each phase, and a breaker in each."""

    __slots__ = (
        "background_ma",
        "breakers",
        "building",
        "circuit",
        "commanded_ma",
        "drawn_ma",
        "parent",
        "reachable_ma",
        "rose_at_s",
        "total_ma",
        "usable_ma",
    )

    def __init__(self, circuit: Circuit, building: Building | None) -> None:
        self.circuit = circuit
        self.building = building
        self.parent: Fuse | None = None
        self.breakers = [Breaker(rated_ma) for rated_ma in circuit.fuse_ma]
        self.usable_ma = [rated_ma - circuit.margin_ma for rated_ma in circuit.fuse_ma]
        self.background_ma = [0, 0, 0]
        self.drawn_ma = [0, 0, 0]
        """By cars."""
        self.commanded_ma = [0, 0, 0]
        """What cars may draw by the limits in force; for chargers that obey or report nothing, what they draw."""
        self.reachable_ma = [0, 0, 0]
        """The part of it that the daemon could lower now."""
        self.total_ma = [0, 0, 0]
        self.rose_at_s = [0.0, 0.0, 0.0]
        """When the background last rose."""


class Wiring:
    """All fuses and outlets of a site."""

    def __init__(self, site: Site, chargers: Mapping[str, Charger], buildings: Mapping[str, Building]) -> None:
        self.fuses = {circuit.name: Fuse(circuit, buildings.get(circuit.name)) for circuit in site.circuits}
        for fuse in self.fuses.values():
            fuse.parent = None if fuse.circuit.parent is None else self.fuses[fuse.circuit.parent]
        # from the leaves up, so that one pass adds everything to the root
        depth = {name: len(list(site.path_to_root(name))) for name in self.fuses}
        self._upward = sorted(self.fuses.values(), key=lambda fuse: -depth[fuse.circuit.name])
        self.places = [
            Place(key, connector, chargers[key.charge_point], self.fuses[connector.circuit])
            for key, connector in site.connectors.items()
        ]

    def flow(self, now_s: float, elapsed_s: float, step_s: float) -> None:
        """Add up what flows now (*elapsed_s* since the scenario's start) and let it heat the breakers for *step_s*."""
        for fuse in self._upward:
            fuse.drawn_ma = [0, 0, 0]
            fuse.commanded_ma = [0, 0, 0]
            fuse.reachable_ma = [0, 0, 0]
            self._background(fuse, now_s, elapsed_s)
        for place in self.places:
            if place.outlet.session is not None:
                _add_outlet(place)
        for fuse in self._upward:
            parent = fuse.parent
            for phase in _PHASES:
                total_ma = fuse.background_ma[phase] + fuse.drawn_ma[phase]
                fuse.total_ma[phase] = total_ma
                fuse.breakers[phase].step(total_ma, step_s)
                if parent is not None:
                    parent.background_ma[phase] += fuse.background_ma[phase]
                    parent.drawn_ma[phase] += fuse.drawn_ma[phase]
                    parent.commanded_ma[phase] += fuse.commanded_ma[phase]
                    parent.reachable_ma[phase] += fuse.reachable_ma[phase]

    def total(self, circuit: str) -> PerPhase:
        """What flows through a circuit's fuse."""
        return PerPhase(*self.fuses[circuit].total_ma)

    @staticmethod
    def _background(fuse: Fuse, now_s: float, elapsed_s: float) -> None:
        building = fuse.building
        if building is None:
            fuse.background_ma = [0, 0, 0]
            return
        before = building.current_ma
        after = building.advance(elapsed_s)
        if after is not before:
            above: Fuse | None = fuse
            while above is not None:
                for phase in _PHASES:
                    if after[phase] > before[phase]:
                        above.rose_at_s[phase] = now_s
                above = above.parent
        fuse.background_ma = [after.l1, after.l2, after.l3]


def _add_outlet(place: Place) -> None:
    outlet, fuse = place.outlet, place.fuse
    # Of a charger that obeys or reports nothing, nobody can tell how much of what it offers the car leaves unused: if
    # the car takes more, the grid meter sees it, and then the daemon acts. What must fit is what it draws.
    transparent = place.charger.personality.transparent
    commanded_ma = outlet.commanded_ma if transparent else outlet.drawn_ma
    reachable = transparent and place.charger.reachable
    for phase in place.phases:
        fuse.drawn_ma[phase] += outlet.drawn_ma
        fuse.commanded_ma[phase] += commanded_ma
        if reachable:
            fuse.reachable_ma[phase] += commanded_ma
