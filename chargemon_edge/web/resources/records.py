"""What else was kept: meter values, events, operations. All of it is read only."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.ports import History
from chargemon_edge.control.records import (
    EventQuery,
    EventRecord,
    MeterValueQuery,
    MeterValueRecord,
    Number,
    OperationQuery,
    OperationRecord,
    Page,
)
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found


class OneMeterValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    number: Number


class Records:
    """The handlers."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def meter_values(self, call: Call[MeterValueQuery, Nothing]) -> Answer:
        """As they were understood."""
        return Reply(await self._history.meter_values(call.parameters))

    async def payload(self, call: Call[OneMeterValue, Nothing]) -> Answer:
        """As it came."""
        found = await self._history.meter_value_payload(call.parameters.number)
        return not_found("such meter value (any more)") if found is None else Reply(msgspec.Raw(found))

    async def events(self, call: Call[EventQuery, Nothing]) -> Answer:
        """What happened."""
        return Reply(await self._history.events(call.parameters))

    async def operations(self, call: Call[OperationQuery, Nothing]) -> Answer:
        """Who asked for what."""
        return Reply(await self._history.operations(call.parameters))


def endpoints(records: Records) -> tuple[Endpoint[Any, Any], ...]:
    """What holds whole id tags is for operators."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/meter-values",
            summary="List meter values",
            role=Role.VIEWER,
            parameters=MeterValueQuery,
            body=Nothing,
            answers={200: Page[MeterValueRecord]},
            problems=(503,),
            handle=records.meter_values,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/meter-values/{number}/payload",
            summary="Show a MeterValues as the charge point sent it",
            role=Role.VIEWER,
            parameters=OneMeterValue,
            body=Nothing,
            answers={200: msgspec.Raw},
            problems=(404, 503),
            handle=records.payload,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/event-records",
            summary="List what happened",
            role=Role.OPERATOR,
            parameters=EventQuery,
            body=Nothing,
            answers={200: Page[EventRecord]},
            problems=(503,),
            handle=records.events,
        ),
        Endpoint(
            method="GET",
            path="/api/v1/operations",
            summary="List what was asked of charge points, by whom, and the outcomes",
            role=Role.OPERATOR,
            parameters=OperationQuery,
            body=Nothing,
            answers={200: Page[OperationRecord]},
            problems=(503,),
            handle=records.operations,
        ),
    )
