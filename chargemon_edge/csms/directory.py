"""Who is connected. Implements :class:`chargemon_edge.control.ports.ChargePoints`; holds links, never opens one.

Entries belong to links, not to identities: a link can only take out itself, so the end of a replaced one
never removes its successor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from chargemon_edge.control.ports import Clock, LinkEnds, Offline, Outcome
from chargemon_edge.csms.calls import PendingCall
from chargemon_edge.csms.trace import named
from chargemon_edge.ocpp.v16.messages import Request

_log = logging.getLogger(__name__)


class CallLink(Protocol):
    """What the directory needs of a link."""

    @property
    def ends(self) -> LinkEnds:
        """Between which addresses it runs."""
        ...

    def send_call(self, call: PendingCall) -> None:
        """Send it when the link is free; settles it in the end."""
        ...

    def send_limit(self, connector: int, call: PendingCall) -> None:
        """Like :meth:`send_call`, in the connector's slot."""
        ...

    def hang_up(self, reason: str) -> None:
        """End it politely."""
        ...

    def abandon(self, call: PendingCall) -> None:
        """Nobody waits for it any more: take it out if it was not sent."""
        ...


class Directory:
    """The one live link of each charge point."""

    def __init__(self, clock: Clock, *, limit_deadline_s: float = 10.0) -> None:
        self._clock = clock
        self._limit_deadline_s = limit_deadline_s
        self._links: dict[str, CallLink] = {}

    # ------------------------------------------------------------ what control asks

    def ends(self, charge_point: str) -> LinkEnds | None:
        """Between which addresses its link runs."""
        link = self._links.get(charge_point)
        return None if link is None else link.ends

    def linked(self, charge_point: str) -> bool:
        """Whether it has a link."""
        return charge_point in self._links

    async def call(self, charge_point: str, request: Request, deadline_s: float) -> Outcome:
        """Send *request* when the link is free.

        *deadline_s* is the time to answer, from when it is written. A call that could not even be sent within it
        is Busy.
        """
        link = self._links.get(charge_point)
        if link is None:
            return Offline()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Outcome] = loop.create_future()

        def done(outcome: Outcome) -> None:
            # cancelled: nobody waits
            if not answered.done():
                answered.set_result(outcome)

        call = PendingCall(request, deadline_s, done, loop)
        asked_s = self._clock.monotonic_s()
        link.send_call(call)
        try:
            outcome = await answered
        except asyncio.CancelledError:
            link.abandon(call)
            raise
        took_s = self._clock.monotonic_s() - asked_s
        name = type(outcome).__name__
        _log.info("called cp=%s action=%s outcome=%s took_s=%.2f", named(charge_point), request.action, name, took_s)
        return outcome

    def offer_limit(self, charge_point: str, connector: int, request: Request, done: Callable[[Outcome], None]) -> None:
        """Put *request* into the connector's slot; offline, *done* is told at once and nothing is kept."""
        call = PendingCall(request, self._limit_deadline_s, done, asyncio.get_running_loop())
        link = self._links.get(charge_point)
        if link is None:
            call.settle(Offline())
        else:
            link.send_limit(connector, call)

    def disconnect(self, charge_point: str, reason: str) -> None:
        """End its link, if it has one."""
        link = self._links.get(charge_point)
        if link is not None:
            link.hang_up(reason)

    # ------------------------------------------------------------ what the server tells

    def put(self, charge_point: str, link: CallLink) -> None:
        """*link* is the charge point's from now on."""
        self._links[charge_point] = link

    def remove(self, charge_point: str, link: CallLink) -> bool:
        """Take *link* out; False if it is not (any more) the charge point's link."""
        if self._links.get(charge_point) is not link:
            return False
        del self._links[charge_point]
        return True
