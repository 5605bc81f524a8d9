"""In which form a charger of this model wants its limits: unit, phases, numberPhases. Pure; decides no current."""

from __future__ import annotations

from typing import Final

import msgspec

from chargemon_edge.ocpp.v16.messages import ChargingRateUnit
from chargemon_edge.site.charger_model import Quirks
from chargemon_edge.site.facts import ValuesReported
from chargemon_edge.site.layout import Connector

_FLOWS_MA: Final = 1_000
"""From here on a phase is in use; a car's own standby is less."""


class ProfileForm(msgspec.Struct, frozen=True):
    """Arguments for :mod:`chargemon_edge.ocpp.charging_profile`."""

    unit: ChargingRateUnit
    phases: int
    number_phases: int | None


def profile_form(quirks: Quirks, connector: Connector, values: ValuesReported | None) -> ProfileForm:
    """The form for *connector*, whose newest live values are *values*.

    Watts are divided by a number of phases that only the charger knows. One that states numberPhases divides by what is
    wired; of any other it is assumed that the car uses one phase until more are seen to carry current: an error then
    gives the car less, never a fuse more.
    """
    wired = sum(connector.conductors)
    if quirks.number_phases:
        return ProfileForm(quirks.rate_unit or "A", wired, wired)
    if quirks.rate_unit == "W":
        return ProfileForm("W", min(wired, max(1, _used(values))), None)
    return ProfileForm("A", wired, None)


def _used(values: ValuesReported | None) -> int:
    if values is None or values.current_ma is None or "current_ma" in values.derived:
        return 0
    return sum(one >= _FLOWS_MA for one in values.current_ma)
