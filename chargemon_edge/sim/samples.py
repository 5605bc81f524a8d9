"""What a simulated charger measures at an outlet, as sampled values of MeterValues (OCPP 1.6 §7.43)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chargemon_edge.sim.outlet import Outlet
from chargemon_edge.sim.personality import Personality


def samples(
    outlet: Outlet, personality: Personality, reports: Collection[str], context: str
) -> Iterator[dict[str, str]]:
    """What is to be reported, spelled as this model of charger does."""
    for sample in _plain(outlet, personality, reports, context):
        if personality.quotes_measurands:
            sample["measurand"] = f'"{sample["measurand"]}"'
        if personality.pads_numbers:
            sample["value"] = f" {sample['value']} "
        yield sample


def _plain(
    outlet: Outlet, personality: Personality, reports: Collection[str], context: str
) -> Iterator[dict[str, str]]:
    used = 0 if outlet.vehicle is None else outlet.vehicle.phases
    if "current" in reports:
        for index in range(personality.phases):
            drawn_ma = outlet.drawn_ma if index < used else 0
            yield {
                "value": f"{drawn_ma / 1000:.2f}",
                "context": context,
                "measurand": "Current.Import",
                "phase": personality.phase_names[index],
                "unit": "A",
            }
    if "power" in reports:
        yield {"value": str(outlet.power_w), "context": context, "measurand": "Power.Active.Import", "unit": "W"}
    if "energy" in reports:
        yield {
            "value": str(outlet.register_wh),
            "context": context,
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
        }
