"""New passwords for charge points (security white paper, AuthorizationKey; test case 073), never locking one out.

A key is durable as one on its way before it is sent, and from then on opens the link as the old one does. The old one
is refused once the charge point has logged in with the new (:mod:`.access_book`). So whatever is interrupted, wherever:
the charge point gets in with the key that it has.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from enum import Enum

from msgspec.structs import replace

from chargemon_edge.control.access_book import AccessBook
from chargemon_edge.control.password_hash import SALT_BYTES, hashed
from chargemon_edge.control.ports import Answered, CallErrored, Links, Outcome
from chargemon_edge.ocpp.v16 import messages as m

log = logging.getLogger(__name__)

KEY_BYTES = 16
"""16 to 20 are allowed; 32 hexadecimal digits fit every charger seen."""
PENDING_MAX = 4
DEADLINE_S = 30.0
# a charge point that has a new key ought to come back with it by itself
RECONNECT_S = 30.0


class Rotation(Enum):
    """What came of it."""

    ACCEPTED = "accepted"
    """It has the key, and is awaited with it."""
    REFUSED = "refused"
    """It keeps the old one; so do we."""
    UNANSWERED = "unanswered"
    """It may have either: both open."""
    OFFLINE = "not connected"
    NOT_STORED = "not stored"
    TOO_MANY = "too many keys on their way"


class KeyRotation:
    """Sends keys. Lives on the event loop; look after it with :meth:`run`."""

    def __init__(self, book: AccessBook, charge_points: Links) -> None:
        self._book = book
        self._charge_points = charge_points
        self._nudged: asyncio.Queue[str] = asyncio.Queue(maxsize=1_000)

    async def run(self) -> None:
        """See that charge points with a new key come back with it, until cancelled."""
        async with asyncio.TaskGroup() as nudges:
            while True:
                nudges.create_task(self._nudge(await self._nudged.get()))

    async def rotate(self, charge_point: str, by: str, *, reconnect: bool = True) -> Rotation:
        """Give it a new random key; *reconnect*: end its link if it does not do so by itself."""
        record = self._book.find(charge_point)
        if not self._charge_points.linked(charge_point):
            return Rotation.OFFLINE
        if record is not None and len(record.pending) >= PENDING_MAX:
            return Rotation.TOO_MANY
        key = secrets.token_hex(KEY_BYTES).upper()
        kept = await asyncio.to_thread(hashed, key.encode(), secrets.token_bytes(SALT_BYTES))
        error = await self._book.change(
            charge_point,
            lambda before: replace(before, pending=(*before.pending, kept)),
            by=by,
            why="a new key is on its way to the charge point; old and new open until it has used the new one",
        )
        if error is not None:
            return Rotation.NOT_STORED
        request = m.ChangeConfigurationRequest(key="AuthorizationKey", value=key)
        outcome = await self._charge_points.call(charge_point, request, DEADLINE_S)
        came = judged(outcome)
        log.info("key sent cp=%s outcome=%s", charge_point, came.value)
        if came is Rotation.REFUSED:
            await self._book.change(
                charge_point,
                lambda before: replace(before, pending=tuple(one for one in before.pending if one != kept)),
                by=by,
                why="the charge point did not take the new key; the old one stays",
            )
        elif came is Rotation.ACCEPTED and reconnect:
            self._nudged.put_nowait(charge_point)
        return came

    async def _nudge(self, charge_point: str) -> None:
        await asyncio.sleep(RECONNECT_S)
        record = self._book.find(charge_point)
        if record is not None and record.pending:
            self._charge_points.disconnect(charge_point, "has a new key and is to use it")


def judged(outcome: Outcome) -> Rotation:
    """What an answer to the key means for which keys are good."""
    if isinstance(outcome, Answered):
        status = getattr(outcome.response, "status", None)
        # a charge point that must boot first keeps the old one until then
        return Rotation.ACCEPTED if status in ("Accepted", "RebootRequired") else Rotation.REFUSED
    # a CALLERROR is an answer; Busy and Offline were never sent, but the link may have gone in between
    return Rotation.REFUSED if isinstance(outcome, CallErrored) else Rotation.UNANSWERED
