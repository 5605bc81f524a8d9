"""Every typed message of OCPP 1.6 under one roof, and which belong together.

A feature profile is one file with two tables of pairs; naming it in ``_PROFILES`` adds its actions everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from chargemon_edge.ocpp.v16 import core, remote_trigger, smart_charging
from chargemon_edge.ocpp.v16.core import (
    AuthorizeRequest,
    AuthorizeResponse,
    BootNotificationRequest,
    BootNotificationResponse,
    ChangeAvailabilityRequest,
    ChangeAvailabilityResponse,
    ChangeConfigurationRequest,
    ChangeConfigurationResponse,
    ClearCacheRequest,
    ClearCacheResponse,
    DataTransferRequest,
    DataTransferResponse,
    GetConfigurationRequest,
    GetConfigurationResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    MeterValuesRequest,
    MeterValuesResponse,
    RemoteStartTransactionRequest,
    RemoteStartTransactionResponse,
    RemoteStopTransactionRequest,
    RemoteStopTransactionResponse,
    ResetRequest,
    ResetResponse,
    StartTransactionRequest,
    StartTransactionResponse,
    StatusNotificationRequest,
    StatusNotificationResponse,
    StopTransactionRequest,
    StopTransactionResponse,
    UnlockConnectorRequest,
    UnlockConnectorResponse,
)
from chargemon_edge.ocpp.v16.remote_trigger import (
    MessageTrigger,
    TriggerMessageRequest,
    TriggerMessageResponse,
)
from chargemon_edge.ocpp.v16.smart_charging import (
    ClearChargingProfileRequest,
    ClearChargingProfileResponse,
    GetCompositeScheduleRequest,
    GetCompositeScheduleResponse,
    SetChargingProfileRequest,
    SetChargingProfileResponse,
)
from chargemon_edge.ocpp.v16.types import (
    AuthorizationStatus,
    AvailabilityType,
    ChargePointStatus,
    ChargingProfile,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    ChargingSchedule,
    ChargingSchedulePeriod,
    IdTagInfo,
    KeyValue,
    MeterValue,
    Reason,
    RecurrencyKind,
    RegistrationStatus,
    Request,
    ResetType,
    Response,
    SampledValue,
)

__all__ = [
    "FROM_CHARGE_POINT",
    "RESPONSE_OF",
    "TO_CHARGE_POINT",
    "AuthorizationStatus",
    "AuthorizeRequest",
    "AuthorizeResponse",
    "AvailabilityType",
    "BootNotificationRequest",
    "BootNotificationResponse",
    "ChangeAvailabilityRequest",
    "ChangeAvailabilityResponse",
    "ChangeConfigurationRequest",
    "ChangeConfigurationResponse",
    "ChargePointStatus",
    "ChargingProfile",
    "ChargingProfileKind",
    "ChargingProfilePurpose",
    "ChargingRateUnit",
    "ChargingSchedule",
    "ChargingSchedulePeriod",
    "ClearCacheRequest",
    "ClearCacheResponse",
    "ClearChargingProfileRequest",
    "ClearChargingProfileResponse",
    "DataTransferRequest",
    "DataTransferResponse",
    "GetCompositeScheduleRequest",
    "GetCompositeScheduleResponse",
    "GetConfigurationRequest",
    "GetConfigurationResponse",
    "HeartbeatRequest",
    "HeartbeatResponse",
    "IdTagInfo",
    "KeyValue",
    "MessageTrigger",
    "MeterValue",
    "MeterValuesRequest",
    "MeterValuesResponse",
    "Reason",
    "RecurrencyKind",
    "RegistrationStatus",
    "RemoteStartTransactionRequest",
    "RemoteStartTransactionResponse",
    "RemoteStopTransactionRequest",
    "RemoteStopTransactionResponse",
    "Request",
    "ResetRequest",
    "ResetResponse",
    "ResetType",
    "Response",
    "SampledValue",
    "SetChargingProfileRequest",
    "SetChargingProfileResponse",
    "StartTransactionRequest",
    "StartTransactionResponse",
    "StatusNotificationRequest",
    "StatusNotificationResponse",
    "StopTransactionRequest",
    "StopTransactionResponse",
    "TriggerMessageRequest",
    "TriggerMessageResponse",
    "UnlockConnectorRequest",
    "UnlockConnectorResponse",
]

_PROFILES = (core, smart_charging, remote_trigger)

FROM_CHARGE_POINT: Mapping[str, type[Request]] = {
    request.action: request for profile in _PROFILES for request, _ in profile.FROM_CHARGE_POINT
}
"""What a charge point may ask of us, by action."""

TO_CHARGE_POINT: Mapping[str, type[Request]] = {
    request.action: request for profile in _PROFILES for request, _ in profile.TO_CHARGE_POINT
}
"""What we may ask of a charge point, by action."""

RESPONSE_OF: Mapping[type[Request], type[Response]] = {
    request: response
    for profile in _PROFILES
    for request, response in (*profile.FROM_CHARGE_POINT, *profile.TO_CHARGE_POINT)
}
"""The response that answers each request."""
