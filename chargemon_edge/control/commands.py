"""What people want of charge points: checked by the guard, kept as an audit record, sent, and answered exactly once.

Every wish of an operator, the page, the command line and upstream goes through here, and only those: what the daemon
asks by itself it asks as :mod:`.contact` does. The payload goes out as it was given (unknown connectors, transactions
and keys are for the charge point to refuse), except that the guard lets nobody raise a balanced limit.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from chargemon_edge.control import guard
from chargemon_edge.control.durable import make_so
from chargemon_edge.control.given_profiles import GivenProfiles
from chargemon_edge.control.ports import (
    Answered,
    Busy,
    CallErrored,
    ChargePoints,
    Clock,
    Journal,
    Offline,
    Outcome,
    RestoredOperations,
    TimedOut,
    in_words,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.control.redaction import fit_for_records
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.site import facts
from chargemon_edge.site.operation_facts import OperationEnded, OperationRequested

log = logging.getLogger(__name__)

DEADLINE_S = 30.0
"""How long a charge point may take to answer, unless whoever asks says otherwise."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """We do not send it; nothing was sent."""

    reason: str


class Books(Protocol):
    """What is kept beside the audit records of some operations: reservations, for one."""

    def asked(self, charge_point: str, request: m.Request, by: str, at: facts.Moment) -> Sequence[facts.Fact]:
        """The facts of *request* being about to be sent; durable with its audit record."""
        ...

    def ended(self, charge_point: str, request: m.Request, outcome: Outcome, at: facts.Moment) -> Sequence[facts.Fact]:
        """The facts of its outcome. TimedOut: it may have been carried out."""
        ...


class Commands:
    """The one way for people to make charge points do something."""

    def __init__(
        self,
        *,
        present: Present,
        charge_points: ChargePoints,
        journal: Journal,
        clock: Clock,
        restored: RestoredOperations,
    ) -> None:
        self._present = present
        self._charge_points = charge_points
        self._journal = journal
        self._clock = clock
        self._next_number = restored.next_number
        self._given = GivenProfiles(present, charge_points, clock, restored.given)
        self._followers: list[Callable[[str, m.Request, m.Response], None]] = [self._given.answered]
        self._books: list[Books] = []

    async def run(self) -> None:
        """Withdraw given profiles that have become too much, until cancelled."""
        await self._given.run()

    def follow(self, follower: Callable[[str, m.Request, m.Response], None]) -> None:
        """Call *follower* with charge point, request and response of every operation that is answered, before whoever
        asked hears of it: reservations, configuration keys and the like follow what people do."""
        self._followers.append(follower)

    def keep(self, books: Books) -> None:
        """Let *books* add their facts to every operation that is sent."""
        self._books.append(books)

    def knows(self, charge_point: str) -> bool:
        """Whether there is such a charge point: configured, or one that was heard of."""
        return (
            charge_point in self._present.site.charge_point_by_identity
            or charge_point in self._present.picture.charge_points
        )

    def take_number(self) -> int:
        """A number that was never used, for what needs one on the wire: a reservation, a log, an update."""
        number, self._next_number = self._next_number, self._next_number + 1
        return number

    async def execute(
        self, charge_point: str, request: m.Request, *, by: str, deadline_s: float = DEADLINE_S
    ) -> Outcome | Refused:
        """Send *request* for *by*; exactly one outcome. *deadline_s*: from the moment it is written to the socket."""
        asked = OperationRequested(
            at=moment(self._clock),
            number=self.take_number(),
            charge_point=charge_point,
            action=request.action,
            by=by,
            payload=fit_for_records(request),
        )
        known = self._present.site.charge_point_by_identity.get(charge_point)
        reason = guard.objection(known, self._present.picture, self._present.plan, request)
        if reason is not None:
            await self._write(asked, (asked, self._ending(asked, "refused", reason)))
            return Refused(reason=reason)
        if not self._charge_points.linked(charge_point):
            await self._write(asked, (asked, self._ending(asked, "not connected", None)))
            return Offline()
        try:
            await self._write(asked, (asked, *self._books_asked(asked, request)))
            outcome = await self._charge_points.call(charge_point, request, deadline_s)
        except asyncio.CancelledError:
            # whoever asked is gone, or we are stopping: it may have been sent all the same
            new = self._ended(asked, request, TimedOut(), "abandoned", None)
            self._journal.record(new)
            self._present.apply(new)
            raise
        result, detail = _recorded(outcome)
        if isinstance(outcome, Answered):
            for follower in self._followers:
                follower(charge_point, request, outcome.response)
        await self._write(asked, self._ended(asked, request, outcome, result, detail))
        return outcome

    def _books_asked(self, asked: OperationRequested, request: m.Request) -> Sequence[facts.Fact]:
        return [fact for books in self._books for fact in books.asked(asked.charge_point, request, asked.by, asked.at)]

    async def _write(self, asked: OperationRequested, new: Sequence[facts.Fact]) -> None:
        """Fold *new* in and wait until it is durable: whoever hears of an outcome finds its record.

        A disk that fails must not keep a car from being stopped: then the log has it.
        """
        error = await make_so(self._journal, self._present, new)
        if error is not None:
            log.error(
                "operation not recorded number=%d cp=%s action=%s by=%r payload=%s why=%r",
                asked.number,
                asked.charge_point,
                asked.action,
                asked.by,
                asked.payload,
                str(error),
            )

    def _ended(
        self, asked: OperationRequested, request: m.Request, outcome: Outcome, result: str, detail: str | None
    ) -> Sequence[facts.Fact]:
        new: list[facts.Fact] = [self._ending(asked, result, detail)]
        charge_point = self._present.site.charge_point_by_identity.get(asked.charge_point)
        if charge_point is not None and _may_have_happened(outcome) and guard.doubts(charge_point, request):
            new += [
                facts.ProfilesInDoubt(
                    at=new[0].at,
                    charge_point=asked.charge_point,
                    connector=connector.number,
                    reason=f"{asked.action} by {asked.by}",
                )
                for connector in charge_point.connectors
            ]
        for books in self._books:
            new += books.ended(asked.charge_point, request, outcome, new[0].at)
        return new

    def _ending(self, asked: OperationRequested, result: str, detail: str | None) -> OperationEnded:
        at = moment(self._clock)
        log.info(
            "operation number=%d cp=%s action=%s by=%r result=%r took_s=%.2f",
            asked.number,
            asked.charge_point,
            asked.action,
            asked.by,
            result,
            at.mono_s - asked.at.mono_s,
        )
        return OperationEnded(
            at=at,
            number=asked.number,
            charge_point=asked.charge_point,
            action=asked.action,
            by=asked.by,
            result=result,
            detail=detail,
        )


_UNANSWERED: dict[type[Outcome], str] = {TimedOut: "no answer", Offline: "not connected", Busy: "busy"}


def _recorded(outcome: Outcome) -> tuple[str, str | None]:
    """Result and detail of the record."""
    if isinstance(outcome, Answered):
        return in_words(outcome), fit_for_records(outcome.response)
    if isinstance(outcome, CallErrored):
        return outcome.code, outcome.description or None
    return _UNANSWERED[type(outcome)], None


def _may_have_happened(outcome: Outcome) -> bool:
    if isinstance(outcome, Answered):
        return getattr(outcome.response, "status", "Accepted") == "Accepted"
    return isinstance(outcome, TimedOut)
