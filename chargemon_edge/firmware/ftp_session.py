"""One FTP session (RFC 959, with SIZE and REST of RFC 3659, EPSV of RFC 2428, TLS of RFC 4217): a table of commands."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec

from chargemon_edge.firmware.disk import Disk
from chargemon_edge.firmware.http_side import Desk
from chargemon_edge.firmware.intake import Intake, UploadRefusedError
from chargemon_edge.firmware.names import Target, absolute, target_of
from chargemon_edge.firmware.ranges import Span
from chargemon_edge.firmware.sending import Sender, Way
from chargemon_edge.firmware.transfers import Transfers
from chargemon_edge.site.file_facts import Ticket
from chargemon_edge.site.image import Image

IDLE_S = 120.0
DATA_WAIT_S = 30.0
# more of them say that somebody is trying paths out
_WRONG_MAX = 20
_READ_BYTES = 65_536
_FEATURES = ("SIZE", "REST STREAM", "EPSV", "UTF8")

Data = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Office(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What sessions share."""

    desk: Desk
    disk: Disk
    transfers: Transfers
    sender: Sender
    intake: Intake
    passive_ports: tuple[int, int]
    tls: ssl.SSLContext | None


class FtpSession:
    """Runs until the peer leaves, is silent or is told to go."""

    def __init__(
        self, office: Office, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool
    ) -> None:
        self._office = office
        self._reader = reader
        self._writer = writer
        self._source = str(writer.get_extra_info("peername")[0])
        self._own = str(writer.get_extra_info("sockname")[0])
        self._secure = secure
        # whether data is within TLS, too
        self._private = secure
        self._folder = "/"
        self._rest = 0
        self._wrong = 0
        # where the next data connection is awaited
        self._door: asyncio.Server | None = None
        self._data: asyncio.Future[Data] | None = None

    async def run(self) -> None:
        """Obey. Raises OSError, EOFError, TimeoutError, LimitOverrunError when the peer is done with."""
        try:
            await self._say(220, "files for charge points")
            while self._wrong < _WRONG_MAX:
                async with asyncio.timeout(IDLE_S):
                    line = await self._reader.readuntil(b"\n")
                word, _, argument = line.decode("utf-8", "replace").strip().partition(" ")
                command = word.upper()
                if command == "QUIT":
                    await self._say(221, "bye")
                    return
                await self._obey(command, argument.strip())
            await self._say(421, "too many mistakes")
        finally:
            self._shut_door()

    async def _obey(self, command: str, argument: str) -> None:
        simple = _REPLIES.get(command)
        handler = _COMMANDS.get(command)
        if simple is not None:
            await self._say(*simple)
        elif handler is None:
            self._wrong += 1
            await self._say(502, "not here")
        else:
            await handler(self, argument)

    async def _say(self, code: int, text: str) -> None:
        self._writer.write(f"{code} {text}\r\n".encode())
        async with asyncio.timeout(IDLE_S):
            await self._writer.drain()

    async def _nothing(self) -> None:
        self._wrong += 1
        await self._say(550, "nothing lies here")

    # ------------------------------------------------------------ where we are

    async def _features(self, _argument: str) -> None:
        more = ("AUTH TLS", "PBSZ", "PROT") if self._office.tls is not None else ()
        text = "".join(f" {one}\r\n" for one in (*_FEATURES, *more))
        self._writer.write(f"211-there is\r\n{text}211 end\r\n".encode())

    async def _where(self, _argument: str) -> None:
        await self._say(257, f'"{self._folder}"')

    async def _go(self, argument: str) -> None:
        folder = absolute(self._folder, argument)
        target = target_of(f"{folder}/")
        known = folder in ("/", "/firmware", "/uploads")
        if not known and (target is None or self._office.desk.admitted(target, self._source) is None):
            await self._nothing()
            return
        self._folder = folder
        await self._say(250, "there")

    async def _up(self, _argument: str) -> None:
        await self._go("..")

    def _asked(self, argument: str) -> tuple[Target, Ticket] | None:
        target = target_of(absolute(self._folder, argument))
        ticket = None if target is None else self._office.desk.admitted(target, self._source)
        return None if target is None or ticket is None else (target, ticket)

    def _image(self, argument: str) -> tuple[Ticket, Image] | None:
        asked = self._asked(argument)
        image = None if asked is None else self._office.desk.image_of(asked[1])
        return None if asked is None or image is None else (asked[1], image)

    # ------------------------------------------------------------ privacy

    async def _auth(self, argument: str) -> None:
        if self._office.tls is None or self._secure or argument.upper() not in ("TLS", "TLS-C", "SSL"):
            await self._say(504, "not here")
            return
        await self._say(234, "go ahead")
        # what came in the clear after AUTH must not count as said within TLS
        if getattr(self._reader, "_buffer", None):
            raise EOFError
        await self._writer.start_tls(self._office.tls, ssl_handshake_timeout=DATA_WAIT_S)
        self._secure = True

    async def _protect(self, argument: str) -> None:
        if not self._secure:
            await self._say(503, "AUTH first")
        elif argument.upper() not in ("P", "C"):
            await self._say(504, "P or C")
        else:
            self._private = argument.upper() == "P"
            await self._say(200, "so be it")

    # ------------------------------------------------------------ data connections

    async def _passive(self, _argument: str) -> None:
        port = await self._open_door()
        if port is None or ":" in self._own:
            await self._say(425, "no port is free" if port is None else "use EPSV")
        else:
            numbers = [*self._own.split("."), str(port >> 8), str(port & 255)]
            await self._say(227, f"Entering Passive Mode ({','.join(numbers)}).")

    async def _extended_passive(self, argument: str) -> None:
        if argument.upper() == "ALL":
            await self._say(200, "so be it")
            return
        port = await self._open_door()
        if port is None:
            await self._say(425, "no port is free")
        else:
            await self._say(229, f"Entering Extended Passive Mode (|||{port}|)")

    async def _open_door(self) -> int | None:
        self._shut_door()
        self._data = asyncio.get_running_loop().create_future()
        first, last = self._office.passive_ports
        ports = list(range(first, last + 1))
        secrets.SystemRandom().shuffle(ports)
        for port in ports:
            with contextlib.suppress(OSError):
                self._door = await asyncio.start_server(
                    self._came, self._own, port, ssl=self._office.tls if self._private else None, backlog=2
                )
                return port
        return None

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody dials the data port: only our own peer, and only once."""
        peer = writer.get_extra_info("peername")
        if self._data is None or self._data.done() or not peer or peer[0] != self._source:
            writer.transport.abort()
        else:
            self._data.set_result((reader, writer))

    def _shut_door(self) -> None:
        if self._data is not None and self._data.done() and not self._data.cancelled():
            self._data.result()[1].transport.abort()
        self._door_used()

    async def _connected(self) -> Data | None:
        if self._data is None:
            await self._say(425, "EPSV or PASV first")
            return None
        await self._say(150, "go ahead")
        try:
            async with asyncio.timeout(DATA_WAIT_S):
                return await self._data
        except TimeoutError:
            await self._say(425, "no data connection came")
            return None

    # ------------------------------------------------------------ files

    async def _size(self, argument: str) -> None:
        found = self._image(argument)
        if found is None:
            await self._nothing()
        else:
            await self._say(213, str(found[1].size_bytes))

    async def _restart(self, argument: str) -> None:
        if not argument.isdecimal() or len(argument) > 19:
            await self._say(501, "a number")
            return
        self._rest = int(argument)
        await self._say(350, "go on")

    async def _retrieve(self, argument: str) -> None:
        first, self._rest = self._rest, 0
        found = self._image(argument)
        if found is None or first > found[1].size_bytes:
            await self._nothing()
            return
        if self._office.transfers.full:
            await self._say(450, "too many transfers at once; come back")
            return
        ticket, image = found
        file = await self._office.disk.run(self._office.desk.opener(image))
        try:
            data = await self._connected()
            if data is None:
                return
            writer = data[1]

            async def write(chunk: bytes) -> None:
                writer.write(chunk)
                await writer.drain()

            assert isinstance(writer.transport, asyncio.Transport)
            way = Way(transport=writer.transport, write=write, ends_the_file=True)
            whole = await self._office.sender.send(way, file, Span(first, image.size_bytes), ticket, image)
            writer.close()
        finally:
            file.close()
        self._door_used()
        await self._say(*((226, "all of it has arrived") if whole else (426, "broken off")))

    async def _store(self, argument: str) -> None:
        asked = self._asked(argument)
        if asked is None or asked[0].way != "uploads" or self._rest:
            self._rest = 0
            await self._nothing()
            return
        if self._office.transfers.full:
            await self._say(450, "too many transfers at once; come back")
            return
        data = await self._connected()
        if data is None:
            return
        target, ticket = asked
        try:
            await self._office.intake.take(ticket, _chunks(data[0]), lambda: target.name)
        except UploadRefusedError as refusal:
            await self._say(452 if refusal.status == 507 else 552 if refusal.status == 413 else 426, refusal.why)
        else:
            await self._say(226, "kept")
        finally:
            self._shut_door()

    def _door_used(self) -> None:
        """The data connection is closed by us, once what was written has gone out."""
        if self._door is not None:
            self._door.close()
            self._door = None
        self._data = None


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await reader.read(_READ_BYTES):
        yield chunk


_REPLIES = {
    "USER": (331, "any password will do"),
    "PASS": (230, "come in"),
    "SYST": (215, "UNIX Type: L8"),
    "NOOP": (200, "well"),
    "TYPE": (200, "bytes it is"),
    "MODE": (200, "a stream it is"),
    "STRU": (200, "a file it is"),
    "OPTS": (200, "as you like"),
    "PBSZ": (200, "PBSZ=0"),
    "ALLO": (202, "not needed"),
    "ABOR": (226, "nothing runs"),
}
_COMMANDS: dict[str, Callable[[FtpSession, str], Awaitable[None]]] = {
    "FEAT": FtpSession._features,
    "PWD": FtpSession._where,
    "XPWD": FtpSession._where,
    "CWD": FtpSession._go,
    "CDUP": FtpSession._up,
    "AUTH": FtpSession._auth,
    "PROT": FtpSession._protect,
    "PASV": FtpSession._passive,
    "EPSV": FtpSession._extended_passive,
    "SIZE": FtpSession._size,
    "REST": FtpSession._restart,
    "RETR": FtpSession._retrieve,
    "STOR": FtpSession._store,
}
