"""OCPP-J 1.6's three frames (§4.2): CALL, CALLRESULT and CALLERROR, to and from text.

Total on any input: :func:`decode` returns a frame or raises :class:`FrameError`, nothing else. Payloads stay raw JSON;
what is in them is the codec's business. This file must never know an action.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

SIZE_MAX: Final = 64 * 1024
"""Bytes in a frame. The longest honest message, a StopTransaction with a day of samples, stays below half of it."""
DEPTH_MAX: Final = 16
"""Arrays and objects inside each other, the frame's own array counted. SetChargingProfile needs six."""
UNIQUE_ID_MAX: Final = 36
"""Characters in a message id: a UUID's (§4.1.4)."""
DESCRIPTION_MAX: Final = 255
"""Characters in a CALLERROR's description (§4.2.3)."""

FORMATION_VIOLATION: Final = "FormationViolation"

UniqueId = Annotated[str, Meta(min_length=1, max_length=UNIQUE_ID_MAX)]


class Call(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False, forbid_unknown_fields=True):
    """``[2, id, action, payload]``: a request of either side."""

    unique_id: UniqueId
    action: str
    payload: msgspec.Raw


class CallResult(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False, forbid_unknown_fields=True):
    """``[3, id, payload]``: the answer. A missing payload is read as empty; the codec says whether it may be."""

    unique_id: UniqueId
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class CallError(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False, forbid_unknown_fields=True):
    """``[4, id, code, description, details]``: there is no answer. Real ones leave out the end."""

    unique_id: UniqueId
    code: str
    description: str | None = ""
    details: msgspec.Raw = msgspec.Raw(b"{}")


Frame = Call | CallResult | CallError


class FrameError(Exception):
    """Bytes that are no frame. *unique_id* is that of the CALL they were meant to be, where it can be read."""

    def __init__(self, code: str, description: str, unique_id: str | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.unique_id = unique_id


_decode_frame: Callable[[bytes], Frame] = msgspec.json.Decoder(Call | CallResult | CallError).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode_frame = msgspec.json.Encoder().encode


def decode(data: bytes) -> Frame:
    """The frame that *data* is. Raises FrameError: too large, too deep, not UTF-8, not JSON, not of OCPP-J's shape."""
    if len(data) > SIZE_MAX:
        raise FrameError(FORMATION_VIOLATION, f"the frame has {len(data)} bytes, more than {SIZE_MAX}", _call_id(data))
    try:
        # Payload text that no decoder will look at must be UTF-8 too: it is stored and shown.
        if not data.isascii():
            data.decode()
        frame = _decode_frame(data)
    except msgspec.ValidationError as error:
        raise FrameError(FORMATION_VIOLATION, f"not an OCPP-J frame: {error}", _call_id(data)) from None
    except msgspec.DecodeError as error:
        raise FrameError(FORMATION_VIOLATION, f"not JSON: {error}", _call_id(data)) from None
    except UnicodeDecodeError as error:
        raise FrameError(FORMATION_VIOLATION, f"not UTF-8 at byte {error.start}", _call_id(data)) from None
    except RecursionError:
        raise FrameError(FORMATION_VIOLATION, _TOO_DEEP, _call_id(data)) from None
    if not shallow(data) and _may_be_deep(data) and _depth(data) > DEPTH_MAX:
        raise FrameError(FORMATION_VIOLATION, _TOO_DEEP, _call_id(data))
    return frame


def plain_call(data: bytes) -> tuple[str, str, bytes] | None:
    """Message id, action and payload of a CALL that is written as nearly all are; None: ask ``decode``.

    The payload is not looked into: *data* is a frame if and only if the payload is one JSON value that nests no deeper
    than a frame's may. So whoever decodes the payload into types that cannot nest spares a second reading of it.
    """
    if len(data) > SIZE_MAX or not data.endswith(_CLOSING):
        return None
    found = _CALL_HEAD.match(data)
    if found is None or not data.isascii():
        return None
    unique_id, action = found.groups()
    return unique_id.decode(), action.decode(), data[found.end() : -1]


def shallow(data: bytes) -> bool:
    """Whether *data* has so few brackets that it cannot be too deep; nearly all but meter values have."""
    return data.count(b"{") + data.count(b"[") <= DEPTH_MAX


def encode_call(unique_id: str, action: str, payload: bytes) -> bytes:
    """A CALL as compact JSON; *payload* is JSON already."""
    return _encode_frame(Call(unique_id, action, msgspec.Raw(payload)))


def encode_result(unique_id: str, payload: bytes) -> bytes:
    """A CALLRESULT as compact JSON; *payload* is JSON already."""
    return _encode_frame(CallResult(unique_id, msgspec.Raw(payload)))


def encode_error(unique_id: str, code: str, description: str, details: bytes = b"{}") -> bytes:
    """A CALLERROR as compact JSON; a description that is too long is cut."""
    return _encode_frame(CallError(unique_id, code, description[:DESCRIPTION_MAX], msgspec.Raw(details)))


WORTH_SPARING: Final = 256
"""Bytes in a frame; a shorter one is read twice sooner than it is taken apart."""
_TOO_DEEP = f"arrays and objects nest deeper than {DEPTH_MAX}"
_CLOSING = b"}]"
# An id without escapes; whatever is written otherwise is no less legal, only rarer.
_CALL_HEAD = re.compile(rb'\[2, ?"([ !#-\[\]-~]{1,36})", ?"(\w{1,50})", ?(?={)')
_CALL_ID = re.compile(rb'\s*\[\s*2\s*,\s*("(?:[^"\\]|\\.){1,216}")\s*[,\]]')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]')


def _call_id(data: bytes) -> str | None:
    """The id of the CALL that *data* begins like, however the rest is broken."""
    found = _CALL_ID.match(data)
    if found is None:
        return None
    try:
        unique_id = _decode_text(found[1])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return unique_id if len(unique_id) <= UNIQUE_ID_MAX else None


def _may_be_deep(data: bytes) -> bool:
    """Whether the brackets alone leave valid JSON a chance to be too deep: exact enough to spare a list of samples.

    Half of the brackets open, and each ``},{`` closes before it opens, so depth <= brackets / 2 - pairs. Brackets in
    strings cannot spoil that: a pair lies wholly inside or wholly outside a string, and one that lies inside brings
    two brackets of its own.
    """
    spare = len(data.translate(None, _NO_BRACKETS)) // 2 - DEPTH_MAX
    return spare > 0 and not _has(data, b"},{", spare) and spare > data.count(b"},{") + data.count(b"}, {")


def _has(data: bytes, pair: bytes, times: int) -> bool:
    """Whether *pair* stands in *data* that often; the first few settle it, where counting would read to the end."""
    at = -1
    for _ in range(times):
        at = data.find(pair, at + 1)
        if at < 0:
            return False
    return True


def _depth(data: bytes) -> int:
    """How deep valid JSON nests; brackets inside strings do not count."""
    depth = deepest = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        first = data[match.start()]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif first in b"]}":
            depth -= 1
    return deepest
