"""MeterValues that differ from the one before only in their numbers and their time, read without taking them apart.

A charge point writes its meter values the same way each time: the same members in the same order, so the same bytes but
for the message's id and the texts of the values and of the time. Whatever the frame's and the strict decoder and
:mod:`.metering` once made of such bytes holds for all that repeat them; only id, numbers and time are read. Anything
else takes the ordinary way, and is learned from. One reader belongs to one link. This file must never read a frame
otherwise than those would.
"""

from __future__ import annotations

import math
from typing import ClassVar, Final

import msgspec

from chargemon_edge.ocpp import frames
from chargemon_edge.ocpp.link import Requested
from chargemon_edge.ocpp.timestamps import parse
from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16.core import MeterValuesRequest
from chargemon_edge.ocpp.v16.metering import Layout, Measurement, layout
from chargemon_edge.ocpp.v16.types import Request

_CALL: Final = b'[2,"'
_VALUE: Final = b'"value":"'
_TIME: Final = b'"timestamp":"'
_TRANSACTION: Final = b'"transactionId":'
_PLAIN: Final = b"0123456789+-.:,eETZ"
"""All that numbers and times are written with: none of it ends a JSON string."""
_LARGEST: Final = 1e9
"""Where no number is beyond this, their length as a vector is hardly, and none is too large in any unit."""
_ID_DIGITS_MAX: Final = 18
_KNOWN_MAX: Final = 4
_SHAPES_MAX: Final = 256

_decode_numbers: Final = msgspec.json.Decoder(list[float]).decode
_without: Final = bytes.removesuffix


class MeasuredValues(Request, frozen=True, kw_only=True):
    """A MeterValues, read and put in order already (§4.7, §6.31)."""

    action: ClassVar[str] = MeterValuesRequest.action
    connector_id: int
    transaction_id: int | None = None
    measured: Measurement


class _Shape(msgspec.Struct, frozen=True):
    """What follows the texts of the values, each up to the next one, and where their numbers belong."""

    tails: tuple[bytes, ...]
    layout: Layout
    fixed: int
    """Bytes of a frame that are neither head nor numbers with a comma between each two."""


# models have few shapes and sites few models: links share them
_SHAPES: dict[tuple[bytes, tuple[bytes, ...]], _Shape] = {}


class _Known(msgspec.Struct, frozen=True):
    """What a frame was that goes on in a certain way after its id."""

    connector_id: int
    transaction_id: int | None
    payload_from: int
    """Where the payload begins, counted from the end of the id."""
    time_from: int
    """Where the time does."""
    after_time: bytes
    """Up to the first value."""
    around_transaction: tuple[bytes, bytes] | None
    """What stands before and behind the transaction's id, from the message's id up to the time; None: it has none."""
    shape: _Shape

    def with_other_transaction(self, after_id: bytes) -> _Known | None:
        """The same with another transaction's id, if that is all that *after_id* differs in."""
        if self.around_transaction is None:
            return None
        before, behind = self.around_transaction
        digits = after_id[len(before) : -len(behind)]
        if not digits.isdigit() or (digits.startswith(b"0") and digits != b"0") or len(digits) > _ID_DIGITS_MAX:
            return None
        if after_id != b"%b%b%b" % (before, digits, behind):
            return None
        return msgspec.structs.replace(self, transaction_id=int(digits), time_from=len(after_id) + len(_TIME))

    def read(self, data: bytes, parts: list[bytes], id_end: int) -> Requested | None:
        """The request in *data*, split at its values; None: it is another one than before."""
        shape, head, after_time = self.shape, parts[0], self.after_time
        del parts[0]
        if len(parts) != len(shape.tails) or not head.endswith(after_time):
            return None
        unique_id = head[len(_CALL) : id_end]
        time = head[id_end + self.time_from : -len(after_time)]
        texts = b",".join(map(_without, parts, shape.tails))
        # a part that did not end as before is longer now, and one with anything odd in it is not plain
        if shape.fixed + len(head) + len(texts) != len(data) or (time + texts).translate(None, _PLAIN):
            return None
        if not unique_id.replace(b"-", b"").isalnum() or len(unique_id) > frames.UNIQUE_ID_MAX:
            return None
        try:
            numbers = _decode_numbers(b"[%b]" % texts)
        except msgspec.DecodeError:
            return None
        # a text with a comma in it is not two samples
        if len(numbers) != len(parts) or math.hypot(*numbers) > _LARGEST:
            return None
        request = MeasuredValues(
            connector_id=self.connector_id,
            transaction_id=self.transaction_id,
            measured=shape.layout.measure(numbers, parse(time.decode())),
        )
        return Requested(unique_id.decode(), MeasuredValues.action, data[id_end + self.payload_from : -1], request)


class RequestReader:
    """Reads the requests of one charge point's link that are long and come all the time: see :data:`.link.Read`."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # by what stands between the id and the time: connector and transaction, for nearly all
        self._known: dict[bytes, _Known] = {}

    def read(self, data: bytes) -> Requested | None:
        """What is asked; None: look at *data* as at any other frame."""
        if not frames.WORTH_SPARING <= len(data) <= frames.SIZE_MAX:
            return None
        parts = data.split(_VALUE)
        head = parts[0]
        id_end = head.find(b'"', len(_CALL))
        after_id = head[id_end : head.find(_TIME)]
        known = self._known.get(after_id) or self._another_transaction(after_id)
        if known is not None and head.startswith(_CALL):
            found = known.read(data, parts, id_end)
            if found is not None:
                return found
        return self._read_anew(data)

    def _another_transaction(self, after_id: bytes) -> _Known | None:
        """Has a new transaction begun, and all else is as before?"""
        for known in self._known.values():
            other = known.with_other_transaction(after_id)
            if other is not None:
                self._keep(after_id, other)
                return other
        return None

    def _keep(self, after_id: bytes, known: _Known) -> None:
        if len(self._known) >= _KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[after_id] = known

    def _read_anew(self, data: bytes) -> Requested | None:
        call = frames.plain_call(data)
        if call is None:
            return None
        unique_id, action, payload = call
        request = codec.read_request(action, payload)
        if not isinstance(request, MeterValuesRequest):
            return None
        learned = _learned(request, data, len(data) - len(payload) - 1)
        if learned is not None:
            self._keep(*learned)
        return Requested(unique_id, action, payload, request)


def _learned(request: MeterValuesRequest, data: bytes, payload_from: int) -> tuple[bytes, _Known] | None:
    """What the next one like *data* will be, by what stands after its id; None: it is not written as nearly all are."""
    head, *parts = data.split(_VALUE)
    samples = request.meter_value[0].sampled_value
    once = len(request.meter_value) == 1 and data.count(_TIME[:-2]) == 1 and head.startswith(_CALL)
    if not once or not samples or data.count(_VALUE[:-2]) != len(samples) or b"\\" in data:
        return None
    before, name, rest = head.partition(_TIME)
    time, quote, after = rest.partition(b'"')
    if not quote or time.decode() != request.meter_value[0].timestamp or len(parts) != len(samples):
        return None
    tails = []
    for part, sample in zip(parts, samples, strict=True):
        value, quote, tail = part.partition(b'"')
        if value.decode() != sample.value:
            return None
        tails.append(quote + tail)
    id_end = head.find(b'"', len(_CALL))
    after_id = before[id_end:]
    up_to, transaction, behind = after_id.partition(b"%b%d" % (_TRANSACTION, request.transaction_id or 0))
    one_transaction = data.count(_TRANSACTION[:-1]) == 1 and behind[:1] in (b",", b"}")
    known = _Known(
        connector_id=request.connector_id,
        transaction_id=request.transaction_id,
        payload_from=payload_from - id_end,
        time_from=len(before) + len(name) - id_end,
        after_time=quote + after,
        around_transaction=(up_to + _TRANSACTION, behind) if transaction and one_transaction else None,
        shape=_shape(quote + after, tuple(tails), layout(samples)),
    )
    return after_id, known


def _shape(after_time: bytes, tails: tuple[bytes, ...], where: Layout) -> _Shape:
    shape = _SHAPES.get((after_time, tails))
    if shape is None:
        fixed = len(tails) * len(_VALUE) + sum(map(len, tails)) - (len(tails) - 1)
        shape = _Shape(tails, where, fixed)
        if len(_SHAPES) < _SHAPES_MAX:
            _SHAPES[after_time, tails] = shape
    return shape
