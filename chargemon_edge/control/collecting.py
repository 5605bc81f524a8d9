"""Having a charge point deliver a file to this box: GetDiagnostics (OCPP 1.6 §5.9) or GetLog with an address of ours.

What comes of it is told as facts about the ticket, and by the charge point's own notifications.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from chargemon_edge.control.commands import Commands, Refused
from chargemon_edge.control.ports import Answered, FileOffer, FirmwareFiles, NotOffered, Outcome, TimedOut, in_words
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.ocpp.v16.security import LogParameters

Purpose = Literal["Diagnostics", "DiagnosticsLog", "SecurityLog"]
"""``Diagnostics``: GetDiagnostics; the others are GetLog's logType."""
GOOD_FOR_S = 4 * 3600.0
"""A charge point may gather its logs for a long while, and try again."""
# statuses of GetLog with which an upload begins
_BEGUN = ("Accepted", "AcceptedCanceled")


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """The charge point will deliver."""

    offer: FileOffer
    file_name: str | None
    """As the charge point calls it, if it says so."""


class NotBegun(msgspec.Struct, frozen=True, kw_only=True):
    """It will not; the address is taken back."""

    reason: str


class Collecting:
    """Asks for files."""

    def __init__(self, commands: Commands, files: FirmwareFiles) -> None:
        self._commands = commands
        self._files = files

    def knows(self, charge_point: str) -> bool:
        """Whether there is such a charge point."""
        return self._commands.knows(charge_point)

    async def ask(
        self, charge_point: str, purpose: Purpose, *, by: str, since: str | None = None, until: str | None = None
    ) -> Begun | NotBegun:
        """Have it deliver what it wrote down between *since* and *until* (RFC 3339), all of it without them."""
        offer = await self._files.offer_upload(charge_point, purpose, good_for_s=GOOD_FOR_S, by=by)
        if isinstance(offer, NotOffered):
            return NotBegun(reason=offer.reason)
        begun = False
        try:
            outcome = await self._commands.execute(charge_point, self._request(offer.url, purpose, since, until), by=by)
            judged = _judged(outcome, offer)
            # who did not answer may deliver all the same
            begun = isinstance(judged, Begun) or isinstance(outcome, TimedOut)
            return judged
        finally:
            if not begun:
                self._files.withdraw(offer.ticket_id)

    def _request(self, url: str, purpose: Purpose, since: str | None, until: str | None) -> m.Request:
        if purpose == "Diagnostics":
            return m.GetDiagnosticsRequest(location=url, start_time=since, stop_time=until)
        log = LogParameters(remote_location=url, oldest_timestamp=since, latest_timestamp=until)
        return m.GetLogRequest(log_type=purpose, request_id=self._commands.take_number(), log=log)


def _judged(outcome: Outcome | Refused, offer: FileOffer) -> Begun | NotBegun:
    if not isinstance(outcome, Answered):
        return NotBegun(reason=f"refused: {outcome.reason}" if isinstance(outcome, Refused) else in_words(outcome))
    response = outcome.response
    if isinstance(response, m.GetLogResponse):
        if response.status not in _BEGUN:
            return NotBegun(reason=response.status)
        return Begun(offer=offer, file_name=response.filename)
    assert isinstance(response, m.GetDiagnosticsResponse)
    if not response.file_name:
        # no name, no file (§5.9); some deliver one all the same, and then their retries find nothing
        return NotBegun(reason="it has nothing to deliver")
    return Begun(offer=offer, file_name=response.file_name)
