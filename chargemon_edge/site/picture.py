"""The one frozen picture of the site that facts fold into (fold.py).

A reader keeps the picture it took: nothing in it changes. Unknown is ``None``, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Moment
from chargemon_edge.site.site_limit import ConnectorCap, SiteLimit


class MeterPicture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one meter last said."""

    latest: facts.MeterRead | None = None
    lost_reason: str | None = None
    """Why it counts as lost; None while readings come (or before the first)."""
    good_since_mono_s: float | None = None
    """Since when samples come without a loss in between."""


class Transaction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A running transaction."""

    transaction_id: int
    id_tag: str
    id_tag_status: str
    meter_start_wh: int
    started_utc_ms: int | None
    started_text: str
    received: Moment
    reservation_id: int | None = None
    adopted: bool = False
    """Read back from disk after our own restart."""


class HeldLimit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last limit the charger accepted; after *sent_mono_s* + *lease_s* it is at *fallback_ma* by itself."""

    limit_ma: int
    fallback_ma: int
    transaction_id: int
    sent_mono_s: float
    lease_s: float
    restored: bool = False
    """Read back from disk: the charger may hold one step more than this."""


class ConnectorPicture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One connector. Connector 0 is the charge point as a whole and has only a status."""

    status: str | None = None
    error_code: str | None = None
    info: str | None = None
    status_at: Moment | None = None
    status_reported_utc_ms: int | None = None
    """The charger's own time of that status."""
    transaction: Transaction | None = None
    values: facts.ValuesReported | None = None
    """The newest live values."""
    energy_wh: int | None = None
    """The newest register reading, live or not."""
    held: HeldLimit | None = None
    refused: facts.LimitRefused | None = None
    """The last limit it did not take, cleared by the next one that it takes."""
    doubted: facts.ProfilesInDoubt | None = None
    """The last time that whatever it held before was put in doubt."""
    cap: ConnectorCap | None = None
    """What somebody lets it draw at most."""
    fail_safe_ma: int | None = None
    """The fallback current that the charger is known to hold as its default; None: never confirmed."""


class ChargePointPicture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One charge point, known from the configuration, the disk or a commissioning window."""

    linked: bool = False
    link_changed: Moment | None = None
    link_reason: str | None = None
    remote: str | None = None
    known: bool = True
    seen: bool = False
    """Had a link since our start."""
    boot: facts.ChargePointBooted | None = None
    updating: str | None = None
    """The firmware update that is under way, in words: it may restart at any moment. None: none that we asked for."""
    connectors: Mapping[int, ConnectorPicture] = {}
    behind_ms: int = 0
    """By how much our time was moved since it was last told the time: it may still go by the old one."""
    told_mono_s: float = float("-inf")
    """When it was told of such a move."""


class ClockPicture(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of our own time. A clock that nobody watches is believed."""

    trusted: bool = True
    source: str | None = None
    """Why it is believed."""
    machine_ahead_ms: int = 0
    """By how much the machine's clock was set without anybody saying that it is right; ours goes on without it."""
    corrected_mono_s: float = float("-inf")
    """When our time was last moved by so much that charge points must be told."""


class SitePicture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known, at one moment."""

    started: Moment
    """When this run of the daemon began."""
    meters: Mapping[str, MeterPicture] = {}
    charge_points: Mapping[str, ChargePointPicture] = {}
    kept_stops: int = 0
    """StopTransactions that matched nothing and wait for a person."""
    stopped_campaigns: Mapping[int, str] = {}
    """Firmware campaigns that stopped by themselves and wait for a person: by number, why."""
    limits: Mapping[str, SiteLimit] = {}
    """What others let the whole site draw, by who says so."""
    clock: ClockPicture = ClockPicture()

    def connector(self, charge_point: str, number: int) -> ConnectorPicture:
        """That connector; an empty picture if nothing was heard of it."""
        entry = self.charge_points.get(charge_point)
        if entry is None:
            return NO_CONNECTOR
        return entry.connectors.get(number, NO_CONNECTOR)


NO_CONNECTOR = ConnectorPicture()


def updating(campaign: int) -> str:
    """A firmware update that is under way, in words."""
    return f"firmware update of campaign {campaign}"
