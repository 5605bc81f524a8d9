"""Files over HTTP, on the chargers' own listeners: sockets that the central system hands over, one request each.

GET and HEAD of an image, PUT and POST of a charge point's file. Every address that opens nothing gets the same answer,
whether it never was one, is over, has served its purpose or belongs to somebody else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import BinaryIO, Protocol, TypeVar

from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from chargemon_edge.firmware.disk import Disk
from chargemon_edge.firmware.intake import Intake, UploadRefusedError
from chargemon_edge.firmware.names import Target, concerns_files, target_of
from chargemon_edge.firmware.ranges import Span, span
from chargemon_edge.firmware.sending import Sender, Way
from chargemon_edge.firmware.transfers import Transfers
from chargemon_edge.site.file_facts import Ticket
from chargemon_edge.site.image import Image

log = logging.getLogger(__name__)

_LINGER_S = 2.0
_FORM_PARTS_MAX = 20
_READ_BYTES = 65_536
Answer = TypeVar("Answer", bound=web.StreamResponse)

_SERVER: dict[str, str] = {hdrs.SERVER: "chargemon-edge"}


class Desk(Protocol):
    """Who knows the tickets."""

    def admitted(self, target: Target, source: str) -> Ticket | None:
        """The ticket that *target* names, if *source* may use it."""
        ...

    def image_of(self, ticket: Ticket) -> Image | None:
        """What a ticket to fetch is for; None: it is gone."""
        ...

    def opener(self, image: Image) -> Callable[[], BinaryIO]:
        """Opens its bytes; may raise OSError and take as long as a disk does."""
        ...


class HttpSide:
    """Implements :class:`chargemon_edge.control.ports.FileVisits`."""

    def __init__(self, desk: Desk, disk: Disk, transfers: Transfers, sender: Sender, intake: Intake) -> None:
        self._desk = desk
        self._disk = disk
        self._transfers = transfers
        self._sender = sender
        self._intake = intake
        # made with the loop
        self._server: web.Server | None = None
        self._sockets_max = 0

    def start(self, sockets_max: int) -> None:
        """Take up to *sockets_max* sockets from now on."""
        self._sockets_max = sockets_max
        self._server = web.Server(
            self._answer,
            access_log=None,
            # one request for each socket: after its answer there is nothing to wait for
            keepalive_timeout=_LINGER_S,
            lingering_time=_LINGER_S,
            # what a charge point packs, it stays packed
            auto_decompress=False,
            read_bufsize=_READ_BYTES,
        )

    async def stop(self) -> None:
        """End every socket."""
        self._transfers.stop()
        if self._server is not None:
            server, self._server = self._server, None
            await server.shutdown(1.0)

    # ------------------------------------------------------------ ports.FileVisits

    def concerns(self, target: str) -> bool:
        """Whether a request for *target* is one for files."""
        return concerns_files(target)

    def take(self, transport: asyncio.Transport, received: bytes) -> bool:
        """The socket is ours from now on, with what has come of it; False: there is no room for it."""
        if self._server is None or len(self._server.connections) >= self._sockets_max:
            return False
        protocol = self._server()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(received)
        return True

    # ------------------------------------------------------------ one request

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        target = target_of(request.raw_path)
        source = request.transport.get_extra_info("peername") if request.transport is not None else None
        ticket = None if target is None or not source else self._desk.admitted(target, str(source[0]))
        if target is None or ticket is None:
            return _plain(404, "nothing lies here")
        if self._transfers.full:
            return _plain(503, "too many transfers at once", {hdrs.RETRY_AFTER: "60"})
        try:
            if target.way == "uploads":
                return await self._take_file(request, ticket, target)
            return await self._give_image(request, ticket)
        except ConnectionError:
            # it has left before anything could be said; nobody reads this either
            return _plain(400, "gone")
        except OSError as error:
            log.error("file not served cp=%s: %s", ticket.charge_point, error)
            return _plain(500, "the disk does not give it")

    async def _give_image(self, request: web.BaseRequest, ticket: Ticket) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return _plain(405, "a file to fetch", {hdrs.ALLOW: "GET, HEAD"})
        image = self._desk.image_of(ticket)
        if image is None:
            return _plain(404, "nothing lies here")
        response, part = _opening(request, image)
        if part is None:
            return response
        file = await self._disk.run(self._desk.opener(image))
        try:
            await response.prepare(request)
            transport = request.transport
            if request.method == "GET" and transport is not None:
                way = Way(transport=transport, write=response.write, ends_the_file=False)
                await self._sender.send(way, file, part, ticket, image)
        finally:
            file.close()
        return response

    async def _take_file(self, request: web.BaseRequest, ticket: Ticket, target: Target) -> web.StreamResponse:
        if request.method not in ("PUT", "POST"):
            return _plain(405, "a place to deliver to", {hdrs.ALLOW: "PUT, POST"})
        if hdrs.CONTENT_RANGE in request.headers:
            return _plain(400, "a file comes in one piece here")
        too_large = self._intake.too_large(request.content_length)
        if too_large is not None:
            return _plain(too_large.status, too_large.why)
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # these bytes are not the answer's
            request.writer.output_size = 0
        body = _Body(request, target.name)
        try:
            await self._intake.take(ticket, body.chunks(), lambda: body.name, body.announced)
        except UploadRefusedError as refusal:
            return _plain(refusal.status, refusal.why)
        return _plain(200, "kept")


class _Body:
    """The file in a request: its body, or the first file of the form that the body is."""

    def __init__(self, request: web.BaseRequest, name: str) -> None:
        self._request = request
        self.name = name
        self._is_form = request.content_type.startswith("multipart/")
        self.announced = None if self._is_form else request.content_length

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes. Raises UploadRefusedError for a form without a file, and for a body that breaks off."""
        try:
            if not self._is_form:
                async for chunk in self._request.content.iter_any():
                    yield chunk
                return
            part = await self._file_part()
            while chunk := await part.read_chunk(_READ_BYTES):
                yield chunk
        except (web.RequestPayloadError, ValueError, AssertionError) as error:
            raise UploadRefusedError(
                400, f"the body breaks off or is not what it says ({type(error).__name__})"
            ) from None

    async def _file_part(self) -> BodyPartReader:
        reader = await self._request.multipart()
        for _ in range(_FORM_PARTS_MAX):
            part = await reader.next()
            if part is None:
                break
            if isinstance(part, MultipartReader) or part.filename is None:
                if not isinstance(part, MultipartReader):
                    await part.release()
                continue
            self.name = part.filename or self.name
            return part
        raise UploadRefusedError(400, "the form holds no file")


def _opening(request: web.BaseRequest, image: Image) -> tuple[web.StreamResponse, Span | None]:
    """The beginning of an answer, and which bytes are to follow; None: the answer is whole as it is."""
    tag, size = f'"{image.sha256[:32]}"', image.size_bytes
    if _named(request.headers.get(hdrs.IF_NONE_MATCH), tag):
        return _closing(web.Response(status=304, headers={hdrs.ETAG: tag, **_SERVER})), None
    if hdrs.IF_MATCH in request.headers and not _named(request.headers[hdrs.IF_MATCH], tag):
        return _plain(412, "it is another file now"), None
    wanted = request.headers.get(hdrs.RANGE)
    if request.headers.get(hdrs.IF_RANGE, tag) != tag:
        wanted = None
    part = span(wanted, size)
    if part is None:
        return _plain(416, "beyond its end", {hdrs.CONTENT_RANGE: f"bytes */{size}"}), None
    response = web.StreamResponse(headers={hdrs.ETAG: tag, hdrs.ACCEPT_RANGES: "bytes", **_SERVER})
    if part.asked:
        response.set_status(206)
        response.headers[hdrs.CONTENT_RANGE] = f"bytes {part.first}-{part.end - 1}/{size}"
    response.content_type = "application/octet-stream"
    response.content_length = part.end - part.first
    return _closing(response), part


def _named(header: str | None, tag: str) -> bool:
    return header is not None and (header.strip() == "*" or tag in [one.strip() for one in header.split(",")])


def _plain(status: int, why: str, headers: dict[str, str] | None = None) -> web.Response:
    text = f"{HTTPStatus(status).phrase}: {why}\n"
    return _closing(web.Response(status=status, text=text, headers={**_SERVER, **(headers or {})}))


def _closing(response: Answer) -> Answer:
    response.force_close()
    return response
