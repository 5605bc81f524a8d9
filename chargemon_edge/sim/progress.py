"""How the simulated site stands, in a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from chargemon_edge.sim.wiring import Place
from chargemon_edge.sim.world import World


def lines(world: World) -> Iterator[str]:
    """One line for the fuses, one for each connector with a car."""
    hour = (world.scenario.start_h + world.elapsed_s / 3_600.0) % 24.0
    clock = f"{int(hour):02d}:{int(hour * 60) % 60:02d}"
    fuses = "   ".join(_fuse(world, name) for name in world.wiring.fuses)
    app = world.daemon.app
    state = "the daemon is down" if app is None or app.present is None else _state(world)
    yield f"{clock}  {fuses}   {state}"
    for place in world.wiring.places:
        if place.outlet.vehicle is not None:
            yield f"       {_place(world, place)}"


def _fuse(world: World, name: str) -> str:
    fuse = world.wiring.fuses[name]
    currents = " ".join(f"{current_ma / 1000:5.1f}" for current_ma in fuse.total_ma)
    rated = {f"{rated_ma / 1000:g}" for rated_ma in fuse.circuit.fuse_ma}
    tripped = " TRIPPED" if any(breaker.tripped for breaker in fuse.breakers) else ""
    return f"{name} {currents} of {'/'.join(sorted(rated))} A{tripped}"


def _state(world: World) -> str:
    app = world.daemon.app
    assert app is not None
    plan = None if app.present is None else app.present.plan
    return "starting" if plan is None else plan.why


def _place(world: World, place: Place) -> str:
    outlet = place.outlet
    vehicle = outlet.vehicle
    assert vehicle is not None
    offline = "" if place.charger.linked else " (offline)"
    return (
        f"{place.key!s:12}{offline} {outlet.status:14} may {outlet.commanded_ma / 1000:4.1f} A, "
        f"draws {outlet.drawn_ma / 1000:4.1f} A on {len(place.phases)} phase{'s' if len(place.phases) > 1 else ' '}, "
        f"{vehicle.charged_wh / 1000:5.2f} kWh  {_reason(world, place)}"
    )


def _reason(world: World, place: Place) -> str:
    app = world.daemon.app
    if app is None or app.present is None or app.present.plan is None:
        return ""
    limit = app.present.plan.limits.get(place.key)
    return "" if limit is None else limit.reason
