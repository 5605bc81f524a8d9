"""Folds facts into the picture of the site: what each kind of fact changes in it.

Facts come far more often than readers: a fact costs what it changes, and the whole is put together when somebody asks
for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from chargemon_edge.site import clock_facts, facts, upstream_facts
from chargemon_edge.site.facts import Fact, Moment
from chargemon_edge.site.picture import (
    NO_CONNECTOR,
    ChargePointPicture,
    ConnectorPicture,
    HeldLimit,
    MeterPicture,
    SitePicture,
    Transaction,
    updating,
)
from chargemon_edge.site.rollout import CampaignState
from chargemon_edge.site.rollout_facts import CampaignRecorded, UpdateRecorded
from chargemon_edge.site.site_limit import SiteLimit

_NO_CHARGE_POINT = ChargePointPicture()
_NO_METER = MeterPicture()


class Fold:
    """The picture in the making: facts go in one by one, a frozen picture comes out for whoever asks."""

    __slots__ = ("_changed", "_drafts", "_picture")

    def __init__(self, picture: SitePicture) -> None:
        # as it was when somebody asked last
        self._picture = picture
        # every charge point that a fact has touched, and which of them changed since somebody asked
        self._drafts: dict[str, _Draft] = {}
        self._changed: dict[str, _Draft] = {}

    def add(self, fact: Fact) -> None:
        """Fold one fact in."""
        fold = self.folding(type(fact))
        if fold is not None:
            fold(fact)

    def folding(self, kind: type[Fact]) -> Callable[[Fact], None] | None:
        """What folds a fact of that kind in; None: most kinds change nothing visible."""
        fold = _FOLDS.get(kind)
        return None if fold is None else partial(fold, self)

    @property
    def picture(self) -> SitePicture:
        """The site now; the same picture as long as nothing changes."""
        if self._changed:
            charge_points = dict(self._picture.charge_points)
            for identity, draft in self._changed.items():
                charge_points[identity] = draft.frozen()
            self._changed.clear()
            self._picture = replace(self._picture, charge_points=charge_points)
        return self._picture

    def charge_point(self, identity: str) -> ChargePointPicture | None:
        """One charge point of the picture, without the rest; None if nothing is known of it."""
        draft = self._drafts.get(identity)
        return self._picture.charge_points.get(identity) if draft is None else draft.frozen()

    def apart(self, identity: str) -> ChargePointPicture | None:
        """The same for less: its connectors may be older."""
        draft = self._drafts.get(identity)
        return self._picture.charge_points.get(identity) if draft is None else draft.entry

    def connector(self, charge_point: str, number: int) -> ConnectorPicture:
        """One connector of the picture, without the rest; an empty one if nothing was heard of it."""
        draft = self._drafts.get(charge_point)
        if draft is None:
            return self._picture.connector(charge_point, number)
        return draft.connectors.get(number, NO_CONNECTOR)

    def running_on(self, charge_point: str, transaction_id: int) -> int | None:
        """On which of its connectors that transaction runs; None: on none of them."""
        draft = self._drafts.get(charge_point)
        entry = self._picture.charge_points.get(charge_point, _NO_CHARGE_POINT) if draft is None else draft
        for number, connector in entry.connectors.items():
            if connector.transaction is not None and connector.transaction.transaction_id == transaction_id:
                return number
        return None

    # ------------------------------------------------------------ for the folds below

    def meter(self, name: str) -> MeterPicture:
        """A meter as it stands."""
        return self._picture.meters.get(name, _NO_METER)

    def put_meter(self, name: str, meter: MeterPicture) -> None:
        """Put a meter in its place."""
        self._picture = replace(self._picture, meters={**self._picture.meters, name: meter})

    def put_stopped_campaign(self, number: int, why: str | None) -> None:
        """A campaign waits for a person, or (None) does not."""
        before = self._picture.stopped_campaigns
        if before.get(number) != why:
            after = {**before, number: why or ""}
            if why is None:
                del after[number]
            self._picture = replace(self._picture, stopped_campaigns=after)

    def count_kept_stops(self, more: int) -> None:
        """Count a stop that waits for a person, or waits no more."""
        self._picture = replace(self._picture, kept_stops=max(0, self._picture.kept_stops + more))

    def put_limit(self, limit: SiteLimit) -> None:
        """Put what somebody lets the site draw in its place."""
        self._picture = replace(self._picture, limits={**self._picture.limits, limit.source: limit})

    def take_limit(self, source: str) -> None:
        """It limits nothing any more."""
        limits = {name: limit for name, limit in self._picture.limits.items() if name != source}
        self._picture = replace(self._picture, limits=limits)

    def put_clock(self, **changes: Any) -> None:
        """Change what is known of our time."""
        self._picture = replace(self._picture, clock=replace(self._picture.clock, **changes))

    def redate(self, moved: Callable[[int], int]) -> None:
        """Call every moment of ours what *moved* makes of it; nothing else about it changes."""
        picture = self.picture
        self._picture = replace(
            picture,
            started=_redated(picture.started, moved),
            charge_points={name: _redated_entry(entry, moved) for name, entry in picture.charge_points.items()},
        )
        self._drafts.clear()

    def change_charge_point(self, identity: str, **changes: Any) -> None:
        """Change a charge point, but for its connectors."""
        draft = self.draft(identity)
        draft.entry = replace(draft.entry, **changes)

    def change_connector(self, identity: str, number: int, **changes: Any) -> None:
        """Change a connector."""
        connectors = self.connectors(identity)
        connectors[number] = replace(connectors.get(number, NO_CONNECTOR), **changes)

    # a dict of changes costs more than the change: what each message brings goes without

    def connectors(self, identity: str) -> dict[int, ConnectorPicture]:
        """A charge point's connectors, to be changed."""
        draft = self._changed.get(identity) or self.draft(identity)
        draft.settled = False
        return draft.connectors

    def draft(self, identity: str) -> _Draft:
        """A charge point, to be changed but for its connectors."""
        draft = self._drafts.get(identity)
        if draft is None:
            entry = self._picture.charge_points.get(identity, _NO_CHARGE_POINT)
            draft = self._drafts[identity] = _Draft(entry)
        self._changed[identity] = draft
        return draft


class _Draft:
    """A charge point as facts change it."""

    __slots__ = ("connectors", "entry", "settled")

    def __init__(self, entry: ChargePointPicture) -> None:
        self.entry = entry
        # these count, the entry's own may be older
        self.connectors = dict(entry.connectors)
        # whether the entry's own are these
        self.settled = True

    def frozen(self) -> ChargePointPicture:
        """It as it is now, never to change again."""
        if not self.settled:
            self.entry = replace(self.entry, connectors=dict(self.connectors))
            self.settled = True
        return self.entry


def apply(picture: SitePicture, fact: Fact) -> SitePicture:
    """The picture after *fact*; facts that change nothing visible return the same picture."""
    fold = Fold(picture)
    fold.add(fact)
    return fold.picture


def _meter_read(fold: Fold, fact: facts.MeterRead) -> None:
    before = fold.meter(fact.meter)
    fresh = before.good_since_mono_s is None or before.lost_reason is not None
    since = fact.at.mono_s if fresh else before.good_since_mono_s
    fold.put_meter(fact.meter, MeterPicture(latest=fact, good_since_mono_s=since))


def _meter_lost(fold: Fold, fact: facts.MeterLost) -> None:
    fold.put_meter(fact.meter, replace(fold.meter(fact.meter), lost_reason=fact.reason, good_since_mono_s=None))


def _link_opened(fold: Fold, fact: facts.LinkOpened) -> None:
    fold.change_charge_point(
        fact.charge_point,
        linked=True,
        seen=True,
        known=fact.known,
        link_changed=fact.at,
        link_reason=None,
        remote=fact.remote,
    )


def _link_closed(fold: Fold, fact: facts.LinkClosed) -> None:
    fold.change_charge_point(fact.charge_point, linked=False, link_changed=fact.at, link_reason=fact.reason)


def _booted(fold: Fold, fact: facts.ChargePointBooted) -> None:
    draft = fold.draft(fact.charge_point)
    draft.entry = replace(draft.entry, boot=fact)


def _status(fold: Fold, fact: facts.StatusReported) -> None:
    connectors = fold.connectors(fact.charge_point)
    connectors[fact.connector] = replace(
        connectors.get(fact.connector, NO_CONNECTOR),
        status=fact.status,
        error_code=fact.error_code,
        info=fact.info,
        status_at=fact.at,
        status_reported_utc_ms=fact.reported_utc_ms,
    )


def _started(fold: Fold, fact: facts.TransactionStarted) -> None:
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
    connectors = fold.connectors(fact.charge_point)
    connectors[fact.connector] = replace(
        connectors.get(fact.connector, NO_CONNECTOR),
        transaction=transaction,
        energy_wh=fact.meter_start_wh,
        held=None,
        refused=None,
    )


def _stopped(fold: Fold, fact: facts.TransactionStopped) -> None:
    before = fold.connector(fact.charge_point, fact.connector)
    running = before.transaction
    if running is not None and running.transaction_id == fact.transaction_id:
        connectors = fold.connectors(fact.charge_point)
        connectors[fact.connector] = replace(before, transaction=None, held=None, refused=None)


def _stop_kept(fold: Fold, _fact: facts.StopKept) -> None:
    fold.count_kept_stops(1)


def _stop_settled(fold: Fold, _fact: facts.StopSettled) -> None:
    fold.count_kept_stops(-1)


def _values(fold: Fold, fact: facts.ValuesReported) -> None:
    if not fact.live and fact.energy_wh is None:
        return
    connectors = fold.connectors(fact.charge_point)
    before = connectors.get(fact.connector, NO_CONNECTOR)
    connectors[fact.connector] = replace(
        before,
        values=fact if fact.live else before.values,
        energy_wh=before.energy_wh if fact.energy_wh is None else fact.energy_wh,
    )


def _fail_safe(fold: Fold, fact: facts.FailSafeHeld) -> None:
    fold.change_connector(fact.charge_point, fact.connector, fail_safe_ma=fact.fallback_ma)


def _limit_held(fold: Fold, fact: facts.LimitHeld) -> None:
    held = HeldLimit(
        limit_ma=fact.limit_ma,
        fallback_ma=fact.fallback_ma,
        transaction_id=fact.transaction_id,
        sent_mono_s=fact.sent_mono_s,
        lease_s=fact.lease_s,
    )
    fold.change_connector(fact.charge_point, fact.connector, held=held, refused=None)


def _in_doubt(fold: Fold, fact: facts.ProfilesInDoubt) -> None:
    fold.change_connector(fact.charge_point, fact.connector, held=None, fail_safe_ma=None, doubted=fact)


def _update(fold: Fold, fact: UpdateRecorded) -> None:
    update = fact.update
    words = updating(update.campaign) if fact.under_way else None
    before = fold.charge_point(update.charge_point)
    if (None if before is None else before.updating) != words:
        fold.change_charge_point(update.charge_point, updating=words)


def _campaign(fold: Fold, fact: CampaignRecorded) -> None:
    stopped = fact.campaign.state is CampaignState.STOPPED
    fold.put_stopped_campaign(fact.campaign.number, fact.campaign.why if stopped else None)


def _limit_refused(fold: Fold, fact: facts.LimitRefused) -> None:
    fold.change_connector(fact.charge_point, fact.connector, refused=fact)


def _site_limit(
    fold: Fold,
    fact: upstream_facts.SiteLimitTaken | upstream_facts.SiteFailsafeBegun | upstream_facts.SiteLimitEnded,
) -> None:
    fold.put_limit(fact.limit)


def _capped(fold: Fold, fact: upstream_facts.ConnectorCapped) -> None:
    fold.change_connector(fact.charge_point, fact.connector, cap=fact.cap)


def _site_limit_gone(fold: Fold, fact: upstream_facts.SiteLimitGone) -> None:
    fold.take_limit(fact.limit.source)


def _clock_begun(fold: Fold, fact: clock_facts.ClockBegun) -> None:
    fold.put_clock(trusted=fact.source is not None, source=fact.source)


def _clock_corrected(fold: Fold, fact: clock_facts.ClockCorrected) -> None:
    if fact.doubted_since_utc_ms is not None:
        fold.redate(fact.moved)
    changes: dict[str, Any] = {"trusted": True, "source": fact.source, "machine_ahead_ms": 0}
    if fact.charge_points_must_know:
        changes["corrected_mono_s"] = fact.at.mono_s
        for identity, entry in fold.picture.charge_points.items():
            fold.change_charge_point(identity, behind_ms=entry.behind_ms + fact.by_ms)
    fold.put_clock(**changes)


def _time_told(fold: Fold, fact: clock_facts.TimeTold) -> None:
    fold.change_charge_point(fact.charge_point, behind_ms=0, told_mono_s=fact.at.mono_s)


def _clock_apart(fold: Fold, fact: clock_facts.ClockApart) -> None:
    fold.put_clock(machine_ahead_ms=fact.machine_ahead_ms)


def _redated(at: Moment, moved: Callable[[int], int]) -> Moment:
    return Moment(at.mono_s, moved(at.utc_ms))


def _redated_entry(entry: ChargePointPicture, moved: Callable[[int], int]) -> ChargePointPicture:
    return replace(
        entry,
        link_changed=None if entry.link_changed is None else _redated(entry.link_changed, moved),
        boot=None if entry.boot is None else replace(entry.boot, at=_redated(entry.boot.at, moved)),
        connectors={number: _redated_connector(one, moved) for number, one in entry.connectors.items()},
    )


def _redated_connector(one: ConnectorPicture, moved: Callable[[int], int]) -> ConnectorPicture:
    running, values = one.transaction, one.values
    return replace(
        one,
        status_at=None if one.status_at is None else _redated(one.status_at, moved),
        transaction=None if running is None else replace(running, received=_redated(running.received, moved)),
        values=None if values is None else replace(values, at=_redated(values.at, moved)),
    )


_FOLDS: dict[type[Fact], Callable[[Fold, Any], None]] = {
    facts.MeterRead: _meter_read,
    facts.MeterLost: _meter_lost,
    facts.LinkOpened: _link_opened,
    facts.LinkClosed: _link_closed,
    facts.ChargePointBooted: _booted,
    facts.StatusReported: _status,
    facts.TransactionStarted: _started,
    facts.TransactionStopped: _stopped,
    facts.StopKept: _stop_kept,
    facts.StopSettled: _stop_settled,
    facts.ValuesReported: _values,
    facts.FailSafeHeld: _fail_safe,
    facts.LimitHeld: _limit_held,
    facts.LimitRefused: _limit_refused,
    facts.ProfilesInDoubt: _in_doubt,
    UpdateRecorded: _update,
    CampaignRecorded: _campaign,
    upstream_facts.ConnectorCapped: _capped,
    upstream_facts.SiteLimitTaken: _site_limit,
    upstream_facts.SiteFailsafeBegun: _site_limit,
    upstream_facts.SiteLimitEnded: _site_limit,
    upstream_facts.SiteLimitGone: _site_limit_gone,
    clock_facts.ClockBegun: _clock_begun,
    clock_facts.ClockCorrected: _clock_corrected,
    clock_facts.ClockApart: _clock_apart,
    clock_facts.TimeTold: _time_told,
}
