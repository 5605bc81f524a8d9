"""Asks one charge point to fetch and install an image: signed where both sides can, plain where not.

``retries`` is left out of the message: a common charge point takes 0 for "do not even try once", and what is tried
again is decided here (:mod:`.update_steps`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from chargemon_edge.control.commands import Commands, Refused
from chargemon_edge.control.configuration_plan import AsRead
from chargemon_edge.control.ports import Answered, Busy, CallErrored, Clock, Offline, Outcome, in_words
from chargemon_edge.control.update_steps import Event
from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16 import messages as m
from chargemon_edge.ocpp.v16.security import Firmware
from chargemon_edge.site.image import Image

# CALLERRORs by which a charge point says that it knows no signed updates
_UNKNOWN_TO_IT = ("NotImplemented", "NotSupported")
# a key of the security extension: who tells all its keys and not this one has no extension
_EXTENSION_KEY = "SecurityProfile"
_ADVICE = {
    "InvalidCertificate": "; install the manufacturer's root: InstallCertificate ManufacturerRootCertificate",
    "RevokedCertificate": "; the image's signing certificate is revoked for it",
}


class Reply(NamedTuple):
    """What became of the request."""

    event: Event
    detail: str


class UpdateRequest:
    """The asking, without the campaign around it."""

    def __init__(self, commands: Commands, keys: Callable[[str], AsRead], clock: Clock) -> None:
        """*keys*: a charge point's configuration keys as last read."""
        self._commands = commands
        self._keys = keys
        self._clock = clock

    def take_request_id(self) -> int:
        """For a SignedUpdateFirmware that may be sent."""
        return self._commands.take_number()

    async def send(
        self, charge_point: str, location: str, image: Image, request_id: int, *, by: str, within_s: float
    ) -> Reply:
        """Send it for *by*; exactly one reply. *location*: the address at which it can fetch *image*."""
        if image.signature is not None and image.signing_certificate is not None and self._may_sign(charge_point):
            firmware = Firmware(
                location=location,
                retrieve_date_time=self._now(),
                signing_certificate=image.signing_certificate,
                signature=image.signature,
            )
            signed = m.SignedUpdateFirmwareRequest(request_id=request_id, firmware=firmware)
            outcome = await self._commands.execute(charge_point, signed, by=by, deadline_s=within_s)
            if not (isinstance(outcome, CallErrored) and outcome.code in _UNKNOWN_TO_IT):
                return _reply(outcome, "SignedUpdateFirmware")
        plain = m.UpdateFirmwareRequest(location=location, retrieve_date=self._now())
        return _reply(
            await self._commands.execute(charge_point, plain, by=by, deadline_s=within_s),
            "UpdateFirmware",
        )

    def _may_sign(self, charge_point: str) -> bool:
        read = self._keys(charge_point)
        return read.whole_utc_ms is None or _EXTENSION_KEY in read.keys

    def _now(self) -> str:
        return timestamps.format_utc(self._clock.utc_ms())


def _reply(outcome: Outcome | Refused, action: str) -> Reply:
    if isinstance(outcome, Refused):
        return Reply(Event.REFUSED, f"not sent: {outcome.reason}")
    if isinstance(outcome, Offline | Busy):
        return Reply(Event.UNSENT, "not connected" if isinstance(outcome, Offline) else "too much waits for it")
    if isinstance(outcome, Answered):
        status = getattr(outcome.response, "status", "Accepted")
        if status in ("Accepted", "AcceptedCanceled"):
            return Reply(Event.ACCEPTED, action)
        return Reply(Event.REFUSED, f"{action}: {status}{_ADVICE.get(status, '')}")
    if isinstance(outcome, CallErrored):
        return Reply(Event.REFUSED, f"{action}: {outcome.code} {outcome.description}".rstrip())
    return Reply(Event.UNANSWERED, f"{action}: {in_words(outcome)}")
