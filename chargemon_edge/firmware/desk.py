"""The desk where files for and from charge points change hands: it offers addresses and says who may use them.

Implements :class:`chargemon_edge.control.ports.FirmwareFiles` for what the daemon does by itself, and
:class:`chargemon_edge.control.file_keeping.FileKeeping` for people.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec

from chargemon_edge.control.configuration_memory import ConfigurationMemory
from chargemon_edge.control.failures import FailureWindow, source_key
from chargemon_edge.control.file_keeping import FileRefused, ImageWish, Transfer
from chargemon_edge.control.ports import (
    Clock,
    FileOffer,
    Journal,
    NotOffered,
    QuirksOf,
    RestoredFiles,
    SignatureChecks,
    Whereabouts,
    moment,
)
from chargemon_edge.control.present import Present
from chargemon_edge.firmware.deliveries import Deliveries
from chargemon_edge.firmware.disk import Disk
from chargemon_edge.firmware.ftp_side import FtpSide
from chargemon_edge.firmware.http_side import HttpSide
from chargemon_edge.firmware.intake import Intake
from chargemon_edge.firmware.library import Library
from chargemon_edge.firmware.names import Target
from chargemon_edge.firmware.sending import Sender
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.firmware.tickets import Tickets
from chargemon_edge.firmware.transfers import Transfers
from chargemon_edge.site.facts import SecurityEvent
from chargemon_edge.site.file_facts import Delivery, Ticket
from chargemon_edge.site.file_protocol import KEY, FileProtocol, choices
from chargemon_edge.site.image import Image

log = logging.getLogger(__name__)

UPKEEP_S = 600.0
# sockets beyond the transfers: those that are being told no
_ANSWERING = 32
ADDRESS_REFUSED = "file address refused"
# of one source, within an hour
_TOLD_MAX = 5
_HOUR_S = 3600.0


class Surroundings(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the desk leans on."""

    present: Present
    journal: Journal
    clock: Clock
    whereabouts: Whereabouts
    models: QuirksOf
    keys: ConfigurationMemory
    signatures: SignatureChecks
    tls: ssl.SSLContext | None
    """For FTP within TLS."""


class FileDesk:
    """Open it with :meth:`start`, keep it going with :meth:`run`, end it with :meth:`stop`."""

    def __init__(
        self,
        settings: FilesSettings,
        directory: Path,
        around: Surroundings,
        restored: RestoredFiles,
        *,
        free_min_percent: int,
        inline: bool,
    ) -> None:
        """*free_min_percent* of the disk are left to the databases; *inline*: no threads."""
        present, journal, clock = around.present, around.journal, around.clock
        self._settings = settings
        self._around = around
        self._disk = Disk(directory, free_min_percent=free_min_percent, inline=inline)
        self._tickets = Tickets(present, journal, clock, restored.tickets)
        self._library = Library(settings, self._disk, present, journal, clock, around.signatures, restored.images)
        self._deliveries = Deliveries(
            settings, self._disk, present, journal, clock, restored.deliveries, restored.next_delivery
        )
        self._transfers = Transfers(settings, self._tickets, present, journal, clock)
        sender = Sender(self._disk, self._tickets, self._transfers)
        intake = Intake(settings, self._deliveries, self._tickets, self._transfers)
        self.http = HttpSide(self, self._disk, self._transfers, sender, intake)
        self._ftp = FtpSide(self, settings, self._disk, self._transfers, sender, intake, around.tls)
        self._library.keep(self._needed)
        # where each protocol is served
        self._ports: dict[FileProtocol, int] = {}
        self._refusals = FailureWindow(_HOUR_S, _TOLD_MAX + 1)

    # ------------------------------------------------------------ life

    async def start(self, listeners: Mapping[FileProtocol, int], host: str) -> None:
        """Look at what is on disk, and serve. *listeners*: the ports that hand sockets over to :attr:`http`.

        A disk or a port that cannot be had costs what needs it, and is told of: charging goes on without files.
        """
        for kept in (self._library, self._deliveries):
            try:
                kept.open()
            except OSError as error:
                log.error("files cannot be kept: %s", error)
        self._ports = dict(listeners)
        self.http.start(self._settings.max_transfers + _ANSWERING)
        self._ports.update(await self._ftp.start(host))

    async def run(self) -> None:
        """Let go what is over and too old, until cancelled."""
        while True:
            self._tickets.expire()
            await self._deliveries.prune()
            await asyncio.sleep(UPKEEP_S)

    async def stop(self) -> None:
        """End every transfer; charge points may go on where they were."""
        await self._ftp.stop()
        await self.http.stop()
        self._disk.close()

    # ------------------------------------------------------------ ports.FirmwareFiles

    def images(self) -> Sequence[Image]:
        """The library, newest first."""
        return self._library.images()

    def image(self, image_id: str) -> Image | None:
        """One of them."""
        return self._library.image(image_id)

    def keep(self, user: Callable[[str], str | None]) -> None:
        """Ask *user* before an image is removed."""
        self._library.keep(user)

    def protocols(self, charge_point: str) -> Sequence[FileProtocol]:
        """Those that both speak, the best first."""
        around = self._around
        key = around.keys.read(charge_point).keys.get(KEY)
        ends = around.whereabouts.ends(charge_point)
        return choices(
            self._ports.keys(),
            quirk=around.models.quirks(charge_point).file_protocols,
            key=None if key is None else key.value,
            secure=ends is not None and ends.profile >= 2,
        )

    async def offer_image(
        self, charge_point: str, image_id: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        """An address at which it can fetch the image; earlier ones for it end."""
        image = self.image(image_id)
        if image is None:
            return NotOffered(reason=f"there is no image {image_id}")
        return await self._offer(charge_point, protocol, image=image, purpose="", good_for_s=good_for_s, by=by)

    async def offer_upload(
        self, charge_point: str, purpose: str, *, good_for_s: float, by: str, protocol: FileProtocol | None = None
    ) -> FileOffer | NotOffered:
        """An address at which it can deliver a file."""
        return await self._offer(charge_point, protocol, image=None, purpose=purpose, good_for_s=good_for_s, by=by)

    def withdraw(self, ticket_id: str) -> None:
        """That address opens nothing any more."""
        self._tickets.end(ticket_id, "withdrawn")

    async def _offer(
        self,
        charge_point: str,
        protocol: FileProtocol | None,
        *,
        image: Image | None,
        purpose: str,
        good_for_s: float,
        by: str,
    ) -> FileOffer | NotOffered:
        ends = self._around.whereabouts.ends(charge_point)
        if ends is None:
            return NotOffered(reason="it is not connected")
        spoken = self.protocols(charge_point)
        chosen = protocol or next(iter(spoken), None)
        if chosen is None:
            return NotOffered(
                reason=f"it speaks none of {', '.join(sorted(self._ports))}; see files.ftp_port in the configuration"
            )
        if chosen not in self._ports:
            return NotOffered(reason=f"{chosen} is not served here")
        if image is not None:
            for ticket in self._tickets.of(charge_point):
                if ticket.image_id is not None:
                    self._tickets.end(ticket.ticket_id, "withdrawn")
        issued = await self._tickets.issue(
            charge_point,
            chosen,
            address=ends.theirs,
            image_id=None if image is None else image.image_id,
            purpose=purpose,
            good_for_s=good_for_s,
            by=by,
        )
        if isinstance(issued, Exception):
            return NotOffered(reason=f"not stored: {issued}")
        token, ticket = issued
        name = f"uploads/{token}/" if image is None else f"firmware/{token}/{quote(image.file_name)}"
        host = self._settings.address or ends.ours
        host = f"[{host}]" if ":" in host else host
        url = f"{chosen.lower()}://{host}:{self._ports[chosen]}/{name}"
        return FileOffer(ticket_id=ticket.ticket_id, url=url, protocol=chosen, expires_utc_ms=ticket.expires_utc_ms)

    def _needed(self, image_id: str) -> str | None:
        users = self._tickets.users(image_id)
        return f"it is offered to {', '.join(users)} now" if users else None

    # ------------------------------------------------------------ file_keeping.FileKeeping

    def wish_fault(self, wish: ImageWish) -> FileRefused | None:
        """What can be said against an image before its bytes come."""
        return self._library.fault(wish)

    async def add_image(self, wish: ImageWish, content: AsyncIterator[bytes], by: str) -> Image | FileRefused:
        """Take the bytes that *wish* describes."""
        return await self._library.add(wish, content, by)

    async def remove_image(self, image_id: str, by: str) -> FileRefused | None:
        """Remove it from the library, unless somebody needs it."""
        return await self._library.remove(image_id, by)

    def transfers(self) -> Sequence[Transfer]:
        """What is offered and runs now."""
        self._tickets.expire()
        found = []
        for ticket in self._tickets.all():
            done, size_bytes, running = self._transfers.progress(ticket.ticket_id)
            image = self.image_of(ticket)
            found.append(
                Transfer(
                    ticket_id=ticket.ticket_id,
                    charge_point=ticket.charge_point,
                    protocol=ticket.protocol,
                    image_id=ticket.image_id,
                    purpose=ticket.purpose,
                    bytes_done=done,
                    size_bytes=size_bytes if image is None else image.size_bytes,
                    running=running,
                    expires_utc_ms=ticket.expires_utc_ms,
                )
            )
        return found

    def deliveries(self) -> Sequence[Delivery]:
        """What charge points have delivered, newest first."""
        return self._deliveries.deliveries()

    def delivery(self, number: int) -> tuple[Delivery, Path] | None:
        """One of them, and where its bytes are."""
        return self._deliveries.delivery(number)

    async def remove_delivery(self, number: int, by: str) -> FileRefused | None:
        """Remove it."""
        return await self._deliveries.remove(number, by)

    # ------------------------------------------------------------ who may use an address (http_side, ftp_side)

    def admitted(self, target: Target, source: str) -> Ticket | None:
        """The ticket that *target* names, if *source* may use it; whoever may not is told of in the log."""
        ticket = self._tickets.find(target.token)
        if ticket is None or (ticket.image_id is None) != (target.way == "uploads"):
            self._refused(source, "an address that opens nothing")
            return None
        if self._settings.bind_address and not self._is_there(ticket, source):
            self._refused(source, f"the address of a file of {ticket.charge_point}, which is not there")
            return None
        return ticket

    def _is_there(self, ticket: Ticket, source: str) -> bool:
        """Whether *source* is where the ticket's charge point was when it was issued, or is now by its link."""
        ends = self._around.whereabouts.ends(ticket.charge_point)
        places = {ticket.address} if ends is None else {ticket.address, ends.theirs}
        return source_key(source) in {source_key(one) for one in places}

    def image_of(self, ticket: Ticket) -> Image | None:
        """What a ticket to fetch is for."""
        return None if ticket.image_id is None else self.image(ticket.image_id)

    def opener(self, image: Image) -> Callable[[], BinaryIO]:
        """Opens its bytes."""
        path = self._library.path(image)
        return lambda: path.open("rb", buffering=0)

    def _refused(self, source: str, what: str) -> None:
        key, now_s = (source_key(source),), self._around.clock.monotonic_s()
        self._refusals.add(key, now_s)
        if self._refusals.count(key, now_s) > _TOLD_MAX:
            return
        log.warning("file refused remote=%s: %s", source, what)
        fact = SecurityEvent(at=moment(self._around.clock), event=ADDRESS_REFUSED, source=source, detail=what)
        self._around.journal.record((fact,))
        self._around.present.apply((fact,))
