"""The members of each kind of event's ``d``, as types. Pure.

What the journal wrote goes out as it is: a member here is a member of the row that :mod:`chargemon_edge.store` makes of
the fact, and tests hold the two together.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

Text = str | UnsetType
Number = int | UnsetType


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """``d`` of an event."""


class DaemonStarted(Detail, frozen=True, kw_only=True):
    """The first event of an epoch: the daemon was started."""

    version: str
    previous_ep: Number = UNSET
    previous_s: Number = UNSET
    """Where the epoch before it has ended; without it the records begin here: there were none, or they were lost."""


class ClockBegun(Detail, frozen=True, kw_only=True):
    """By which time this start of the daemon dates its records."""

    boot: str
    """Which boot of the machine this is; empty: not known."""
    source: Text = UNSET
    """Why the time is believed; without it, it is not known to be right."""
    doubted_since_utc_ms: Number = UNSET


class ClockCorrected(Detail, frozen=True, kw_only=True):
    """The time was moved, or is known to be right from now on."""

    by_ms: int
    source: str
    doubted_since_utc_ms: Number = UNSET
    """Events dated from then on, up to this one, belong *by_ms* later; without it no record's date was wrong."""


class ClockApart(Detail, frozen=True, kw_only=True):
    """The machine's clock was set and nobody says that it is right: it is not followed. 0: it agrees again."""

    machine_ahead_ms: int


class MeterLost(Detail, frozen=True, kw_only=True):
    """A grid meter gives no good reading any more."""

    meter: str
    reason: str


class LinkOpened(Detail, frozen=True, kw_only=True):
    """A charge point has connected."""

    remote: str
    known: bool
    security_profile: int


class LinkClosed(Detail, frozen=True, kw_only=True):
    """Its connection is gone."""

    reason: str


class Booted(Detail, frozen=True, kw_only=True):
    """BootNotification."""

    vendor: str
    model: str
    serial_number: Text = UNSET
    firmware_version: Text = UNSET


class StatusNews(Detail, frozen=True, kw_only=True):
    """StatusNotification, when it says something new."""

    connector: int
    status: str
    error_code: Text = UNSET
    info: Text = UNSET
    vendor_error_code: Text = UNSET


class TagPresented(Detail, frozen=True, kw_only=True):
    """Authorize, and what was answered."""

    id_tag: str
    status: str


class TransactionStarted(Detail, frozen=True, kw_only=True):
    """StartTransaction."""

    connector: int
    transaction_id: int
    id_tag: str
    id_tag_status: str
    meter_start_wh: int
    started_utc_ms: Number = UNSET
    """The charge point's own time."""


class TransactionStopped(Detail, frozen=True, kw_only=True):
    """StopTransaction, or closed by us: *reason* says."""

    connector: int
    transaction_id: int
    reason: str
    meter_stop_wh: Number = UNSET
    stopped_utc_ms: Number = UNSET


class StopKept(Detail, frozen=True, kw_only=True):
    """A StopTransaction that matches nothing: a person must judge it."""

    transaction_id: int
    doubt: str


class StopSettled(Detail, frozen=True, kw_only=True):
    """A person has."""

    number: int
    by: str


class ProfilesInDoubt(Detail, frozen=True, kw_only=True):
    """What limits a charge point holds is not known for certain any more."""

    connector: int
    reason: str


class SecurityNoticed(Detail, frozen=True, kw_only=True):
    """Noticed here: a refused login, an unknown identity, …"""

    event: str
    source: str
    detail: str


class SecurityReported(Detail, frozen=True, kw_only=True):
    """SecurityEventNotification: noticed by a charge point."""

    event: str
    reported_utc_ms: Number = UNSET
    detail: Text = UNSET


class OperationEnded(Detail, frozen=True, kw_only=True):
    """Somebody, anybody, asked a charge point for something: what came of it."""

    number: int
    action: str
    by: str
    result: str


class ProfileChanged(Detail, frozen=True, kw_only=True):
    """A named charging profile."""

    name: str
    profile_id: int
    by: str


class Progress(Detail, frozen=True, kw_only=True):
    """Of longer work at a charge point."""

    status: str
    signed: bool | UnsetType = UNSET
    request_id: Number = UNSET


class Answered(Detail, frozen=True, kw_only=True):
    """SignCertificate, and what was answered."""

    status: str


class CertificateIssued(Detail, frozen=True, kw_only=True):
    """Signed for a charge point."""

    serial: str
    ends_utc_ms: int
    sha256: str


class CertificateTaken(Detail, frozen=True, kw_only=True):
    """The charge point has accepted it."""

    serial: str


class CertificateRevoked(Detail, frozen=True, kw_only=True):
    """That certificate opens the charge point's link no more."""

    serial: str
    by: str


class TokenIssued(Detail, frozen=True, kw_only=True):
    """An access token was made."""

    name: str
    role: str
    by: str
    expires_utc_ms: Number = UNSET


class TokenRevoked(Detail, frozen=True, kw_only=True):
    """It opens nothing any more."""

    name: str
    by: str


class AccessRecorded(Detail, frozen=True, kw_only=True):
    """How a charge point gets in was changed."""

    keys_pending: int
    why: str
    by: str
    security_profile: Number = UNSET
    raising_to: Number = UNSET
    raise_step: Text = UNSET


class By(Detail, frozen=True, kw_only=True):
    """Who did it."""

    by: str


class KeyWritten(Detail, frozen=True, kw_only=True):
    """ChangeConfiguration, and what came of it."""

    key: str
    outcome: str


class Paused(Detail, frozen=True, kw_only=True):
    """The daemon writes no configuration to a charge point for a while."""

    reason: str
    until_utc_ms: int


class TagPut(Detail, frozen=True, kw_only=True):
    """A card's record was made or changed."""

    id_tag: str
    status: str
    by: str
    expiry_utc_ms: Number = UNSET
    parent_id_tag: Text = UNSET
    taught_at: Text = UNSET


class TagRemoved(Detail, frozen=True, kw_only=True):
    """The tag is masked."""

    id_tag: str
    by: str


class TeachInOpened(Detail, frozen=True, kw_only=True):
    """The next unknown card will be recorded."""

    seconds: float
    by: str


class Reason(Detail, frozen=True, kw_only=True):
    """Why."""

    reason: str


class ReservationMoved(Detail, frozen=True, kw_only=True):
    """A reservation was made, answered, used or has expired."""

    reservation_id: int
    connector: int
    state: str
    transaction_id: Number = UNSET


class ReservationPassedOver(Detail, frozen=True, kw_only=True):
    """Somebody else charges on a reserved connector."""

    connector: int
    reservation_id: int
    transaction_id: int


class ListHeld(Detail, frozen=True, kw_only=True):
    """A charge point has accepted a local list."""

    version: int
    entries: int


class ListRefused(Detail, frozen=True, kw_only=True):
    """It has not."""

    outcome: str


class ListUnsupported(Detail, frozen=True, kw_only=True):
    """It knows no local lists."""

    firmware_version: str


class Empty(Detail, frozen=True, kw_only=True):
    """No members."""


class CommandTaken(Detail, frozen=True, kw_only=True):
    """A command from upstream is on disk, and will be carried out once."""

    id: str
    op: str
    upstream: str
    by: Text = UNSET


class CommandEnded(Detail, frozen=True, kw_only=True):
    """What came of it: the same as on ``res``."""

    id: str
    upstream: str
    state: str
    op: Text = UNSET
    code: Text = UNSET
    msg: Text = UNSET
    by: Text = UNSET


class LimitTaken(Detail, frozen=True, kw_only=True):
    """A limit of the whole site is in force."""

    source: str
    n: int
    until_utc_ms: int
    l1_ma: Number = UNSET
    l2_ma: Number = UNSET
    l3_ma: Number = UNSET
    power_w: Number = UNSET
    by: Text = UNSET


class FailsafeBegun(Detail, frozen=True, kw_only=True):
    """A limit has run out and no newer one came: the site goes to its fail-safe."""

    source: str
    reason: str
    until_utc_ms: int
    l1_ma: int
    l2_ma: int
    l3_ma: int


class LimitEnded(Detail, frozen=True, kw_only=True):
    """A limit or its fail-safe has ended: the site may rise again, slowly."""

    source: str
    reason: str


class ConnectorCapped(Detail, frozen=True, kw_only=True):
    """Somebody lets a connector draw no more than this; without a limit: whatever the balancer gives it."""

    connector: int
    by: str
    limit_ma: Number = UNSET
    until_utc_ms: Number = UNSET


class DesiredReached(Detail, frozen=True, kw_only=True):
    """What became of a desired state: the same as on ``reported``."""

    name: str
    upstream: str
    ver: str
    state: str
    err: Text = UNSET


class ImageAdded(Detail, frozen=True, kw_only=True):
    """A firmware image can be given to charge points from now on."""

    image_id: str
    vendor: str
    version: str
    signed: bool
    by: str


class ImageRemoved(Detail, frozen=True, kw_only=True):
    """It is gone."""

    image_id: str
    by: str


class CampaignMoved(Detail, frozen=True, kw_only=True):
    """A firmware campaign was started, paused, resumed, cancelled, stopped or finished."""

    number: int
    image: str
    version: str
    state: str
    by: str
    why: Text = UNSET


class UpdateMoved(Detail, frozen=True, kw_only=True):
    """A charge point of a firmware campaign is a step further, or has its verdict."""

    campaign: int
    step: str
    attempt: int
    detail: Text = UNSET


class TicketIssued(Detail, frozen=True, kw_only=True):
    """A charge point may fetch or deliver one file."""

    ticket_id: str
    protocol: str
    by: str
    image_id: Text = UNSET
    purpose: Text = UNSET


class TicketEnded(Detail, frozen=True, kw_only=True):
    """It may not any more."""

    ticket_id: str
    end: str


class TransferEnded(Detail, frozen=True, kw_only=True):
    """A part of a file was moved, or all of it."""

    ticket_id: str
    first_byte: int
    bytes_moved: int
    whole: bool
    detail: Text = UNSET


class FileDelivered(Detail, frozen=True, kw_only=True):
    """A charge point has delivered a file: diagnostics, a log."""

    number: int
    purpose: str
    file_name: str
    size_bytes: int
    ticket_id: Text = UNSET


class DeliveryRemoved(Detail, frozen=True, kw_only=True):
    """It was deleted."""

    number: int
    by: str
