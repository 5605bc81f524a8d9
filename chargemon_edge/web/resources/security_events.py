"""Security events: to read page by page, and to take away as JSON lines or CSV."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from chargemon_edge.control.ports import History
from chargemon_edge.control.records import Page, SecurityEventQuery, SecurityEventRecord
from chargemon_edge.control.spreadsheet import inert
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply

_PATH = "/api/v1/security-events"
_EXPORT_MAX = 50_000


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=_EXPORT_MAX, description="how many at most, newest first")] = 10_000


class SecurityEvents:
    """The handlers."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def page(self, call: Call[SecurityEventQuery, Nothing]) -> Answer:
        """A page."""
        return Reply(await self._history.security_events(call.parameters))

    async def as_lines(self, call: Call[Export, Nothing]) -> Answer:
        """One JSON object a line."""
        found = await self._all(call.parameters.limit)
        return Reply(b"".join(msgspec.json.encode(one) + b"\n" for one in found), headers=_attached("jsonl"))

    async def as_csv(self, call: Call[Export, Nothing]) -> Answer:
        """For a spreadsheet."""
        return Reply(as_csv(await self._all(call.parameters.limit)), headers=_attached("csv"))

    async def _all(self, limit: int) -> list[SecurityEventRecord]:
        found: list[SecurityEventRecord] = []
        before = None
        while len(found) < limit:
            query = SecurityEventQuery(before=before, limit=min(500, limit - len(found)))
            page = await self._history.security_events(query)
            found += page.items
            if page.next_before is None:
                break
            before = page.next_before
        return found


def as_csv(events: list[SecurityEventRecord]) -> bytes:
    """RFC 4180. No cell is a formula, and none has a line break: strangers' texts are among them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("number", "utc", "event", "source", "charge_point", "detail"))
    for one in events:
        when = datetime.fromtimestamp(one.utc_ms / 1000, UTC).isoformat(timespec="milliseconds")
        cells = (one.event, one.source, one.charge_point or "", one.detail)
        writer.writerow((one.number, when.replace("+00:00", "Z"), *map(inert, cells)))
    return text.getvalue().encode("utf-8", "replace")


def _attached(ending: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="security-events.{ending}"'}


def endpoints(resource: SecurityEvents) -> tuple[Endpoint[Any, Any], ...]:
    """They name people and addresses: for installers."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List security events",
            role=Role.INSTALLER,
            parameters=SecurityEventQuery,
            body=Nothing,
            answers={200: Page[SecurityEventRecord]},
            problems=(503,),
            handle=resource.page,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/export.jsonl",
            summary="Take security events away as JSON lines",
            role=Role.INSTALLER,
            parameters=Export,
            body=Nothing,
            answers={200: Media("application/jsonl")},
            problems=(503,),
            handle=resource.as_lines,
        ),
        Endpoint(
            method="GET",
            path=f"{_PATH}/export.csv",
            summary="Take security events away as CSV, inert in a spreadsheet",
            role=Role.INSTALLER,
            parameters=Export,
            body=Nothing,
            answers={200: Media("text/csv; charset=utf-8")},
            problems=(503,),
            handle=resource.as_csv,
        ),
    )
