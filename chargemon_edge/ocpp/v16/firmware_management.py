"""OCPP 1.6's Firmware Management profile: new firmware for charge points, diagnostics from them (§3.3, §5.9, §5.19)."""

from __future__ import annotations

from typing import ClassVar, Literal

from chargemon_edge.ocpp.v16.types import CiString255, FirmwareStatus, Integer, Pairs, Request, Response

# ---------------------------------------------------------------- from charge point


class DiagnosticsStatusNotificationRequest(Request, frozen=True, kw_only=True):
    """How the upload of a diagnostics file goes (§4.4, §6.17)."""

    action: ClassVar[str] = "DiagnosticsStatusNotification"
    status: Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]


class DiagnosticsStatusNotificationResponse(Response, frozen=True, kw_only=True):
    """§6.18"""


class FirmwareStatusNotificationRequest(Request, frozen=True, kw_only=True):
    """How an update goes (§4.5, §6.19). Any order, any omission, and ``Installed`` again after the reboot are seen."""

    action: ClassVar[str] = "FirmwareStatusNotification"
    status: FirmwareStatus
    """Of the security extension's statuses too: some charge points that know it send them in this message."""


class FirmwareStatusNotificationResponse(Response, frozen=True, kw_only=True):
    """§6.20"""


# ---------------------------------------------------------------- to charge point


class GetDiagnosticsRequest(Request, frozen=True, kw_only=True):
    """Upload a diagnostics file to *location*, the URL of a folder (§5.9, §6.25); *retry_interval* in seconds."""

    action: ClassVar[str] = "GetDiagnostics"
    location: str
    retries: Integer | None = None
    retry_interval: Integer | None = None
    start_time: str | None = None
    stop_time: str | None = None


class GetDiagnosticsResponse(Response, frozen=True, kw_only=True):
    """§6.26; without a name there is nothing to upload."""

    file_name: CiString255 | None = None


class UpdateFirmwareRequest(Request, frozen=True, kw_only=True):
    """Fetch *location* at *retrieve_date* and install it (§5.19, §6.55); *retry_interval* in seconds."""

    action: ClassVar[str] = "UpdateFirmware"
    location: str
    retries: Integer | None = None
    """0 makes a common charge point do nothing at all, silently: better absent."""
    retrieve_date: str
    retry_interval: Integer | None = None


class UpdateFirmwareResponse(Response, frozen=True, kw_only=True):
    """§6.56"""


FROM_CHARGE_POINT: Pairs = (
    (DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse),
    (FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse),
)
TO_CHARGE_POINT: Pairs = (
    (GetDiagnosticsRequest, GetDiagnosticsResponse),
    (UpdateFirmwareRequest, UpdateFirmwareResponse),
)
