"""A charge point that fetches firmware and delivers diagnostics over HTTP, into the container's network."""

from __future__ import annotations

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

from ocpp.routing import on
from ocpp.v16 import call_result
from ocpp.v16.enums import Action

from tests.charge_point import ChargePoint
from tests.system.installed.container import Container


class FileTaker(ChargePoint):
    """Notes where it shall fetch from and deliver to."""

    def __init__(self, identity: str, connection: Any) -> None:
        super().__init__(identity, connection)
        self.fetch_from = ""
        self.deliver_to = ""

    @on(Action.update_firmware)  # type: ignore[untyped-decorator]  # the library is untyped
    async def _update(self, location: str, **_: Any) -> Any:
        self.fetch_from = location
        return call_result.UpdateFirmware()

    @on(Action.get_diagnostics)  # type: ignore[untyped-decorator]  # as above
    async def _diagnostics(self, location: str, **_: Any) -> Any:
        self.deliver_to = location
        return call_result.GetDiagnostics(file_name="diagnostics.txt")


async def fetched(box: Container, url: str) -> tuple[int, bytes]:
    """GET; status and body."""
    return await asyncio.to_thread(_exchange, box, "GET", url, None)


async def opens(box: Container, url: str) -> bool:
    """Whether something is still served there, if only the beginning."""
    try:
        return (await fetched(box, url))[0] != 404
    except http.client.IncompleteRead:
        return True


async def delivered(box: Container, url: str, content: bytes) -> int:
    """PUT; status."""
    status, _ = await asyncio.to_thread(_exchange, box, "PUT", url, content)
    return status


def _exchange(box: Container, method: str, url: str, content: bytes | None) -> tuple[int, bytes]:
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
    connection.sock = box.connect(where.port, where.hostname)
    try:
        connection.request(method, where.path, content)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
