"""The shapes of the API's answers: plain records, currents in whole mA, phases as ``[L1, L2, L3]`` of the site.

These are a promise to whoever reads the API (``docs/api.md``): members are added, never renamed or given another unit.
"""

from __future__ import annotations

import enum

import msgspec

from chargemon_edge import SUPPORTED_UNTIL, __version__
from chargemon_edge.site.token_facts import Role
from chargemon_edge.site.units import PerPhase


class Severity(enum.Enum):
    """How much an alarm matters; the order here is the order on the page."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"


class AlarmView(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should know of, in plain words."""

    code: str
    """For programs: ``meter_lost``, ``over_fuse``, ``not_armed``, … (``docs/api.md`` lists them)."""
    severity: Severity
    subject: str
    """What it is about: a meter, a circuit, a connector."""
    what: str
    advice: str
    """What to do about it; may be empty."""


class ClockView(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon's own time."""

    utc_ms: int
    trusted: bool
    """Whether it is known to be right; records are put right once it is."""
    source: str | None
    """Why it is believed: a time service, ``hardware clock``, whoever confirmed it; null while it is not."""
    machine_ahead_ms: int
    """Not 0: the machine's clock was set by so much and nobody says that it is right, so it is not followed."""


class MeterView(msgspec.Struct, frozen=True, kw_only=True):
    """One meter and its last reading, however old."""

    name: str
    circuit: str
    state: str
    """``good``, ``stale`` (older than *stale_after_s*), ``lost``, or ``none`` before the first reading."""
    stale_after_s: float
    age_s: float | None = None
    reason: str | None = None
    """Why it counts as lost."""
    current_ma: PerPhase | None = None
    """Signed: export is negative."""
    voltage_mv: PerPhase | None = None
    power_w: PerPhase | None = None


class CircuitView(msgspec.Struct, frozen=True, kw_only=True):
    """One fuse. A number that nobody knows is null."""

    name: str
    parent: str | None
    depth: int
    """0: the main fuse."""
    fuse_ma: PerPhase
    usable_ma: PerPhase
    """The fuse less its margin."""
    meter: str | None
    measured_ma: PerPhase | None
    """All that flows through the fuse now; null without a meter and while the meter is lost."""
    charging_ma: PerPhase
    """What the chargers behind this fuse report of running transactions."""
    charging_unknown: int
    """Running transactions behind this fuse that are missing in *charging_ma*: their charger reports no current."""
    background_ma: PerPhase | None = None
    """What is not charging, as the balancer counts it."""
    reserved_ma: PerPhase | None = None
    """Kept for chargers that cannot be commanded now."""
    granted_ma: PerPhase | None = None
    """The sum of the connectors' limits."""


class ChargePointView(msgspec.Struct, frozen=True, kw_only=True):
    """One charge point. Its texts are as it sent them: show them as text, never as markup."""

    identity: str
    configured: bool
    """False: let in through the commissioning window."""
    linked: bool
    seen: bool
    """Had a link since the daemon started."""
    link_changed_s: float | None = None
    """Seconds since the link was opened or lost."""
    link_reason: str | None = None
    vendor: str | None = None
    model: str | None = None
    firmware_version: str | None = None
    updating: str | None = None
    """The firmware update that is under way, in words."""


class TransactionView(msgspec.Struct, frozen=True, kw_only=True):
    """A running transaction."""

    transaction_id: int
    id_tag: str
    """Masked."""
    id_tag_status: str
    duration_s: float
    energy_wh: int | None
    adopted: bool
    """It was already running when the daemon started."""


class RefusedView(msgspec.Struct, frozen=True, kw_only=True):
    """The last limit that the charger did not take."""

    limit_ma: int
    outcome: str


class ConnectorView(msgspec.Struct, frozen=True, kw_only=True):
    """One connector: what it may draw, what it draws, and why."""

    charge_point: str
    connector: int
    label: str
    circuit: str
    phases: tuple[bool, bool, bool]
    """Which phases of the site it can load."""
    rotation: str
    min_ma: int
    max_ma: int
    fallback_ma: int
    linked: bool
    state: str
    """``offline``, ``unknown``, ``waiting`` (to hold 0 A for now), or OCPP's status in snake case."""
    words: str
    """The same for people."""
    error_code: str | None = None
    info: str | None = None
    transaction: TransactionView | None = None
    allowed_ma: int | None = None
    """The limit the charger is known to hold now for its transaction; null: none, or not known."""
    target_ma: int | None = None
    """The limit the balancer wants it to hold."""
    measured_ma: PerPhase | None = None
    """What the car draws, on the site's phases."""
    measured_age_s: float | None = None
    power_w: int | None = None
    source: str | None = None
    """What bound the target: a circuit, ``car``, ``meter``, ``waiting``, …"""
    reason: str | None = None
    """The same in one sentence."""
    refused: RefusedView | None = None
    overdraws: bool = False
    """Draws clearly more than it is allowed."""


class UplinkView(msgspec.Struct, frozen=True, kw_only=True):
    """One operator above the site, at a glance."""

    name: str
    connected: bool
    backlog: int
    """Events that it does not have yet."""
    error: str | None


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """The whole site at one moment. Ages count from *at_utc_ms*."""

    version: int
    """Rises with every change while the daemon runs; starts anew with it."""
    at_utc_ms: int
    software_version: str = __version__
    """Of the daemon."""
    supported_until: str = SUPPORTED_UNTIL
    """The last day of its security updates."""
    site: str
    uptime_s: float
    armed: bool
    why: str
    """What the balancer is doing, or why it sends no limits."""
    commissioning_s: float | None
    """Seconds for which unknown charge points are still let in; null: they are refused."""
    last_backup_utc_ms: int | None
    """When the newest backup on this machine was made; null: there is none."""
    uplinks: tuple[UplinkView, ...]
    """The operators above the site; `GET /api/v1/upstreams` says more."""
    alarms: tuple[AlarmView, ...]
    """Worst first."""
    meters: tuple[MeterView, ...]
    circuits: tuple[CircuitView, ...]
    """Each parent before its children; the main fuse first."""
    charge_points: tuple[ChargePointView, ...]
    connectors: tuple[ConnectorView, ...]


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """A backup on this machine: everything that must not be lost, whole and checked."""

    name: str
    path: str
    """On this machine, where root can read it."""
    made_utc_ms: int
    size_bytes: int
    reason: str
    """``daily``, ``asked``, or ``before-N``: before the database was brought to schema N."""


class ErasedView(msgspec.Struct, frozen=True, kw_only=True):
    """An id tag was forgotten."""

    rows: int
    """In so many of them a word has taken its place."""
    backups_deleted: int
    """A new one was made first."""
    may_remain: tuple[str, ...]
    """Files in the state directory that may still hold it: yours to delete."""


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """Enough for a monitor: the daemon answers, and whether a person should look."""

    status: str
    """``ok`` or ``attention`` (an alarm above ``notice`` stands)."""
    armed: bool
    meters_good: int
    meters: int
    charge_points_linked: int
    charge_points: int
    uptime_s: float


class CommissioningView(msgspec.Struct, frozen=True, kw_only=True):
    """The commissioning window."""

    remaining_s: float | None
    """null: closed."""


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a token. Not the token itself: only its digest is kept."""

    name: str
    role: Role
    issued_utc_ms: int
    issued_by: str
    expires_utc_ms: int | None
    """null: never."""
    expired: bool


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token, for the only time."""

    name: str
    role: Role
    expires_utc_ms: int | None
    token: str


class ProblemView(msgspec.Struct, frozen=True, kw_only=True):
    """An error (RFC 9457)."""

    title: str
    status: int
    detail: str
