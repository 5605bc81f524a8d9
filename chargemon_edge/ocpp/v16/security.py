"""The security extension to OCPP 1.6-J (OCA white paper "Improved security for OCPP 1.6-J"): certificates, signed
firmware, security log and security events. Members as in the white paper's tables."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from chargemon_edge.ocpp.v16.types import (
    CiString50,
    CiString255,
    ConnectorId,
    FirmwareStatus,
    Integer,
    Pairs,
    Part,
    Request,
    Response,
)

Certificate = Annotated[str, Meta(max_length=5500)]
"""One certificate or signing request, PEM."""
CertificateChain = Annotated[str, Meta(max_length=10_000)]
"""The charge point's own certificate and those of its authorities below the root, PEM, one after the other."""
Url = Annotated[str, Meta(max_length=512)]
HexDigest = Annotated[str, Meta(max_length=128)]

CertificateUse = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
ExtendedMessageTrigger = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
]
HashAlgorithm = Literal["SHA256", "SHA384", "SHA512"]
LogType = Literal["DiagnosticsLog", "SecurityLog"]


class CertificateHashData(Part, frozen=True, kw_only=True):
    """What identifies a certificate; goes back to the charge point exactly as it came from it."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: HexDigest
    issuer_key_hash: HexDigest
    serial_number: Annotated[str, Meta(max_length=40)]


class Firmware(Part, frozen=True, kw_only=True):
    """A signed firmware file; the charge point checks *signature* (base64) with *signing_certificate*."""

    location: Url
    retrieve_date_time: str
    install_date_time: str | None = None
    signing_certificate: Certificate
    signature: Annotated[str, Meta(max_length=800)]


class LogParameters(Part, frozen=True, kw_only=True):
    """Where a log is to be sent, and from when to when."""

    remote_location: Url
    oldest_timestamp: str | None = None
    latest_timestamp: str | None = None


# ---------------------------------------------------------------- from charge point


class LogStatusNotificationRequest(Request, frozen=True, kw_only=True):
    """How the upload of a log goes."""

    action: ClassVar[str] = "LogStatusNotification"
    status: Literal[
        "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure", "Uploading"
    ]
    request_id: Integer | None = None


class LogStatusNotificationResponse(Response, frozen=True, kw_only=True):
    """Empty."""


class SecurityEventNotificationRequest(Request, frozen=True, kw_only=True):
    """Something that bears on the charge point's security; *type* is one of the white paper's or the vendor's own."""

    action: ClassVar[str] = "SecurityEventNotification"
    type: CiString50
    timestamp: str
    tech_info: CiString255 | None = None


class SecurityEventNotificationResponse(Response, frozen=True, kw_only=True):
    """Empty."""


class SignCertificateRequest(Request, frozen=True, kw_only=True):
    """Sign this request (PKCS #10, PEM); the certificate then goes out with CertificateSigned."""

    action: ClassVar[str] = "SignCertificate"
    csr: Certificate


class SignCertificateResponse(Response, frozen=True, kw_only=True):
    """Accepted: it will be signed."""

    status: Literal["Accepted", "Rejected"]


class SignedFirmwareStatusNotificationRequest(Request, frozen=True, kw_only=True):
    """How a signed update goes."""

    action: ClassVar[str] = "SignedFirmwareStatusNotification"
    status: FirmwareStatus
    request_id: Integer | None = None


class SignedFirmwareStatusNotificationResponse(Response, frozen=True, kw_only=True):
    """Empty."""


# ---------------------------------------------------------------- to charge point


class CertificateSignedRequest(Request, frozen=True, kw_only=True):
    """The charge point's new certificate."""

    action: ClassVar[str] = "CertificateSigned"
    certificate_chain: CertificateChain


class CertificateSignedResponse(Response, frozen=True, kw_only=True):
    """Whether the charge point found it valid."""

    status: Literal["Accepted", "Rejected"]


class DeleteCertificateRequest(Request, frozen=True, kw_only=True):
    """Forget an installed root certificate."""

    action: ClassVar[str] = "DeleteCertificate"
    certificate_hash_data: CertificateHashData


class DeleteCertificateResponse(Response, frozen=True, kw_only=True):
    """What became of it."""

    status: Literal["Accepted", "Failed", "NotFound"]


class ExtendedTriggerMessageRequest(Request, frozen=True, kw_only=True):
    """TriggerMessage with the white paper's messages."""

    action: ClassVar[str] = "ExtendedTriggerMessage"
    requested_message: ExtendedMessageTrigger
    connector_id: ConnectorId | None = None


class ExtendedTriggerMessageResponse(Response, frozen=True, kw_only=True):
    """Whether the message will come."""

    status: Literal["Accepted", "Rejected", "NotImplemented"]


class GetInstalledCertificateIdsRequest(Request, frozen=True, kw_only=True):
    """Which root certificates of that use are installed?"""

    action: ClassVar[str] = "GetInstalledCertificateIds"
    certificate_type: CertificateUse


class GetInstalledCertificateIdsResponse(Response, frozen=True, kw_only=True):
    """NotFound: none."""

    status: Literal["Accepted", "NotFound"]
    certificate_hash_data: Annotated[tuple[CertificateHashData, ...], Meta(min_length=1)] | None = None


class GetLogRequest(Request, frozen=True, kw_only=True):
    """Upload a log; *retry_interval* in seconds."""

    action: ClassVar[str] = "GetLog"
    log_type: LogType
    request_id: Integer
    retries: Integer | None = None
    retry_interval: Integer | None = None
    log: LogParameters


class GetLogResponse(Response, frozen=True, kw_only=True):
    """AcceptedCanceled: an upload that was running has been given up for this one."""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled"]
    filename: CiString255 | None = None


class InstallCertificateRequest(Request, frozen=True, kw_only=True):
    """Trust this root certificate."""

    action: ClassVar[str] = "InstallCertificate"
    certificate_type: CertificateUse
    certificate: Certificate


class InstallCertificateResponse(Response, frozen=True, kw_only=True):
    """Rejected: not valid; Failed: valid, and could not be installed."""

    status: Literal["Accepted", "Failed", "Rejected"]


class SignedUpdateFirmwareRequest(Request, frozen=True, kw_only=True):
    """Fetch, check and install signed firmware; *retry_interval* in seconds."""

    action: ClassVar[str] = "SignedUpdateFirmware"
    retries: Integer | None = None
    retry_interval: Integer | None = None
    request_id: Integer
    firmware: Firmware


class SignedUpdateFirmwareResponse(Response, frozen=True, kw_only=True):
    """AcceptedCanceled: an update that was running has been given up for this one."""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


FROM_CHARGE_POINT: Pairs = (
    (LogStatusNotificationRequest, LogStatusNotificationResponse),
    (SecurityEventNotificationRequest, SecurityEventNotificationResponse),
    (SignCertificateRequest, SignCertificateResponse),
    (SignedFirmwareStatusNotificationRequest, SignedFirmwareStatusNotificationResponse),
)
TO_CHARGE_POINT: Pairs = (
    (CertificateSignedRequest, CertificateSignedResponse),
    (DeleteCertificateRequest, DeleteCertificateResponse),
    (ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse),
    (GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse),
    (GetLogRequest, GetLogResponse),
    (InstallCertificateRequest, InstallCertificateResponse),
    (SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse),
)
