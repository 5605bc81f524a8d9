"""Reservations and what becomes of them. Our own clock ends them too: a charge point tells nobody when one runs out.

The id is the one on the wire. A charge point decides who may charge on what it has reserved (OCPP 1.6 §3.13); here it
is noted when a car charges on a connector that is kept for somebody else, and the car is left alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from msgspec.structs import replace

from chargemon_edge.control.ports import Answered, Clock, Journal, Outcome, TimedOut, moment
from chargemon_edge.control.present import Present
from chargemon_edge.log import masked
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import card_facts
from chargemon_edge.site.cards import HOLDING, Reservation, ReservationState, key_of
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Fact, Moment

log = logging.getLogger(__name__)

# the wall clock may be set: look again at least this often
_LOOK_S = 60.0
# ended ones that are kept in memory, for those who ask
_ENDED_MAX = 500

_KINDS = (card_facts.ReservationMade, card_facts.ReservationChanged, card_facts.IdTagRemoved, ClockCorrected)


class Reservations:
    """All reservations that are remembered. Lives on the event loop."""

    def __init__(
        self,
        *,
        present: Present,
        journal: Journal,
        clock: Clock,
        restored: Iterable[Reservation] = (),
    ) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        # oldest first; an answer that our own restart has cut off will not come any more
        self._all = {
            (one.charge_point, one.reservation_id): replace(one, state="Unanswered")
            if one.state == "Requested"
            else one
            for one in restored
        }
        self._changed = asyncio.Event()
        present.follow(self._folded, _KINDS)

    async def run(self) -> None:
        """End reservations in their time, until cancelled."""
        while True:
            self._changed.clear()
            next_s = self.expire()
            try:
                async with asyncio.timeout(next_s):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def expire(self) -> float:
        """End those whose time is up; returns in how many seconds to look again."""
        at = moment(self._clock)
        over = [one for one in self._all.values() if one.state in HOLDING and one.expiry_utc_ms <= at.utc_ms]
        for one in over:
            log.info(
                "reservation expired cp=%s connector=%d id=%d", one.charge_point, one.connector, one.reservation_id
            )
        self._note(*(_changed(one, "Expired", at) for one in over))
        coming = [one.expiry_utc_ms - at.utc_ms for one in self._all.values() if one.state in HOLDING]
        return min([_LOOK_S, *(left_ms / 1000 for left_ms in coming)])

    @property
    def some(self) -> bool:
        """Whether any is remembered."""
        return bool(self._all)

    def all(self) -> list[Reservation]:
        """Newest first."""
        return sorted(self._all.values(), key=lambda one: (one.requested_utc_ms, one.reservation_id), reverse=True)

    def find(self, reservation_id: int, charge_point: str | None = None) -> Reservation | None:
        """By id; without a charge point the newest of that id."""
        return next(
            (
                one
                for one in self.all()
                if one.reservation_id == reservation_id and charge_point in (None, one.charge_point)
            ),
            None,
        )

    # --- commands.Books

    def asked(self, charge_point: str, request: m.Request, by: str, at: Moment) -> tuple[Fact, ...]:
        """A ReserveNow is about to be sent. An id that the charge point knows already replaces that reservation."""
        if not isinstance(request, m.ReserveNowRequest):
            return ()
        expiry_utc_ms = timestamps.parse(request.expiry_date)
        reservation = Reservation(
            reservation_id=request.reservation_id,
            charge_point=charge_point,
            connector=request.connector_id,
            id_tag=request.id_tag,
            parent_id_tag=request.parent_id_tag,
            # a date that nobody can read keeps nothing here: the charge point's answer tells
            expiry_utc_ms=at.utc_ms if expiry_utc_ms is None else expiry_utc_ms,
            state="Requested",
            requested_utc_ms=at.utc_ms,
            changed_utc_ms=at.utc_ms,
            by=by,
        )
        return (card_facts.ReservationMade(at=at, reservation=reservation),)

    def ended(self, charge_point: str, request: m.Request, outcome: Outcome, at: Moment) -> tuple[Fact, ...]:
        """What an operation's outcome means for the reservation it named; nothing for other operations."""
        if isinstance(request, m.ReserveNowRequest):
            one = self._all.get((charge_point, request.reservation_id))
            return () if one is None or one.state != "Requested" else (_changed(one, _state_after(outcome), at),)
        if isinstance(request, m.CancelReservationRequest):
            one = self._all.get((charge_point, request.reservation_id))
            cancelled = isinstance(outcome, Answered) and getattr(outcome.response, "status", None) == "Accepted"
            if cancelled and one is not None and one.state in {*HOLDING, "Requested"}:
                return (_changed(one, "Cancelled", at),)
        return ()

    # --- what a start means

    def started(
        self, started: m.StartTransactionRequest, charge_point: str, key: str, group: str | None
    ) -> Reservation | None:
        """The reservation that this start uses, if any: named by its id, or kept for this tag or its group.

        *key* and *group* are the tag's and its parent's keys.
        """
        if started.reservation_id is not None:
            named = self._all.get((charge_point, started.reservation_id))
            if named is not None and named.state in {*HOLDING, "Requested"}:
                return named
        return next(
            (one for one in self._on(charge_point, started.connector_id) if _is_for(one, key, group)),
            None,
        )

    def kept_for_another(self, charge_point: str, connector: int, key: str, group: str | None) -> Reservation | None:
        """A reservation of exactly this connector for somebody else (one of connector 0 leaves room for others)."""
        return next(
            (one for one in self._on(charge_point, connector) if one.connector != 0 and not _is_for(one, key, group)),
            None,
        )

    def used(self, one: Reservation, transaction_id: int, at: Moment) -> card_facts.ReservationChanged:
        """The fact that *one* was used by a transaction."""
        return _changed(one, "Used", at, transaction_id)

    def _on(self, charge_point: str, connector: int) -> list[Reservation]:
        """Those that hold this connector, its own before the charge point's."""
        return sorted(
            (
                one
                for one in self._all.values()
                if one.charge_point == charge_point and one.connector in (0, connector) and one.state in HOLDING
            ),
            key=lambda one: -one.connector,
        )

    def _note(self, *new: Fact) -> None:
        if new:
            self._journal.record(new)
            self._present.apply(new)

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, card_facts.IdTagRemoved):
            self._mask(fact.id_tag)
            return
        if isinstance(fact, ClockCorrected):
            self._redate(fact)
            return
        assert isinstance(fact, card_facts.ReservationMade | card_facts.ReservationChanged)
        one = fact.reservation
        self._all.pop((one.charge_point, one.reservation_id), None)
        self._all[one.charge_point, one.reservation_id] = one
        ended = [key for key, other in self._all.items() if other.state not in {*HOLDING, "Requested"}]
        for key in ended[:-_ENDED_MAX]:
            del self._all[key]
        self._changed.set()

    def _redate(self, fact: ClockCorrected) -> None:
        """When they end stays as the charge points were told."""
        for key, one in self._all.items():
            requested, changed = fact.moved(one.requested_utc_ms), fact.moved(one.changed_utc_ms)
            self._all[key] = replace(one, requested_utc_ms=requested, changed_utc_ms=changed)
        self._changed.set()

    def _mask(self, id_tag: str) -> None:
        for key, one in self._all.items():
            if key_of(one.id_tag) == key_of(id_tag) and one.state not in {*HOLDING, "Requested"}:
                self._all[key] = replace(one, id_tag=masked(one.id_tag))


def _is_for(one: Reservation, key: str, group: str | None) -> bool:
    if key_of(one.id_tag) == key:
        return True
    return group is not None and one.parent_id_tag is not None and key_of(one.parent_id_tag) == group


def _changed(
    one: Reservation, state: ReservationState, at: Moment, transaction_id: int | None = None
) -> card_facts.ReservationChanged:
    return card_facts.ReservationChanged(
        at=at,
        reservation=replace(one, state=state, changed_utc_ms=at.utc_ms, transaction_id=transaction_id),
    )


def _state_after(outcome: Outcome) -> ReservationState:
    if isinstance(outcome, Answered) and isinstance(outcome.response, m.ReserveNowResponse):
        return outcome.response.status
    if isinstance(outcome, TimedOut):
        return "Unanswered"
    return "Failed"
