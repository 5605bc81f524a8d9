"""How a simulated charger fetches and delivers files: HTTP/1.1 and passive FTP over bare sockets, small as theirs."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from urllib.parse import quote, unquote, urlsplit

_CONNECT_S = 10.0
_MOVE_S = 600.0
_FILE_MAX = 64_000_000


class FetchError(Exception):
    """The file did not come, or was not taken; the message says why."""


async def fetch(url: str) -> bytes:
    """The file at *url*, whole. Raises FetchError."""
    return await _moved(url, None)


async def deliver(url: str, name: str, content: bytes) -> None:
    """Put *content* under *name* into the folder at *url*. Raises FetchError."""
    await _moved(url if url.endswith("/") else f"{url}/", (name, content))


async def _moved(url: str, upload: tuple[str, bytes] | None) -> bytes:
    parts = urlsplit(url)
    path = parts.path + (quote(upload[0], safe="") if upload else "")
    content = None if upload is None else upload[1]
    try:
        host, port = parts.hostname or "", parts.port
        async with asyncio.timeout(_MOVE_S):
            if parts.scheme == "http":
                return await _http(host, port or 80, path, content)
            if parts.scheme == "ftp":
                return await _ftp(host, port or 21, unquote(path), content)
    except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
        raise FetchError(f"{type(error).__name__}: {error}") from error
    raise FetchError(f"does not speak {parts.scheme}")


@contextlib.asynccontextmanager
async def _connected(host: str, port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(_CONNECT_S):
        reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _http(host: str, port: int, path: str, content: bytes | None) -> bytes:
    async with _connected(host, port) as (reader, writer):
        method = "GET" if content is None else "PUT"
        length = "" if content is None else f"Content-Length: {len(content)}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{length}Connection: close\r\n\r\n"
        writer.write(head.encode() + (content or b""))
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, *lines = answer.split("\r\n")
        if not re.match(r"HTTP/1\.[01] 20[0-4]", status):
            raise FetchError(status)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if content is not None:
            return b""
        return await _exactly(reader, int(headers["content-length"]))


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    if size > _FILE_MAX:
        raise FetchError(f"{size} bytes are more than it can hold")
    return await reader.readexactly(size)


async def _ftp(host: str, port: int, path: str, content: bytes | None) -> bytes:
    async with _connected(host, port) as (reader, writer):

        async def ask(command: str) -> str:
            writer.write(f"{command}\r\n".encode())
            return await _ftp_reply(reader)

        await _ftp_reply(reader)
        if (await ask("USER anonymous")).startswith("331"):
            _expect(await ask("PASS charger"), "2")
        _expect(await ask("TYPE I"), "2")
        entered = await ask("EPSV")
        found = re.search(r"\(\|\|\|(\d+)\|\)", entered)
        if found is None:
            raise FetchError(entered)
        async with _connected(host, int(found[1])) as (data_in, data_out):
            _expect(await ask(f"{'RETR' if content is None else 'STOR'} {path}"), "1")
            received = b""
            if content is None:
                received = await data_in.read(-1)
            else:
                data_out.write(content)
                await data_out.drain()
        _expect(await _ftp_reply(reader), "2")
        writer.write(b"QUIT\r\n")
        return received


async def _ftp_reply(reader: asyncio.StreamReader) -> str:
    """The last line of a reply, which may have several."""
    while True:
        line = (await reader.readuntil(b"\n")).decode("latin-1").rstrip()
        if re.match(r"\d{3}( |$)", line):
            return line


def _expect(reply: str, kind: str) -> None:
    if not reply.startswith(kind):
        raise FetchError(reply)
