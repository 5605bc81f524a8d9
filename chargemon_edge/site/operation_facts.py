"""What charge points report of the longer work they were asked for, and of their security."""

from __future__ import annotations

from chargemon_edge.site.facts import Fact


class DiagnosticsStatusReported(Fact, frozen=True, kw_only=True, gc=False):
    """DiagnosticsStatusNotification (OCPP 1.6 §4.4)."""

    charge_point: str
    status: str


class FirmwareStatusReported(Fact, frozen=True, kw_only=True, gc=False):
    """FirmwareStatusNotification (OCPP 1.6 §4.5), or with *signed* the security extension's. No proof of success:
    only a boot with the new version is one."""

    charge_point: str
    status: str
    signed: bool = False
    request_id: int | None = None
    """Of the SignedUpdateFirmware that it is about, if the charge point says so."""


class LogStatusReported(Fact, frozen=True, kw_only=True, gc=False):
    """LogStatusNotification (security extension)."""

    charge_point: str
    status: str
    request_id: int | None = None


class SecurityEventReported(Fact, frozen=True, kw_only=True, gc=False):
    """SecurityEventNotification (security extension): the charge point's own observation, not ours."""

    charge_point: str
    event: str
    """The message's *type*: one of the white paper's, or the vendor's own."""
    reported_utc_ms: int | None = None
    """The charge point's own time, if it gave a readable one."""
    detail: str | None = None


class CertificateRequested(Fact, frozen=True, kw_only=True, gc=False):
    """SignCertificate (security extension) and what we answered."""

    charge_point: str
    status: str
