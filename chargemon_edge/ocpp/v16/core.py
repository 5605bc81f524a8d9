"""OCPP 1.6's Core profile: the messages without which nothing charges (§4, §5), members as in the tables of §6."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from chargemon_edge.ocpp.v16.types import (
    AvailabilityType,
    ChargePointStatus,
    ChargingProfile,
    CiString20,
    CiString25,
    CiString50,
    CiString255,
    CiString500,
    ConnectorId,
    IdTagInfo,
    Integer,
    KeyValue,
    MeterValue,
    OutletId,
    Pairs,
    Reason,
    RegistrationStatus,
    Request,
    ResetType,
    Response,
)

# ---------------------------------------------------------------- from charge point


class AuthorizeRequest(Request, frozen=True, kw_only=True):
    """May this id tag charge? (§4.1, §6.1)"""

    action: ClassVar[str] = "Authorize"
    id_tag: CiString20


class AuthorizeResponse(Response, frozen=True, kw_only=True):
    """§6.2"""

    id_tag_info: IdTagInfo


class BootNotificationRequest(Request, frozen=True, kw_only=True):
    """What the charge point is (§4.2, §6.3)."""

    action: ClassVar[str] = "BootNotification"
    charge_box_serial_number: CiString25 | None = None
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_point_vendor: CiString20
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_serial_number: CiString25 | None = None
    meter_type: CiString25 | None = None


class BootNotificationResponse(Response, frozen=True, kw_only=True):
    """§6.4; *interval* in seconds: between heartbeats if Accepted, else before the next try."""

    current_time: str
    interval: Integer
    status: RegistrationStatus


class DataTransferRequest(Request, frozen=True, kw_only=True):
    """Something of a vendor's own; either side may send it (§4.3, §5.6, §6.15)."""

    action: ClassVar[str] = "DataTransfer"
    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: str | None = None


class DataTransferResponse(Response, frozen=True, kw_only=True):
    """§6.16"""

    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: str | None = None


class HeartbeatRequest(Request, frozen=True, kw_only=True):
    """Still here; what time is it? (§4.6, §6.29)"""

    action: ClassVar[str] = "Heartbeat"


class HeartbeatResponse(Response, frozen=True, kw_only=True):
    """§6.30"""

    current_time: str


class MeterValuesRequest(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a connector's meter shows; read it with :func:`.metering.normalise` (§4.7, §6.31).

    More than half of all messages. Strictly read it has nothing but the specification's members, so that nobody need
    measure how deep it nests; what has others gets the second look, which leaves them out.
    """

    action: ClassVar[str] = "MeterValues"
    connector_id: Integer
    transaction_id: Integer | None = None
    meter_value: Annotated[tuple[MeterValue, ...], Meta(min_length=1)]


class MeterValuesResponse(Response, frozen=True, kw_only=True):
    """§6.32"""


class StartTransactionRequest(Request, frozen=True, kw_only=True):
    """A transaction has begun; *meter_start* in Wh (§4.8, §6.45)."""

    action: ClassVar[str] = "StartTransaction"
    connector_id: Integer
    id_tag: CiString20
    meter_start: Integer
    reservation_id: Integer | None = None
    timestamp: str


class StartTransactionResponse(Response, frozen=True, kw_only=True):
    """§6.46"""

    id_tag_info: IdTagInfo
    transaction_id: Integer


class StatusNotificationRequest(Request, frozen=True, kw_only=True):
    """A connector's state, or with connector 0 the charge point's (§4.9, §6.47).

    *error_code* is plain text: an unknown one must not keep the status from us.
    """

    action: ClassVar[str] = "StatusNotification"
    connector_id: Integer
    error_code: CiString50
    info: CiString50 | None = None
    status: ChargePointStatus
    timestamp: str | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None


class StatusNotificationResponse(Response, frozen=True, kw_only=True):
    """§6.48"""


class StopTransactionRequest(Request, frozen=True, kw_only=True):
    """A transaction has ended; *meter_stop* in Wh (§4.10, §6.49). Its id may be one we never gave."""

    action: ClassVar[str] = "StopTransaction"
    id_tag: CiString20 | None = None
    meter_stop: Integer
    timestamp: str
    transaction_id: Integer
    reason: Reason | None = None
    """Absent means Local."""
    transaction_data: tuple[MeterValue, ...] | None = None


class StopTransactionResponse(Response, frozen=True, kw_only=True):
    """§6.50"""

    id_tag_info: IdTagInfo | None = None


# ---------------------------------------------------------------- to charge point


class ChangeAvailabilityRequest(Request, frozen=True, kw_only=True):
    """Take a connector, or with 0 all of them, in or out of service (§5.2, §6.7)."""

    action: ClassVar[str] = "ChangeAvailability"
    connector_id: ConnectorId
    type: AvailabilityType


class ChangeAvailabilityResponse(Response, frozen=True, kw_only=True):
    """§6.8"""

    status: Literal["Accepted", "Rejected", "Scheduled"]


class ChangeConfigurationRequest(Request, frozen=True, kw_only=True):
    """Write one configuration key (§5.3, §6.9)."""

    action: ClassVar[str] = "ChangeConfiguration"
    key: CiString50
    value: CiString500


class ChangeConfigurationResponse(Response, frozen=True, kw_only=True):
    """§6.10"""

    status: Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class ClearCacheRequest(Request, frozen=True, kw_only=True):
    """Forget the cached id tags (§5.4, §6.11)."""

    action: ClassVar[str] = "ClearCache"


class ClearCacheResponse(Response, frozen=True, kw_only=True):
    """§6.12"""

    status: Literal["Accepted", "Rejected"]


class GetConfigurationRequest(Request, frozen=True, kw_only=True):
    """Read some configuration keys, or without *key* all of them (§5.8, §6.23)."""

    action: ClassVar[str] = "GetConfiguration"
    key: tuple[CiString50, ...] | None = None


class GetConfigurationResponse(Response, frozen=True, kw_only=True):
    """§6.24"""

    configuration_key: tuple[KeyValue, ...] | None = None
    unknown_key: tuple[str, ...] | None = None


class RemoteStartTransactionRequest(Request, frozen=True, kw_only=True):
    """Start charging as if this id tag had been presented (§5.11, §6.33)."""

    action: ClassVar[str] = "RemoteStartTransaction"
    connector_id: OutletId | None = None
    id_tag: CiString20
    charging_profile: ChargingProfile | None = None
    """A TxProfile without transaction id."""


class RemoteStartTransactionResponse(Response, frozen=True, kw_only=True):
    """§6.34"""

    status: Literal["Accepted", "Rejected"]


class RemoteStopTransactionRequest(Request, frozen=True, kw_only=True):
    """End a transaction (§5.12, §6.35)."""

    action: ClassVar[str] = "RemoteStopTransaction"
    transaction_id: Integer


class RemoteStopTransactionResponse(Response, frozen=True, kw_only=True):
    """§6.36"""

    status: Literal["Accepted", "Rejected"]


class ResetRequest(Request, frozen=True, kw_only=True):
    """Restart, after ending transactions in order (Soft) or at once (Hard) (§5.14, §6.39)."""

    action: ClassVar[str] = "Reset"
    type: ResetType


class ResetResponse(Response, frozen=True, kw_only=True):
    """§6.40"""

    status: Literal["Accepted", "Rejected"]


class UnlockConnectorRequest(Request, frozen=True, kw_only=True):
    """Let go of a cable (§5.18, §6.53). Any number: the charge point refuses one that it does not have."""

    action: ClassVar[str] = "UnlockConnector"
    connector_id: ConnectorId


class UnlockConnectorResponse(Response, frozen=True, kw_only=True):
    """§6.54"""

    status: Literal["Unlocked", "UnlockFailed", "NotSupported"]


FROM_CHARGE_POINT: Pairs = (
    (AuthorizeRequest, AuthorizeResponse),
    (BootNotificationRequest, BootNotificationResponse),
    (DataTransferRequest, DataTransferResponse),
    (HeartbeatRequest, HeartbeatResponse),
    (MeterValuesRequest, MeterValuesResponse),
    (StartTransactionRequest, StartTransactionResponse),
    (StatusNotificationRequest, StatusNotificationResponse),
    (StopTransactionRequest, StopTransactionResponse),
)
TO_CHARGE_POINT: Pairs = (
    (ChangeAvailabilityRequest, ChangeAvailabilityResponse),
    (ChangeConfigurationRequest, ChangeConfigurationResponse),
    (ClearCacheRequest, ClearCacheResponse),
    (DataTransferRequest, DataTransferResponse),
    (GetConfigurationRequest, GetConfigurationResponse),
    (RemoteStartTransactionRequest, RemoteStartTransactionResponse),
    (RemoteStopTransactionRequest, RemoteStopTransactionResponse),
    (ResetRequest, ResetResponse),
    (UnlockConnectorRequest, UnlockConnectorResponse),
)
