"""Transfers as they run, over whatever protocol: how many, how fast, how far, and for how long nothing may move.

The bytes themselves are moved by :mod:`.sending` and :mod:`.intake`, which ask here for their turn and tell here what
has moved.
"""

from __future__ import annotations

import asyncio
import logging

from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.bandwidth import Bandwidth, Pace
from chargemon_edge.firmware.coverage import Coverage
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.firmware.tickets import Tickets
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_facts import FileProgressed, Ticket, TicketEnded, TransferEnded

log = logging.getLogger(__name__)

# a charger that has lost its connection does not know it for a while, and one that fetches in parts does so at once
PER_TICKET_MAX = 4
# each telling wakes whoever looks at the site
_TELL_S = 5.0


class Running:
    """One request for a file. Ends with :meth:`Transfers.ended`."""

    def __init__(self, ticket: Ticket, first_byte: int, task: asyncio.Task[object] | None) -> None:
        self.ticket = ticket
        self.first_byte = first_byte
        self.bytes_moved = 0
        self._task = task

    def cut(self) -> None:
        """End it from outside."""
        if self._task is not None:
            self._task.cancel()


class Transfers:
    """All that run. Lives on the event loop."""

    def __init__(
        self, settings: FilesSettings, tickets: Tickets, present: Present, journal: Journal, clock: Clock
    ) -> None:
        self._tickets = tickets
        self._present = present
        self._journal = journal
        self._clock = clock
        self._max = settings.max_transfers
        self.stall_s = settings.stall_s
        self._bandwidth = Bandwidth(settings.bandwidth_kb_s * 1000 or None)
        self._running: dict[Running, None] = {}
        # of tickets to fetch: what has arrived so far
        self._coverage: dict[str, Coverage] = {}
        # how far each is, and when it was told
        self._done: dict[str, tuple[int, int | None]] = {}
        self._told_s: dict[str, float] = {}
        present.follow(self._ticket_ended, (TicketEnded,))

    @property
    def full(self) -> bool:
        """Whether no more can run."""
        return len(self._running) >= self._max

    def begin(self, ticket: Ticket, first_byte: int, *, alone: bool = False) -> Running:
        """One more, run by the current task. The newest of a ticket's goes before its oldest; *alone*: before all."""
        own = [one for one in self._running if one.ticket.ticket_id == ticket.ticket_id]
        for one in own if alone else own[: max(0, len(own) - PER_TICKET_MAX + 1)]:
            one.cut()
        running = Running(ticket, first_byte, asyncio.current_task())
        self._running[running] = None
        return running

    def pace(self) -> Pace:
        """For a transfer that begins."""
        return Pace(self._bandwidth.piece_max)

    async def turn(self, count: int) -> None:
        """Wait until *count* bytes may move."""
        wait_s = self._bandwidth.take(count, self._clock.monotonic_s())
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def moved(self, running: Running, count: int, size_bytes: int | None) -> None:
        """*count* bytes more."""
        running.bytes_moved += count
        self._tell(running.ticket, running.first_byte + running.bytes_moved, size_bytes)
        if not self._tickets.holds(running.ticket.ticket_id):
            raise TimeoutError("the time of its address is over")

    def completes(self, running: Running, size_bytes: int, *, whole: bool) -> bool:
        """Whether the charge point has the whole file, of *size_bytes*, by this request, which has ended.

        *whole*: all that was sent for it has arrived.
        """
        ticket_id = running.ticket.ticket_id
        coverage = self._coverage.get(ticket_id)
        if coverage is None:
            coverage = Coverage(size_bytes, begun_before=ticket_id in self._tickets.restored)
            self._coverage[ticket_id] = coverage
        span = running.first_byte, running.first_byte + running.bytes_moved
        if not whole:
            coverage.broke_off(*span)
            return False
        coverage.arrived(*span)
        return coverage.whole

    def ended(self, running: Running, *, whole: bool, detail: str) -> None:
        """It is over."""
        self._running.pop(running, None)
        ticket = running.ticket
        log.info(
            "transfer cp=%s file=%s protocol=%s first_byte=%d bytes=%d whole=%s: %s",
            ticket.charge_point,
            ticket.image_id or ticket.purpose,
            ticket.protocol,
            running.first_byte,
            running.bytes_moved,
            whole,
            detail,
        )
        fact = TransferEnded(
            at=moment(self._clock),
            ticket_id=ticket.ticket_id,
            charge_point=ticket.charge_point,
            first_byte=running.first_byte,
            bytes_moved=running.bytes_moved,
            whole=whole,
            detail=detail,
        )
        self._journal.record((fact,))
        self._present.apply((fact,))

    def progress(self, ticket_id: str) -> tuple[int, int | None, bool]:
        """How many bytes have moved, of how many, and whether more do now."""
        done, size_bytes = self._done.get(ticket_id, (0, None))
        return done, size_bytes, any(one.ticket.ticket_id == ticket_id for one in self._running)

    def stop(self) -> None:
        """Cut all."""
        for running in list(self._running):
            running.cut()

    def _tell(self, ticket: Ticket, done: int, size_bytes: int | None) -> None:
        self._done[ticket.ticket_id] = (done, size_bytes)
        now_s = self._clock.monotonic_s()
        if now_s - self._told_s.get(ticket.ticket_id, float("-inf")) < _TELL_S:
            return
        self._told_s[ticket.ticket_id] = now_s
        fact = FileProgressed(
            at=moment(self._clock),
            ticket_id=ticket.ticket_id,
            charge_point=ticket.charge_point,
            bytes_done=done,
            size_bytes=size_bytes,
        )
        self._present.apply((fact,))

    def _ticket_ended(self, fact: Fact) -> None:
        assert isinstance(fact, TicketEnded)
        self._coverage.pop(fact.ticket_id, None)
        self._done.pop(fact.ticket_id, None)
        self._told_s.pop(fact.ticket_id, None)
        # what has come to its end has ended its ticket itself
        if fact.end in ("expired", "withdrawn"):
            for running in list(self._running):
                if running.ticket.ticket_id == fact.ticket_id:
                    running.cut()
