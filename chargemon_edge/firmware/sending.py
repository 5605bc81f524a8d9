"""An image's bytes on their way out, over whatever connection: as slowly as the charge point reads, never faster than
allowed.

Fetched is what the far end has taken and not thrown away: :mod:`.farewell` knows. What was merely written to a socket
may be lost with it, and the charge point must then be able to go on where it was.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import BinaryIO

import msgspec

from chargemon_edge.firmware.disk import Disk
from chargemon_edge.firmware.farewell import Farewell
from chargemon_edge.firmware.ranges import Span
from chargemon_edge.firmware.tickets import Tickets
from chargemon_edge.firmware.transfers import Running, Transfers
from chargemon_edge.site.file_facts import Ticket
from chargemon_edge.site.image import Image


class Way(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """A connection to a charge point."""

    transport: asyncio.Transport
    write: Callable[[bytes], Awaitable[object]]
    """Where the kernel cannot send by itself, since there is TLS in between: write, and wait while it is too much."""
    ends_the_file: bool
    """Whether the file is over when the connection is (FTP), and not by its announced length (HTTP)."""


class Sender:
    """Moves files; knows no protocol."""

    def __init__(self, disk: Disk, tickets: Tickets, transfers: Transfers) -> None:
        self._disk = disk
        self._tickets = tickets
        self._transfers = transfers

    async def send(self, way: Way, file: BinaryIO, part: Span, ticket: Ticket, image: Image) -> bool:
        """Send *part* of *file*; returns whether all of it has arrived. When it has not, the connection is aborted."""
        running = self._transfers.begin(ticket, part.first)
        whole, detail = False, "the daemon stops, or a newer request takes its place"
        try:
            with Farewell(way.transport) as farewell:
                await self._all(way, file, part, running, image)
                await farewell.said(self._transfers.stall_s, close_first=way.ends_the_file)
            whole, detail = True, "all of it has arrived"
        except TimeoutError as error:
            detail = str(error) or f"nothing moved for {self._transfers.stall_s:g} s"
        except (OSError, RuntimeError) as error:
            # asyncio says RuntimeError of a transport that closes
            detail = f"the charge point has left ({type(error).__name__})"
        finally:
            if not whole:
                way.transport.abort()
            complete = self._transfers.completes(running, image.size_bytes, whole=whole)
            self._transfers.ended(running, whole=whole, detail=detail)
            if complete:
                self._tickets.end(ticket.ticket_id, "fetched")
        return whole

    async def _all(self, way: Way, file: BinaryIO, part: Span, running: Running, image: Image) -> None:
        length = part.end - part.first
        os.posix_fadvise(file.fileno(), part.first, length, os.POSIX_FADV_SEQUENTIAL)
        pace = self._transfers.pace()
        loop = asyncio.get_running_loop()
        while running.bytes_moved < length:
            count = min(pace.piece_bytes, length - running.bytes_moved)
            await self._transfers.turn(count)
            began_s = loop.time()
            async with asyncio.timeout(self._transfers.stall_s):
                await self._move(way, file, part.first + running.bytes_moved, count)
            pace.took(loop.time() - began_s)
            self._transfers.moved(running, count, image.size_bytes)

    async def _move(self, way: Way, file: BinaryIO, first: int, count: int) -> None:
        """*count* bytes from *first* on; returns when the socket has taken them."""
        if way.transport.get_extra_info("ssl_object") is None:
            # from the kernel's cache to the socket, never through ours
            moved = await asyncio.get_running_loop().sendfile(way.transport, file, first, count, fallback=False)
        else:
            data = await self._disk.run(lambda: os.pread(file.fileno(), count, first))
            moved = len(data)
            await way.write(data)
        if moved < count:
            raise OSError("the file is shorter than it was")
