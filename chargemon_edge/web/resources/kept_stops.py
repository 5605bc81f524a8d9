"""StopTransactions that matched nothing open: listed, and settled by whoever has judged them."""

from __future__ import annotations

from typing import Any

import msgspec

from chargemon_edge.control.kept_stops import KeptStops
from chargemon_edge.control.ports import History
from chargemon_edge.control.records import KeptStopQuery, KeptStopRecord, Number, Page
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, not_found, not_stored, problem

_PATH = "/api/v1/kept-stops"


class OneKeptStop(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which one."""

    number: Number


class StopsToJudge:
    """The handlers."""

    def __init__(self, history: History, kept_stops: KeptStops) -> None:
        self._history = history
        self._kept_stops = kept_stops

    async def list(self, call: Call[KeptStopQuery, Nothing]) -> Answer:
        """A page."""
        return Reply(await self._history.kept_stops(call.parameters))

    async def settle(self, call: Call[OneKeptStop, Nothing]) -> Answer:
        """A person has judged it."""
        settled = await self._kept_stops.settle(call.parameters.number, call.caller.name)
        if settled is None:
            return not_found("such kept stop")
        if isinstance(settled, Exception):
            return not_stored(settled)
        return Reply(status=204) if settled else problem(409, "not settled", "it was settled already")


def endpoints(stops: StopsToJudge) -> tuple[Endpoint[Any, Any], ...]:
    """They hold whole id tags: for operators."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="List StopTransactions that matched nothing open",
            role=Role.OPERATOR,
            parameters=KeptStopQuery,
            body=Nothing,
            answers={200: Page[KeptStopRecord]},
            problems=(503,),
            handle=stops.list,
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/{{number}}/settle",
            summary="Note that somebody has judged a kept stop: it waits no more",
            role=Role.OPERATOR,
            parameters=OneKeptStop,
            body=Nothing,
            answers={204: None},
            problems=(404, 409, 503),
            handle=stops.settle,
        ),
    )
