"""What people ask of charge points, what comes of it, and what charge points report of longer work and security."""

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


class OperationRequested(Fact, frozen=True, kw_only=True, gc=False):
    """Somebody wants a charge point to do something: the first half of an audit record, durable before it is sent."""

    number: int
    """Rises and never repeats."""
    charge_point: str
    action: str
    by: str
    """Who: a token's name, ``command line``, ``upstream``."""
    payload: str
    """JSON as it goes out, without secrets and with id tags masked."""


class OperationEnded(Fact, frozen=True, kw_only=True, gc=False):
    """The other half. A record without it: the daemon ended before an outcome was known."""

    number: int
    charge_point: str
    action: str
    by: str
    result: str
    """The charge point's status or error code, ``answered``, ``no answer``, ``not connected``, ``busy``, ``refused``
    (by us) or ``abandoned`` (whoever asked went away)."""
    detail: str | None = None
    """The answer as JSON, without secrets and with id tags masked; or why it was refused, in words."""


class ChargingProfileStored(Fact, frozen=True, kw_only=True, gc=False):
    """A named charging profile was written, new or in place of the one of that name."""

    name: str
    profile_id: int
    """The wire's chargingProfileId; a name keeps it, and no other ever gets it."""
    body: str
    """The profile as JSON in OCPP's words, its id included."""
    by: str


class ChargingProfileRemoved(Fact, frozen=True, kw_only=True, gc=False):
    """A named charging profile is gone; charge points that were given it keep it."""

    name: str
    profile_id: int
    by: str
