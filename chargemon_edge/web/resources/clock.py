"""Our own time: whether it is known to be right, and a person's word that it is."""

from __future__ import annotations

from typing import Any

from chargemon_edge.clock.site_clock import NeverSetError
from chargemon_edge.control.ports import Clock
from chargemon_edge.control.present import Present
from chargemon_edge.control.timekeeping import Timekeeping
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Nothing, Reply, problem
from chargemon_edge.web.shapes import ClockView

_PATH = "/api/v1/clock"


class ClockResource:
    """The handlers."""

    def __init__(self, present: Present, clock: Clock, timekeeping: Timekeeping | None) -> None:
        self._present = present
        self._clock = clock
        self._timekeeping = timekeeping

    async def show(self, _call: Call[Nothing, Nothing]) -> Answer:
        """What time it is here."""
        return Reply(self._view())

    async def confirm(self, call: Call[Nothing, Nothing]) -> Answer:
        """Take the machine's clock for right from now on."""
        if self._timekeeping is None:
            return problem(409, "not watched", "this daemon believes its clock whatever it says")
        try:
            self._timekeeping.confirm(call.caller.name)
        except NeverSetError as error:
            return problem(409, "never set", str(error))
        return Reply(self._view())

    def _view(self) -> ClockView:
        known = self._present.picture.clock
        return ClockView(
            utc_ms=self._clock.utc_ms(),
            trusted=known.trusted,
            source=known.source,
            machine_ahead_ms=known.machine_ahead_ms,
        )


def endpoints(resource: ClockResource) -> tuple[Endpoint[Any, Any], ...]:
    """Whoever confirms the time moves the dates of records: an operator's right."""
    return (
        Endpoint(
            method="GET",
            path=_PATH,
            summary="Show the time, and whether it is known to be right",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: ClockView},
            handle=resource.show,
        ),
        Endpoint(
            method="POST",
            path=f"{_PATH}/confirm",
            summary="Confirm that the machine's clock is right now",
            role=Role.OPERATOR,
            parameters=Nothing,
            body=Nothing,
            answers={200: ClockView},
            problems=(409,),
            handle=resource.confirm,
        ),
    )
