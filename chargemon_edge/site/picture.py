"""The one frozen picture of the site that facts fold into, and the fold itself.

A reader keeps the picture it took: nothing in it changes. Unknown is ``None``, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.site import facts
from chargemon_edge.site.facts import Fact, Moment


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
    connectors: Mapping[int, ConnectorPicture] = {}


class SitePicture(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known, at one moment."""

    started: Moment
    """When this run of the daemon began."""
    meters: Mapping[str, MeterPicture] = {}
    charge_points: Mapping[str, ChargePointPicture] = {}
    kept_stops: int = 0
    """StopTransactions that matched nothing and wait for a person."""

    def connector(self, charge_point: str, number: int) -> ConnectorPicture:
        """That connector; an empty picture if nothing was heard of it."""
        entry = self.charge_points.get(charge_point)
        if entry is None:
            return _NO_CONNECTOR
        return entry.connectors.get(number, _NO_CONNECTOR)


_NO_CONNECTOR = ConnectorPicture()
_NO_CHARGE_POINT = ChargePointPicture()
_NO_METER = MeterPicture()


def apply(picture: SitePicture, fact: Fact) -> SitePicture:
    """The picture after *fact*; facts that change nothing visible return the same picture."""
    fold = _FOLDS.get(type(fact))
    return picture if fold is None else fold(picture, fact)


def _with_charge_point(picture: SitePicture, identity: str, entry: ChargePointPicture) -> SitePicture:
    charge_points = dict(picture.charge_points)
    charge_points[identity] = entry
    return replace(picture, charge_points=charge_points)


def _with_connector(picture: SitePicture, identity: str, number: int, **changes: Any) -> SitePicture:
    entry = picture.charge_points.get(identity, _NO_CHARGE_POINT)
    connectors = dict(entry.connectors)
    connectors[number] = replace(connectors.get(number, _NO_CONNECTOR), **changes)
    return _with_charge_point(picture, identity, replace(entry, connectors=connectors))


def _meter_read(picture: SitePicture, fact: facts.MeterRead) -> SitePicture:
    before = picture.meters.get(fact.meter, _NO_METER)
    fresh = before.good_since_mono_s is None or before.lost_reason is not None
    since = fact.at.mono_s if fresh else before.good_since_mono_s
    meter = MeterPicture(latest=fact, good_since_mono_s=since)
    return replace(picture, meters={**picture.meters, fact.meter: meter})


def _meter_lost(picture: SitePicture, fact: facts.MeterLost) -> SitePicture:
    before = picture.meters.get(fact.meter, _NO_METER)
    meter = replace(before, lost_reason=fact.reason, good_since_mono_s=None)
    return replace(picture, meters={**picture.meters, fact.meter: meter})


def _link_opened(picture: SitePicture, fact: facts.LinkOpened) -> SitePicture:
    entry = picture.charge_points.get(fact.charge_point, _NO_CHARGE_POINT)
    entry = replace(
        entry, linked=True, seen=True, known=fact.known, link_changed=fact.at, link_reason=None, remote=fact.remote
    )
    return _with_charge_point(picture, fact.charge_point, entry)


def _link_closed(picture: SitePicture, fact: facts.LinkClosed) -> SitePicture:
    entry = picture.charge_points.get(fact.charge_point, _NO_CHARGE_POINT)
    entry = replace(entry, linked=False, link_changed=fact.at, link_reason=fact.reason)
    return _with_charge_point(picture, fact.charge_point, entry)


def _booted(picture: SitePicture, fact: facts.ChargePointBooted) -> SitePicture:
    entry = picture.charge_points.get(fact.charge_point, _NO_CHARGE_POINT)
    return _with_charge_point(picture, fact.charge_point, replace(entry, boot=fact))


def _status(picture: SitePicture, fact: facts.StatusReported) -> SitePicture:
    return _with_connector(
        picture,
        fact.charge_point,
        fact.connector,
        status=fact.status,
        error_code=fact.error_code,
        info=fact.info,
        status_at=fact.at,
        status_reported_utc_ms=fact.reported_utc_ms,
    )


def _started(picture: SitePicture, fact: facts.TransactionStarted) -> SitePicture:
    transaction = Transaction(
        transaction_id=fact.transaction_id,
        id_tag=fact.id_tag,
        id_tag_status=fact.id_tag_status,
        meter_start_wh=fact.meter_start_wh,
        started_utc_ms=fact.started_utc_ms,
        started_text=fact.started_text,
        received=fact.at,
        reservation_id=fact.reservation_id,
    )
    return _with_connector(
        picture,
        fact.charge_point,
        fact.connector,
        transaction=transaction,
        energy_wh=fact.meter_start_wh,
        held=None,
        refused=None,
    )


def _stopped(picture: SitePicture, fact: facts.TransactionStopped) -> SitePicture:
    running = picture.connector(fact.charge_point, fact.connector).transaction
    if running is None or running.transaction_id != fact.transaction_id:
        return picture
    return _with_connector(picture, fact.charge_point, fact.connector, transaction=None, held=None, refused=None)


def _stop_kept(picture: SitePicture, _fact: facts.StopKept) -> SitePicture:
    return replace(picture, kept_stops=picture.kept_stops + 1)


def _values(picture: SitePicture, fact: facts.ValuesReported) -> SitePicture:
    if fact.energy_wh is None:
        return _with_connector(picture, fact.charge_point, fact.connector, values=fact) if fact.live else picture
    if fact.live:
        return _with_connector(picture, fact.charge_point, fact.connector, values=fact, energy_wh=fact.energy_wh)
    return _with_connector(picture, fact.charge_point, fact.connector, energy_wh=fact.energy_wh)


def _fail_safe(picture: SitePicture, fact: facts.FailSafeHeld) -> SitePicture:
    return _with_connector(picture, fact.charge_point, fact.connector, fail_safe_ma=fact.fallback_ma)


def _limit_held(picture: SitePicture, fact: facts.LimitHeld) -> SitePicture:
    held = HeldLimit(
        limit_ma=fact.limit_ma,
        fallback_ma=fact.fallback_ma,
        transaction_id=fact.transaction_id,
        sent_mono_s=fact.sent_mono_s,
        lease_s=fact.lease_s,
    )
    return _with_connector(picture, fact.charge_point, fact.connector, held=held, refused=None)


def _in_doubt(picture: SitePicture, fact: facts.ProfilesInDoubt) -> SitePicture:
    return _with_connector(picture, fact.charge_point, fact.connector, held=None, fail_safe_ma=None, doubted=fact)


def _limit_refused(picture: SitePicture, fact: facts.LimitRefused) -> SitePicture:
    return _with_connector(picture, fact.charge_point, fact.connector, refused=fact)


_FOLDS: dict[type[Fact], Callable[[SitePicture, Any], SitePicture]] = {
    facts.MeterRead: _meter_read,
    facts.MeterLost: _meter_lost,
    facts.LinkOpened: _link_opened,
    facts.LinkClosed: _link_closed,
    facts.ChargePointBooted: _booted,
    facts.StatusReported: _status,
    facts.TransactionStarted: _started,
    facts.TransactionStopped: _stopped,
    facts.StopKept: _stop_kept,
    facts.ValuesReported: _values,
    facts.FailSafeHeld: _fail_safe,
    facts.LimitHeld: _limit_held,
    facts.LimitRefused: _limit_refused,
    facts.ProfilesInDoubt: _in_doubt,
}
