"""The window in which charge points that are not configured may connect."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from chargemon_edge.control.commissioning import MINUTES_MAX, Commissioning
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply
from chargemon_edge.web.shapes import CommissioningView

_PATH = "/api/v1/commissioning"


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long it is to stay open."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=MINUTES_MAX)] = 10


class CommissioningWindow:
    """The handlers."""

    def __init__(self, commissioning: Commissioning) -> None:
        self._commissioning = commissioning

    async def show(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Whether it is open, and for how long."""
        return Reply(CommissioningView(remaining_s=self._commissioning.remaining_s() or None))

    async def open(self, call: Call[Nothing, Window]) -> Answer:
        """Open it, or move its end."""
        self._commissioning.open(call.body.minutes)
        return Reply(CommissioningView(remaining_s=self._commissioning.remaining_s() or None))

    async def close(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Shut it now."""
        self._commissioning.close()
        return Reply(CommissioningView(remaining_s=None))


def endpoints(window: CommissioningWindow) -> tuple[Endpoint[Any, Any], ...]:
    """Only an installer lets strangers in."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="Show whether unknown charge points may connect",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: CommissioningView},
            handle=window.show,
        ),
        Endpoint(
            method="POST",
            path=_PATH,
            summary="Let unknown charge points connect for some minutes",
            role=Role.INSTALLER,
            parameters=Nothing,
            body=Window,
            answers={200: CommissioningView},
            handle=window.open,
        ),
        Endpoint(
            method="DELETE",
            path=_PATH,
            summary="Refuse unknown charge points from now on",
            role=Role.INSTALLER,
            parameters=Nothing,
            body=Nothing,
            answers={200: CommissioningView},
            handle=window.close,
        ),
    )
