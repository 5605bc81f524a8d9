"""A current and a lease become charging profiles (OCPP 1.6 §3.13): the dead-man that outlives us.

A limit is never rounded up and never written without what follows it. A profile of ours always has the same id for the
same purpose and connector, so that a newer one takes the older one's place. This file must never decide a current.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.ocpp.v16.messages import (
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ClearChargingProfileRequest,
    SetChargingProfileRequest,
)
from chargemon_edge.site.units import NOMINAL_VOLTAGE_V, limit_amperes

BACKDATE_S: Final = 30
"""An absolute schedule begins this long ago: on a charger whose clock lags, one that begins now is not active yet."""
_ALWAYS: Final = "1970-01-02T00:00:00.000Z"
"""The start of a schedule without end: past even for a charger that believes it is 1970."""
_FIRST_ID: Final[dict[ChargingProfilePurpose, int]] = {
    "ChargePointMaxProfile": 1000,
    "TxDefaultProfile": 2000,
    "TxProfile": 3000,
}

FIRST_FREE_PROFILE_ID: Final = 10_000
"""Ids from here on are never ours."""
STACK_LEVEL: Final = 0
"""Of our profiles: the lowest, which every charge point takes."""


def profile_id(purpose: ChargingProfilePurpose, connector: int) -> int:
    """The one chargingProfileId that we use for this purpose on this connector (0 to 999)."""
    assert 0 <= connector <= 999, connector
    return _FIRST_ID[purpose] + connector


def is_ours(charging_profile_id: int) -> bool:
    """Whether :func:`profile_id` can give this id: nobody else may use it."""
    return min(_FIRST_ID.values()) <= charging_profile_id <= max(_FIRST_ID.values()) + 999


def tx_profile(
    connector: int,
    transaction_id: int,
    limit_ma: int,
    fallback_ma: int,
    lease_s: float,
    now_utc_ms: int,
    *,
    stack_level: int = STACK_LEVEL,
    unit: ChargingRateUnit = "A",
    phases: int = 3,
    number_phases: int | None = None,
) -> SetChargingProfileRequest:
    """*limit_ma* for the running transaction until *lease_s* from now, then *fallback_ma*.

    Both limits are periods of one Absolute schedule: a charger that ignores a schedule's end still follows a second
    period, and one that is offline goes on following its TxProfile. *phases*: see :func:`limit`.
    """
    assert connector >= 1, "a TxProfile belongs to an outlet (OCPP 1.6 §5.16.2)"
    assert lease_s > 0, lease_s
    periods = (
        _period(0, limit_ma, unit, phases, number_phases),
        _period(BACKDATE_S + math.floor(lease_s), fallback_ma, unit, phases, number_phases),
    )
    schedule = ChargingSchedule(
        start_schedule=format_utc(now_utc_ms - BACKDATE_S * 1000),
        charging_rate_unit=unit,
        charging_schedule_period=periods,
    )
    profile = ChargingProfile(
        charging_profile_id=profile_id("TxProfile", connector),
        transaction_id=transaction_id,
        stack_level=stack_level,
        charging_profile_purpose="TxProfile",
        charging_profile_kind="Absolute",
        charging_schedule=schedule,
    )
    return SetChargingProfileRequest(connector_id=connector, cs_charging_profiles=profile)


def tx_default_profile(
    connector: int,
    fallback_ma: int,
    *,
    stack_level: int = STACK_LEVEL,
    unit: ChargingRateUnit = "A",
    phases: int = 3,
    number_phases: int | None = None,
    kind: Literal["Relative", "Absolute"] = "Relative",
) -> SetChargingProfileRequest:
    """What every transaction on *connector* (0: on all) may draw that has no profile of its own.

    Relative, because it then needs no clock at all; Absolute, for chargers that refuse that, starts in 1970.
    """
    return _for_ever(
        "TxDefaultProfile", kind, connector, stack_level, unit, _period(0, fallback_ma, unit, phases, number_phases)
    )


def installation_profile(
    limit_ma: int, *, stack_level: int = STACK_LEVEL, unit: ChargingRateUnit = "A", phases: int = 3
) -> SetChargingProfileRequest:
    """The ceiling of the whole charge point, written at commissioning: ChargePointMaxProfile on connector 0."""
    return _for_ever(
        "ChargePointMaxProfile", "Absolute", 0, stack_level, unit, _period(0, limit_ma, unit, phases, None)
    )


def clearing(
    purpose: ChargingProfilePurpose | None = None, connector: int | None = None, stack_level: int | None = None
) -> ClearChargingProfileRequest:
    """Forget profiles that others left: all that match what is given. Ours go with them: write those afterwards."""
    return ClearChargingProfileRequest(
        connector_id=connector, charging_profile_purpose=purpose, stack_level=stack_level
    )


def limit(limit_ma: int, unit: ChargingRateUnit, phases: int) -> float:
    """A limit as a period writes it, rounded down: amperes to one decimal, or whole watts at 230 V.

    *phases* is how many conductors the charger divides watts by. It must not be more than the car uses: watts meant
    for three phases are three times the current on one.
    """
    assert limit_ma >= 0, limit_ma
    assert 1 <= phases <= 3, phases
    if unit == "A":
        return limit_amperes(limit_ma)
    return float(limit_ma * NOMINAL_VOLTAGE_V * phases // 1000)


def _period(
    start_s: int, limit_ma: int, unit: ChargingRateUnit, phases: int, number_phases: int | None
) -> ChargingSchedulePeriod:
    return ChargingSchedulePeriod(
        start_period=start_s, limit=limit(limit_ma, unit, phases), number_phases=number_phases
    )


def _for_ever(
    purpose: ChargingProfilePurpose,
    kind: Literal["Relative", "Absolute"],
    connector: int,
    stack_level: int,
    unit: ChargingRateUnit,
    period: ChargingSchedulePeriod,
) -> SetChargingProfileRequest:
    schedule = ChargingSchedule(
        start_schedule=_ALWAYS if kind == "Absolute" else None,
        charging_rate_unit=unit,
        charging_schedule_period=(period,),
    )
    profile = ChargingProfile(
        charging_profile_id=profile_id(purpose, connector),
        stack_level=stack_level,
        charging_profile_purpose=purpose,
        charging_profile_kind=kind,
        charging_schedule=schedule,
    )
    return SetChargingProfileRequest(connector_id=connector, cs_charging_profiles=profile)
