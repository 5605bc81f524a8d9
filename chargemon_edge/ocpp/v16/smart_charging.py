"""OCPP 1.6's Smart Charging profile: limits for charge points (§3.13, §5.5, §5.7, §5.16)."""

from __future__ import annotations

from typing import ClassVar, Literal

from chargemon_edge.ocpp.v16.types import (
    ChargingProfile,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ConnectorId,
    Integer,
    NotNegative,
    Pairs,
    Request,
    Response,
)


class ClearChargingProfileRequest(Request, frozen=True, kw_only=True):
    """Forget the profiles that match every given member; none given means all (§5.5, §6.13)."""

    action: ClassVar[str] = "ClearChargingProfile"
    id: Integer | None = None
    connector_id: ConnectorId | None = None
    charging_profile_purpose: ChargingProfilePurpose | None = None
    stack_level: NotNegative | None = None


class ClearChargingProfileResponse(Response, frozen=True, kw_only=True):
    """§6.14; Unknown: nothing matched."""

    status: Literal["Accepted", "Unknown"]


class GetCompositeScheduleRequest(Request, frozen=True, kw_only=True):
    """What limits follow from all profiles together, for *duration* seconds from now (§5.7, §6.21)."""

    action: ClassVar[str] = "GetCompositeSchedule"
    connector_id: ConnectorId
    duration: NotNegative
    charging_rate_unit: ChargingRateUnit | None = None


class GetCompositeScheduleResponse(Response, frozen=True, kw_only=True):
    """§6.22"""

    status: Literal["Accepted", "Rejected"]
    connector_id: Integer | None = None
    schedule_start: str | None = None
    charging_schedule: ChargingSchedule | None = None


class SetChargingProfileRequest(Request, frozen=True, kw_only=True):
    """Limit a connector, or with 0 the whole charge point (§5.16, §6.43)."""

    action: ClassVar[str] = "SetChargingProfile"
    connector_id: ConnectorId
    cs_charging_profiles: ChargingProfile


class SetChargingProfileResponse(Response, frozen=True, kw_only=True):
    """§6.44. Accepted is a claim; whether the limit is kept, only the measured current says."""

    status: Literal["Accepted", "Rejected", "NotSupported"]


FROM_CHARGE_POINT: Pairs = ()
TO_CHARGE_POINT: Pairs = (
    (ClearChargingProfileRequest, ClearChargingProfileResponse),
    (GetCompositeScheduleRequest, GetCompositeScheduleResponse),
    (SetChargingProfileRequest, SetChargingProfileResponse),
)
