"""MeterValues that differ from one before only in their numbers and their time, read without taking them apart.

A charge point writes its meter values the same way each time: the same members in the same order, and mostly numbers
of the same length; so the same bytes but for a few at places that are known. Whatever the frame's and the strict
decoder and :mod:`.metering` once made of such bytes holds for all that repeat them; only id, transaction, time and
numbers are read. Anything else takes the ordinary way, and is learned from. One reader belongs to one link. This file
must never read a frame otherwise than those would.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import msgspec

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.link import Requested
from chargemon_edge.ocpp.timestamps import parse
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.core import MeterValuesRequest
from chargemon_edge.ocpp.v16.metering import Layout, Measurement, layout
from chargemon_edge.ocpp.v16.types import Request
from chargemon_edge.site.wording import Wording

_CALL: Final = b'[2,"'
_VALUE: Final = b'"value":"'
_TIME: Final = b'"timestamp":"'
_TRANSACTION: Final = b'"transactionId":'
_PLAIN: Final = b"0123456789+-.:TZ,"
"""All that numbers and times are written with: none of it ends a JSON string, or makes a number infinite. And what is
put between them here."""
_LARGEST: Final = 1e9
"""Where no number is beyond this, their length as a vector is hardly, and none is too large in any unit."""
_TRANSACTION_DIGITS_MAX: Final = 18
_KNOWN_MAX: Final = 8
"""Ways of writing that a link remembers: some for each connector, and for numbers of another length."""
_SHAPES_MAX: Final = 256


class MeasuredValues(Request, frozen=True, kw_only=True):
    """A MeterValues, read and put in order already (§4.7, §6.31)."""

    action: ClassVar[str] = MeterValuesRequest.action
    connector_id: int
    transaction_id: int | None = None
    measured: Measurement
    written: bytes | Wording
    """The payload that this was read from."""


class _Shape(msgspec.Struct, frozen=True):
    """What a frame was, and where its own bytes stand between those that it shares with its kind."""

    unpack: Callable[[bytes], tuple[bytes, ...]]
    """Shared and own bytes in turn; the first own bytes are the message's id."""
    fixed: tuple[bytes, ...]
    shared: tuple[bytes, ...]
    """The same of the payload alone."""
    connector_id: int
    layout: Layout
    # which of the own bytes behind the id
    time: int
    transaction: int | None
    used: tuple[int, ...]

    def read(self, pieces: tuple[bytes, ...]) -> Requested | None:
        """The request in a frame with those *pieces*; None: it is none of this kind."""
        unique_id, own = pieces[1], pieces[3::2]
        texts = b",".join(own)
        if texts.translate(None, _PLAIN) or texts.count(b",") != len(own) - 1:
            return None
        if not unique_id.replace(b"-", b"").isalnum():
            return None
        transaction_id = None
        if self.transaction is not None:
            digits = own[self.transaction]
            if not digits.isdigit() or (digits[0] == _ZERO and len(digits) > 1):
                return None
            transaction_id = int(digits)
        try:
            # all at once is cheaper than one by one; as these are plain, each text is one number
            numbers = _decode_numbers(b"[%b]" % b",".join([own[index] for index in self.used]))
        except msgspec.DecodeError:
            return None
        if math.hypot(*numbers) > _LARGEST:
            return None
        request = MeasuredValues(
            connector_id=self.connector_id,
            transaction_id=transaction_id,
            measured=self.layout.measure(numbers, parse(own[self.time].decode())),
            written=Wording(self.shared, texts),
        )
        return Requested(unique_id.decode(), MeasuredValues.action, b"", request)


_ZERO: Final = b"0"[0]
_decode_numbers: Final = msgspec.json.Decoder(list[float]).decode
# models have few shapes and sites few models: links share them
_SHAPES: dict[tuple[tuple[bytes, ...], str], _Shape] = {}


class RequestReader:
    """Reads the requests of one charge point's link that are long and come all the time: see :data:`.link.Read`."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # by the length of the whole frame, oldest first
        self._known: dict[int, list[_Shape]] = {}

    def read(self, data: bytes) -> Requested | None:
        """What is asked; None: look at *data* as at any other frame."""
        for shape in self._known.get(len(data), ()):
            pieces = shape.unpack(data)
            if pieces[::2] == shape.fixed:
                found = shape.read(pieces)
                if found is not None:
                    return found
        return self._read_anew(data) if len(data) >= frames.WORTH_SPARING else None

    def _keep(self, length: int, shape: _Shape) -> None:
        known = self._known
        if sum(map(len, known.values())) >= _KNOWN_MAX:
            oldest = next(iter(known))
            del known[oldest][0]
            if not known[oldest]:
                del known[oldest]
        known.setdefault(length, []).append(shape)

    def _read_anew(self, data: bytes) -> Requested | None:
        call = frames.plain_call(data)
        if call is None:
            return None
        unique_id, action, payload = call
        request = codec.read_request(action, payload)
        if not isinstance(request, MeterValuesRequest):
            return None
        shape = _learned(request, data, len(data) - len(payload) - 1)
        if shape is not None and shape not in self._known.get(len(data), ()):
            self._keep(len(data), shape)
        return Requested(unique_id, action, payload, request)


_Place = tuple[int, int]
"""Where own bytes begin and end."""


def _learned(request: MeterValuesRequest, data: bytes, payload_from: int) -> _Shape | None:
    """What the next one like *data* will be; None: it is not written as nearly all are."""
    if len(request.meter_value) != 1 or not data.startswith(_CALL) or b"\\" in data or b'""' in data:
        return None
    only = request.meter_value[0]
    time = _text_behind(data, _TIME, [only.timestamp])
    values = _text_behind(data, _VALUE, [sample.value for sample in only.sampled_value])
    transaction = _number_behind(data, request.transaction_id)
    if time is None or not values or transaction is None:
        return None
    places = sorted((*time, *values, *transaction))
    where = layout(only.sampled_value)
    parts = [data[: len(_CALL)], data[len(_CALL) : data.find(b'"', len(_CALL))]]
    end = len(_CALL) + len(parts[1])
    for begin, own_end in places:
        parts += (data[end:begin], data[begin:own_end])
        end = own_end
    parts.append(data[end:])
    fixed = tuple(parts[::2])
    form = "".join(f"{len(part)}s" for part in parts)
    shape = _SHAPES.get((fixed, form))
    if shape is None:
        shape = _Shape(
            unpack=struct.Struct(form).unpack,
            fixed=fixed,
            shared=(data[payload_from : places[0][0]], *fixed[2:-1], fixed[-1][:-1]),
            connector_id=request.connector_id,
            layout=where,
            time=places.index(time[0]),
            transaction=places.index(transaction[0]) if transaction else None,
            used=tuple(places.index(values[index]) for index in where.used),
        )
        if len(_SHAPES) < _SHAPES_MAX:
            _SHAPES[fixed, form] = shape
    return shape


def _text_behind(data: bytes, name: bytes, texts: Sequence[str]) -> list[_Place] | None:
    """Where the *texts* of a member stand, which has no other and is written in one way only; None: it is not."""
    if data.count(name) != len(texts) or data.count(name[:-2]) != len(texts):
        return None
    places = []
    end = 0
    for text in texts:
        begin = data.find(name, end) + len(name)
        end = begin + len(text)
        if data[begin : end + 1] != f'{text}"'.encode():
            return None
        places.append((begin, end))
    return places


def _number_behind(data: bytes, transaction_id: int | None) -> list[_Place] | None:
    """Where the transaction's id stands, if there is one; None: it is written otherwise than plainly and once."""
    if transaction_id is None:
        return [] if data.count(_TRANSACTION[:-1]) == 0 else None
    begin = data.find(_TRANSACTION) + len(_TRANSACTION)
    end = begin + len(str(transaction_id))
    plain = data[begin:end] == b"%d" % transaction_id and data[end : end + 1] in (b",", b"}")
    if data.count(_TRANSACTION[:-1]) != 1 or not plain or not 0 <= transaction_id < 10**_TRANSACTION_DIGITS_MAX:
        return None
    return [(begin, end)]
