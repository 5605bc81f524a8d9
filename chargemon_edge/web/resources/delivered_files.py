"""Files of charge points: asked for, on their way, and here. People get them as they came; nothing opens them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web

from chargemon_edge.control.collecting import Collecting, NotBegun, Purpose
from chargemon_edge.control.file_keeping import FileKeeping, Transfer
from chargemon_edge.control.records import Number, UtcMs
from chargemon_edge.ocpp.timestamps import format_utc
from chargemon_edge.site.file_facts import Delivery
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply, not_found, problem
from chargemon_edge.web.resources.firmware_images import refusal

_PATH = "/api/v1/delivered-files"


class OneChargePoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of whom."""

    identity: Annotated[str, msgspec.Meta(max_length=100)]


class OneFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which."""

    number: Number


class FileWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is to deliver; without bounds, all that it has."""

    purpose: Purpose = "Diagnostics"
    since_utc_ms: UtcMs | None = None
    until_utc_ms: UtcMs | None = None


class FileComing(msgspec.Struct, frozen=True, kw_only=True):
    """It will deliver it."""

    ticket_id: str
    """What the file transfers call it."""
    file_name: str | None
    expires_utc_ms: int


class DeliveredFiles:
    """The handlers."""

    def __init__(self, files: FileKeeping, collecting: Collecting) -> None:
        self._files = files
        self._collecting = collecting

    async def list(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Those that are here."""
        return Reply(tuple(self._files.deliveries()))

    async def transfers(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Those on their way, images too."""
        return Reply(tuple(self._files.transfers()))

    async def ask(self, call: Call[OneChargePoint, FileWanted]) -> Answer:
        """Have one delivered."""
        identity, wanted = call.parameters.identity, call.body
        if not self._collecting.knows(identity):
            return not_found(f"charge point {identity!r}")
        begun = await self._collecting.ask(
            identity,
            wanted.purpose,
            by=call.caller.name,
            since=None if wanted.since_utc_ms is None else format_utc(wanted.since_utc_ms),
            until=None if wanted.until_utc_ms is None else format_utc(wanted.until_utc_ms),
        )
        if isinstance(begun, NotBegun):
            return problem(409, "not begun", begun.reason)
        offer = begun.offer
        coming = FileComing(ticket_id=offer.ticket_id, file_name=begun.file_name, expires_utc_ms=offer.expires_utc_ms)
        return Reply(coming, status=202)

    async def fetch(self, call: Call[OneFile, Nothing]) -> Answer:
        """As it came."""
        found = self._files.delivery(call.parameters.number)
        if found is None or not found[1].is_file():
            return not_found(f"file {call.parameters.number}")
        delivery, path = found
        return web.FileResponse(
            path,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{delivery.file_name}"',
                "Cache-Control": "no-store",
            },
        )

    async def remove(self, call: Call[OneFile, Nothing]) -> Answer:
        """Remove it."""
        refused = await self._files.remove_delivery(call.parameters.number, call.caller.name)
        return Reply(status=204) if refused is None else refusal(refused)


def endpoints(files: DeliveredFiles) -> tuple[Endpoint[Any, Any], ...]:
    """Diagnostics may hold cards and addresses: for operators."""
    return (*_coming(files), *_there(files))


def _coming(files: DeliveredFiles) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="POST",
            path="/api/v1/charge-points/{identity}/file-requests",
            summary="Have a charge point deliver its diagnostics or a log to this box",
            role=Role.OPERATOR,
            parameters=OneChargePoint,
            body=FileWanted,
            answers={202: FileComing},
            problems=(404, 409),
            handle=files.ask,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/file-transfers",
            summary="Show which files are offered to charge points or on their way now",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[Transfer, ...]},
            handle=files.transfers,
        ),
    )


def _there(files: DeliveredFiles) -> tuple[Endpoint[Any, Any], ...]:
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List the files that charge points have delivered, newest first",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: tuple[Delivery, ...]},
            handle=files.list,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/{{number}}/content",
            summary="Download a file that a charge point has delivered, as it came",
            role=Role.OPERATOR,
            parameters=OneFile,
            body=Nothing,
            answers={200: Media("application/octet-stream")},
            problems=(404,),
            handle=files.fetch,
        ),
        Endpoint(
            method="DELETE",
            path=f"{_PATH}/{{number}}",
            summary="Remove a file that a charge point has delivered",
            role=Role.OPERATOR,
            parameters=OneFile,
            body=Nothing,
            answers={204: None},
            problems=(404, 503),
            handle=files.remove,
        ),
    )
