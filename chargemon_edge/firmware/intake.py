"""A charge point's file on its way in, over whatever connection: to a whole file of ours, or to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from chargemon_edge.firmware.deliveries import Deliveries
from chargemon_edge.firmware.disk import DiskFullError, Draft
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.firmware.tickets import Tickets
from chargemon_edge.firmware.transfers import Running, Transfers
from chargemon_edge.site.file_facts import Ticket

_WRITE_BYTES = 262_144


class UploadRefusedError(Exception):
    """Nothing of it is kept; *status* is HTTP's."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Intake:
    """Takes files; knows no protocol."""

    def __init__(self, settings: FilesSettings, deliveries: Deliveries, tickets: Tickets, transfers: Transfers) -> None:
        self._settings = settings
        self._deliveries = deliveries
        self._tickets = tickets
        self._transfers = transfers

    def too_large(self, size_bytes: int | None) -> UploadRefusedError | None:
        """Why a file of so many bytes, announced or come so far, is not taken; None: it may be, or nobody knows yet."""
        if size_bytes is None or size_bytes <= self._settings.upload_max_bytes:
            return None
        return UploadRefusedError(413, f"a file may have {self._settings.upload_max_mb} MB here")

    async def take(
        self, ticket: Ticket, content: AsyncIterator[bytes], name: Callable[[], str], announced: int | None = None
    ) -> None:
        """Keep what *content* gives as the ticket's file; *name* is asked at the end. Raises UploadRefusedError.

        *announced*: its size as the charge point says it, for whoever looks on.
        """
        running = self._transfers.begin(ticket, 0, alone=True)
        whole, detail = False, "the daemon stops, or a newer request takes its place"
        try:
            await self._all(ticket, content, name, announced, running)
            whole, detail = True, "kept"
        except UploadRefusedError as error:
            detail = error.why
            raise
        finally:
            self._transfers.ended(running, whole=whole, detail=detail)
        self._tickets.end(ticket.ticket_id, "delivered")
        await self._deliveries.prune()

    async def _all(
        self,
        ticket: Ticket,
        content: AsyncIterator[bytes],
        name: Callable[[], str],
        announced: int | None,
        running: Running,
    ) -> None:
        draft: Draft | None = None
        try:
            draft = await self._deliveries.draft()
            await self._bytes(draft, content, announced, running)
            if draft.size_bytes == 0:
                raise UploadRefusedError(400, "the file is empty")
            kept = await self._deliveries.keep(draft, ticket, name())
            if isinstance(kept, DiskFullError):
                raise kept
            if isinstance(kept, Exception):
                raise UploadRefusedError(507, f"not stored: {kept}")
        except DiskFullError as error:
            raise UploadRefusedError(507, error.why) from None
        except TimeoutError as error:
            raise UploadRefusedError(408, str(error) or f"nothing came for {self._transfers.stall_s:g} s") from None
        except ConnectionError as error:
            raise UploadRefusedError(400, f"the charge point has left ({type(error).__name__})") from None
        except OSError as error:
            raise UploadRefusedError(507, f"the disk does not take it: {error.strerror or error}") from None
        finally:
            if draft is not None:
                await draft.discard()

    async def _bytes(
        self, draft: Draft, content: AsyncIterator[bytes], announced: int | None, running: Running
    ) -> None:
        waiting = bytearray()
        while True:
            async with asyncio.timeout(self._transfers.stall_s):
                chunk = await anext(content, b"")
            if chunk:
                waiting += chunk
                refusal = self.too_large(draft.size_bytes + len(waiting))
                if refusal is not None:
                    raise refusal
                await self._transfers.turn(len(chunk))
                self._transfers.moved(running, len(chunk), announced)
            if waiting and (not chunk or len(waiting) >= _WRITE_BYTES):
                await draft.write(bytes(waiting))
                waiting.clear()
            if not chunk:
                return
