"""Payload to typed message and back: the one place where every constraint of OCPP 1.6 is checked, once.

Strict first: one prepared decoder per action, and nothing else on the good path. Only what fails there gets a
second, tolerant look (:mod:`.second_look`), which repairs harmless deviations, says so, and refuses the rest.
Unknown members are ignored. This file must never guess what a charger meant by a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from chargemon_edge.ocpp.v16 import messages, second_look
from chargemon_edge.ocpp.v16.messages import MeterValuesRequest, Request, Response
from chargemon_edge.ocpp.v16.payload_error import PayloadError, code_of

__all__ = ["PayloadError", "decode_command", "decode_request", "decode_response", "encode", "read_request"]

_Decode = Callable[[bytes], Any]
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_REQUESTS: dict[str, _Decode] = {
    action: msgspec.json.Decoder(request).decode for action, request in messages.FROM_CHARGE_POINT.items()
}
_COMMANDS: dict[str, _Decode] = {
    action: msgspec.json.Decoder(request).decode for action, request in messages.TO_CHARGE_POINT.items()
}
_RESPONSES: dict[type[Request], _Decode] = {
    request: msgspec.json.Decoder(response).decode for request, response in messages.RESPONSE_OF.items()
}

_read_values = msgspec.json.Decoder(MeterValuesRequest).decode

encode: Callable[[Request | Response], bytes] = msgspec.json.Encoder().encode
"""A message as compact JSON: members in the specification's order, absent ones left out."""


def read_request(action: str, payload: bytes) -> Request | None:
    """What a charge point asks: only what is long and comes all the time, exactly as specified.

    None: ``decode_request`` says more. What is returned cannot nest deep, whatever the payload is.
    """
    if action != MeterValuesRequest.action:
        return None
    try:
        return _read_values(payload)
    except _UNREADABLE:
        return None


def decode_request(action: str, payload: bytes, on_repair: Callable[[str], None] | None = None) -> Request:
    """What a charge point asks of us. *on_repair* is told each repair in words.

    Raises PayloadError: NotImplemented (no such action), NotSupported (an action for charge points), or what is
    wrong with the payload.
    """
    decode = _REQUESTS.get(action)
    if decode is None:
        raise _not_for_us(action)
    try:
        request: Request = decode(payload)
    except _UNREADABLE:
        return second_look.read(messages.FROM_CHARGE_POINT[action], payload, on_repair)
    return request


def decode_response(
    request_type: type[Request], payload: bytes, on_repair: Callable[[str], None] | None = None
) -> Response:
    """What a charge point answered to a request of that type. Raises PayloadError."""
    try:
        response: Response = _RESPONSES[request_type](payload)
    except _UNREADABLE:
        return second_look.read(messages.RESPONSE_OF[request_type], payload, on_repair)
    return response


def decode_command(action: str, payload: bytes) -> Request:
    """What an operator wants sent to a charge point. Raises PayloadError; nothing is repaired: people can be asked."""
    decode = _COMMANDS.get(action)
    if decode is None:
        raise PayloadError("NotImplemented", f"there is no action {action[:50]!r} for charge points")
    try:
        request: Request = decode(payload)
    except msgspec.ValidationError as error:
        raise PayloadError(code_of(str(error)), str(error)) from None
    except _UNREADABLE as error:
        raise PayloadError("FormationViolation", f"not JSON: {error}") from None
    return request


def _not_for_us(action: str) -> PayloadError:
    if action in messages.TO_CHARGE_POINT:
        return PayloadError("NotSupported", f"{action} is for charge points, not for a central system")
    return PayloadError("NotImplemented", f"there is no action {action[:50]!r}")
