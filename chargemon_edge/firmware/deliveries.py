"""What charge points have delivered: kept for people to look at, within bounds of age and room, never opened here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from chargemon_edge.control.durable import make_durable
from chargemon_edge.control.file_keeping import FileRefused
from chargemon_edge.control.ports import Clock, Journal, moment
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.disk import Disk, Draft
from chargemon_edge.firmware.names import harmless
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.site.facts import Fact
from chargemon_edge.site.file_facts import Delivery, DeliveryRemoved, FileDelivered, Ticket

log = logging.getLogger(__name__)

FOLDER = "deliveries"
AGE, ROOM = "age", "room"
_DAY_MS = 86_400_000


class Deliveries:
    """All of them. Lives on the event loop."""

    def __init__(
        self,
        settings: FilesSettings,
        disk: Disk,
        present: Present,
        journal: Journal,
        clock: Clock,
        restored: Iterable[Delivery],
        next_number: int,
    ) -> None:
        self._settings = settings
        self._disk = disk
        self._present = present
        self._journal = journal
        self._clock = clock
        self._kept = {one.number: one for one in restored}
        self._next_number = next_number
        present.follow(self._folded, (FileDelivered, DeliveryRemoved))

    def open(self) -> None:
        """Compare rows and files: files without a row go, rows without a file are told of. Raises OSError."""
        self._disk.prepare(FOLDER)
        there = self._disk.sizes(FOLDER)
        for name in there.keys() - {str(number) for number in self._kept}:
            self._disk.path(FOLDER, name).unlink(missing_ok=True)
        for number in self._kept:
            if str(number) not in there:
                log.error("delivery number=%d: its file is missing", number)

    def deliveries(self) -> Sequence[Delivery]:
        """Newest first."""
        return [self._kept[number] for number in sorted(self._kept, reverse=True)]

    def delivery(self, number: int) -> tuple[Delivery, Path] | None:
        """One, and where its bytes are."""
        found = self._kept.get(number)
        return None if found is None else (found, self._disk.path(FOLDER, str(number)))

    async def draft(self) -> Draft:
        """For bytes that come. Raises OSError."""
        return await self._disk.draft(FOLDER)

    async def keep(self, draft: Draft, ticket: Ticket, name: str) -> Delivery | Exception:
        """Everything has come: it is a file from now on, unless the disk says otherwise."""
        number, self._next_number = self._next_number, self._next_number + 1
        try:
            kept = await draft.finish()
            await draft.keep(FOLDER, str(number))
        except OSError as error:
            return error
        at = moment(self._clock)
        delivery = Delivery(
            number=number,
            charge_point=ticket.charge_point,
            purpose=ticket.purpose,
            file_name=harmless(name, f"{ticket.purpose.lower()}-{number}"),
            size_bytes=kept.size_bytes,
            sha256=kept.sha256,
            received_utc_ms=at.utc_ms,
        )
        fact = FileDelivered(at=at, delivery=delivery, ticket_id=ticket.ticket_id)
        error_of_rows = await make_durable(self._journal, self._present, [fact])
        if error_of_rows is not None:
            await self._disk.remove(FOLDER, str(number))
            return error_of_rows
        log.info(
            "delivered cp=%s number=%d purpose=%s size=%d",
            delivery.charge_point,
            number,
            delivery.purpose,
            delivery.size_bytes,
        )
        return delivery

    async def remove(self, number: int, by: str) -> FileRefused | None:
        """Remove one."""
        found = self._kept.get(number)
        if found is None:
            return FileRefused(kind="unknown", reason=f"there is no file {number}")
        fact = DeliveryRemoved(at=moment(self._clock), number=number, charge_point=found.charge_point, by=by)
        error = await make_durable(self._journal, self._present, [fact])
        if error is not None:
            return FileRefused(kind="not stored", reason=str(error))
        try:
            await self._disk.remove(FOLDER, str(number))
        except OSError as failed:
            log.warning("delivery number=%d: its file is still there: %s", number, failed)
        return None

    async def prune(self) -> None:
        """Remove what is too old, and the oldest while all together are too much."""
        before_ms = self._clock.utc_ms() - self._settings.keep_uploads_days * _DAY_MS
        total = sum(one.size_bytes for one in self._kept.values())
        for number in sorted(self._kept):
            one = self._kept[number]
            if one.received_utc_ms >= before_ms and total <= self._settings.uploads_max_bytes:
                break
            total -= one.size_bytes
            reason = AGE if one.received_utc_ms < before_ms else ROOM
            refused = await self.remove(number, reason)
            if refused is not None:
                log.warning("delivery number=%d not removed: %s", number, refused.reason)
                return
            log.info("delivery removed number=%d cp=%s why=%s", number, one.charge_point, reason)

    def _folded(self, fact: Fact) -> None:
        if isinstance(fact, FileDelivered):
            self._kept[fact.delivery.number] = fact.delivery
        elif isinstance(fact, DeliveryRemoved):
            self._kept.pop(fact.number, None)
