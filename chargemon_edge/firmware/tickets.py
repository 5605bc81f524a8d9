"""Who may fetch or deliver which file now: tickets, found by the token in an address, made and ended as facts.

A token is known here, and on disk, by its digest alone; it is 24 random bytes, which nobody guesses. A ticket ends when
its file has come over, when its time is over, or when somebody takes it back; from then on its address is as good as
one that never was.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Iterable

from msgspec.structs import replace

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.names import TOKEN_BYTES
from chargemon_edge.site.clock_facts import ClockCorrected
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_facts import Ticket, TicketEnd, TicketEnded, TicketIssued
from chargemon_edge.site.file_protocol import FileProtocol

log = logging.getLogger(__name__)

TICKETS_MAX = 2_000


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("ascii", "replace")).digest()


def _written(error: Exception | None) -> None:
    if error is not None:
        log.error("the end of a ticket is not on disk, it may open again after a restart: %s", error)


class Tickets:
    """All that hold. Lives on the event loop."""

    def __init__(self, present: Present, journal: Journal, clock: Clock, restored: Iterable[Ticket]) -> None:
        self._present = present
        self._journal = journal
        self._clock = clock
        self._by_digest = {ticket.digest: ticket for ticket in restored}
        self._by_id = {ticket.ticket_id: ticket for ticket in self._by_digest.values()}
        # from before our time: how far their files had come nobody knows
        self.restored = frozenset(self._by_id)
        present.follow(self._folded, (TicketIssued, TicketEnded))
        present.follow(self._redate, (ClockCorrected,))

    async def issue(
        self,
        charge_point: str,
        protocol: FileProtocol,
        *,
        address: str,
        image_id: str | None,
        purpose: str,
        good_for_s: float,
        by: str,
    ) -> tuple[str, Ticket] | Exception:
        """A token and its ticket, durable before anybody is told; or why it could not be made so."""
        self.expire()
        if len(self._by_id) >= TICKETS_MAX:
            return RuntimeError(f"{TICKETS_MAX} files are offered already")
        token = secrets.token_urlsafe(TOKEN_BYTES)
        at = moment(self._clock)
        ticket = Ticket(
            ticket_id=os.urandom(8).hex(),
            charge_point=charge_point,
            digest=digest_of(token),
            protocol=protocol,
            address=address,
            image_id=image_id,
            purpose=purpose,
            issued_utc_ms=at.utc_ms,
            expires_utc_ms=at.utc_ms + round(good_for_s * 1000),
            by=by,
        )
        error = await make_durable(self._journal, self._present, [TicketIssued(at=at, ticket=ticket)])
        return (token, ticket) if error is None else error

    def find(self, token: str) -> Ticket | None:
        """The ticket of *token*; None: it never was, has ended or is over."""
        ticket = self._by_digest.get(digest_of(token))
        return ticket if ticket is not None and self.holds(ticket.ticket_id) else None

    def holds(self, ticket_id: str) -> bool:
        """Whether a ticket has neither ended nor is over, by our time as it is now known."""
        ticket = self._by_id.get(ticket_id)
        return ticket is not None and ticket.expires_utc_ms > self._clock.utc_ms()

    def all(self) -> list[Ticket]:
        """By charge point, oldest first."""
        return sorted(self._by_id.values(), key=lambda ticket: (ticket.charge_point, ticket.issued_utc_ms))

    def of(self, charge_point: str) -> list[Ticket]:
        """A charge point's."""
        return [ticket for ticket in self._by_id.values() if ticket.charge_point == charge_point]

    def users(self, image_id: str) -> list[str]:
        """The charge points that may fetch an image now."""
        return sorted(
            ticket.charge_point
            for ticket in self._by_id.values()
            if ticket.image_id == image_id and self.holds(ticket.ticket_id)
        )

    def end(self, ticket_id: str, end: TicketEnd) -> None:
        """It opens nothing from this moment on, also when the daemon is killed right after."""
        ticket = self._by_id.get(ticket_id)
        if ticket is None:
            return
        fact = TicketEnded(at=moment(self._clock), ticket_id=ticket_id, charge_point=ticket.charge_point, end=end)
        self._present.apply((fact,))
        self._journal.commit((fact,), _written)

    def expire(self) -> None:
        """End those whose time is over."""
        for ticket_id in [ticket_id for ticket_id in self._by_id if not self.holds(ticket_id)]:
            self.end(ticket_id, "expired")

    def _redate(self, fact: Fact) -> None:
        """One that was issued by a time that was not known to be right is good for as long as it was."""
        assert isinstance(fact, ClockCorrected)
        for ticket in list(self._by_id.values()):
            issued_utc_ms = fact.moved(ticket.issued_utc_ms)
            if issued_utc_ms != ticket.issued_utc_ms:
                expires_utc_ms = ticket.expires_utc_ms + fact.by_ms
                moved = replace(ticket, issued_utc_ms=issued_utc_ms, expires_utc_ms=expires_utc_ms)
                self._by_id[ticket.ticket_id] = self._by_digest[ticket.digest] = moved

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, TicketIssued):
            self._by_id[fact.ticket.ticket_id] = self._by_digest[fact.ticket.digest] = fact.ticket
        elif isinstance(fact, TicketEnded):
            ticket = self._by_id.pop(fact.ticket_id, None)
            if ticket is not None:
                self._by_digest.pop(ticket.digest, None)
