"""What happened on the site. Every fact is frozen, carries the moment it became known, and is never edited.

Facts are folded into the picture, journalled, shown and, in simulation, checked. A charger's own time stands beside
ours and is never used to order anything but records (chargers' clocks are wrong in every way).
"""

from __future__ import annotations

import msgspec

from chargemon_edge.site.units import PerPhase
from chargemon_edge.site.wording import Wording


class Moment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Our two clocks at one instant: durations come from *mono_s*, records from *utc_ms*."""

    mono_s: float
    utc_ms: int


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Something that happened, at *at* by our clocks."""

    at: Moment


class MeterRead(Fact, frozen=True, kw_only=True, gc=False):
    """A whole, plausible sample of one meter."""

    meter: str
    current_ma: PerPhase
    """Signed: export is negative."""
    voltage_mv: PerPhase | None = None
    power_w: PerPhase | None = None
    frequency_mhz: int | None = None


class MeterLost(Fact, frozen=True, kw_only=True, gc=False):
    """The meter has given no good sample for as long as the policy allows, or its readings stand still."""

    meter: str
    reason: str


class LinkOpened(Fact, frozen=True, kw_only=True, gc=False):
    """A charge point has an authenticated WebSocket."""

    charge_point: str
    remote: str
    known: bool = True
    """False: not in the configuration, let in through the commissioning window."""
    security_profile: int = 0
    """That it came with (security white paper)."""
    key: str | None = None
    """The name of the kept password that it logged in with, if it was one."""


class LinkClosed(Fact, frozen=True, kw_only=True, gc=False):
    """That WebSocket is gone."""

    charge_point: str
    reason: str


class ChargePointBooted(Fact, frozen=True, kw_only=True, gc=False):
    """BootNotification (OCPP 1.6 §4.2)."""

    charge_point: str
    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    meter_type: str | None = None
    meter_serial_number: str | None = None


class StatusReported(Fact, frozen=True, kw_only=True, gc=False):
    """StatusNotification (OCPP 1.6 §4.9); connector 0 is the charge point itself."""

    charge_point: str
    connector: int
    status: str
    error_code: str
    info: str | None = None
    vendor_id: str | None = None
    vendor_error_code: str | None = None
    reported_utc_ms: int | None = None
    """The charger's own time, if it gave a readable one."""


class IdTagPresented(Fact, frozen=True, kw_only=True, gc=False):
    """Authorize (OCPP 1.6 §4.1) and what we answered."""

    charge_point: str
    id_tag: str
    status: str


class TransactionStarted(Fact, frozen=True, kw_only=True, gc=False):
    """StartTransaction (OCPP 1.6 §4.8). A refused tag has a transaction too: its stop will come."""

    charge_point: str
    connector: int
    transaction_id: int
    id_tag: str
    id_tag_status: str
    meter_start_wh: int
    started_utc_ms: int | None
    """The charger's own time; with connector, tag and register it recognises a repeated request."""
    started_text: str
    """The charger's time exactly as it was written."""
    reservation_id: int | None = None


class TransactionStopped(Fact, frozen=True, kw_only=True, gc=False):
    """StopTransaction (OCPP 1.6 §4.10) of a transaction we knew to be open, or its closing by us (*reason* says)."""

    charge_point: str
    connector: int
    transaction_id: int
    meter_stop_wh: int | None
    stopped_utc_ms: int | None
    reason: str
    id_tag: str | None = None
    raw: bytes = b""


class StopKept(Fact, frozen=True, kw_only=True, gc=False):
    """A StopTransaction that matches nothing open: confirmed to the charger, kept whole for a person to judge."""

    charge_point: str
    transaction_id: int
    doubt: str
    """``unknown`` or ``other charge point`` (an exact repeat is confirmed and leaves no fact)."""
    raw: bytes


class StopSettled(Fact, frozen=True, kw_only=True, gc=False):
    """A person has judged a kept stop: it waits no more."""

    number: int
    by: str


class ValuesReported(Fact, frozen=True, kw_only=True, gc=False):
    """MeterValues (OCPP 1.6 §4.7), normalised; *raw* is the payload as it came."""

    charge_point: str
    connector: int
    transaction_id: int | None = None
    current_ma: PerPhase | None = None
    """At the charger's own terminals."""
    power_w: int | None = None
    energy_wh: int | None = None
    offered_ma: int | None = None
    measured_utc_ms: int | None = None
    live: bool = True
    """False: older than ten seconds or undated in a burst after a reconnect; never drives the balancer."""
    derived: tuple[str, ...] = ()
    """Names of the values above that were computed, not reported."""
    raw: bytes | Wording = b""


class MessageKept(Fact, frozen=True, kw_only=True, gc=False):
    """A charger's message that changes nothing here but must not be lost (DataTransfer and the like)."""

    charge_point: str
    action: str
    raw: bytes


class FailSafeHeld(Fact, frozen=True, kw_only=True, gc=False):
    """The charger accepted the TxDefaultProfile that it falls back to."""

    charge_point: str
    connector: int
    fallback_ma: int


class LimitHeld(Fact, frozen=True, kw_only=True, gc=False):
    """The charger accepted this limit for the running transaction, as a lease."""

    charge_point: str
    connector: int
    transaction_id: int
    limit_ma: int
    fallback_ma: int
    lease_s: float
    """From the moment the profile was written to the socket until the charger falls back by itself."""
    sent_mono_s: float


class LimitRefused(Fact, frozen=True, kw_only=True, gc=False):
    """The charger did not take a limit: the old one is still assumed."""

    charge_point: str
    connector: int
    limit_ma: int
    outcome: str
    """``Rejected``, ``NotSupported``, a CALLERROR code, ``no answer``, or ``offline`` when nothing was sent."""


class ProfilesInDoubt(Fact, frozen=True, kw_only=True, gc=False):
    """Somebody's own profiles may have taken the place of ours, or ours are cleared: nothing is held for certain."""

    charge_point: str
    connector: int
    reason: str


class SecurityEvent(Fact, frozen=True, kw_only=True, gc=False):
    """Something an operator must be able to find later: refused login, unknown identity, duplicate, window opened."""

    event: str
    source: str
    detail: str
    charge_point: str | None = None
    """Whom it is about, if that is known."""
