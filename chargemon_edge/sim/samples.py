"""What a simulated charger measures at an outlet, as sampled values of MeterValues (OCPP 1.6 §7.43)."""

from __future__ import annotations

from collections.abc import Iterator

from chargemon_edge.sim.outlet import Outlet
from chargemon_edge.sim.personality import Personality


def samples(outlet: Outlet, personality: Personality, context: str) -> Iterator[dict[str, str]]:
    """As much as this model of charger reports."""
    used = 0 if outlet.vehicle is None else outlet.vehicle.phases
    if "current" in personality.reports:
        for index in range(3):
            drawn_ma = outlet.drawn_ma if index < used else 0
            yield {
                "value": f"{drawn_ma / 1000:.2f}",
                "context": context,
                "measurand": "Current.Import",
                "phase": f"L{index + 1}",
                "unit": "A",
            }
    if "power" in personality.reports:
        yield {"value": str(outlet.power_w), "context": context, "measurand": "Power.Active.Import", "unit": "W"}
    if "energy" in personality.reports:
        yield {
            "value": str(outlet.register_wh),
            "context": context,
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
        }
