"""MeterValues that differ from the one before only in their numbers and their time, read without taking them apart.

A charge point writes its meter values the same way each time: the same members in the same order, so the same bytes but
for the texts of the values and of the time. Whatever the strict decoder and :mod:`.metering` once made of such bytes
holds for all that repeat them; only numbers and time are read. Anything else takes the ordinary way, and is learned
from. One reader belongs to one link. This file must never read a payload otherwise than those two would.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from chargemon_edge.ocpp.timestamps import parse
from chargemon_edge.ocpp.v16 import codec, metering
from chargemon_edge.ocpp.v16.core import MeterValuesRequest
from chargemon_edge.ocpp.v16.metering import Measurement, Places
from chargemon_edge.ocpp.v16.types import Request

_VALUE: Final = b'"value":"'
_TIME: Final = b'"timestamp":"'
_PLAIN: Final = b"0123456789+-.:,eETZ"
"""All that numbers and times are written with: none of it ends a JSON string."""
_LARGEST: Final = 1e9
"""Beyond this a number may be too large in another unit: the ordinary way knows."""
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
    places: Places
    fixed: int
    """Bytes of a payload that are neither head nor numbers with a comma between each two."""


# models have few shapes and sites few models: links share them
_SHAPES: dict[tuple[bytes, tuple[bytes, ...]], _Shape] = {}


class _Known(msgspec.Struct, frozen=True):
    """What a payload with a certain beginning was."""

    connector_id: int
    transaction_id: int | None
    time_from: int
    """Where the time begins."""
    after_time: bytes
    """Up to the first value."""
    shape: _Shape

    def read(self, size: int, parts: list[bytes]) -> MeasuredValues | None:
        """The request in a payload of *size* bytes, split at its values; None: it is another one than before."""
        shape, head, after_time = self.shape, parts[0], self.after_time
        del parts[0]
        if len(parts) != len(shape.tails) or not head.endswith(after_time):
            return None
        time = head[self.time_from : -len(after_time)]
        texts = b",".join(map(_without, parts, shape.tails))
        # a part that did not end as before is longer now, and one with anything odd in it is not plain
        if shape.fixed + len(head) + len(texts) != size or (time + texts).translate(None, _PLAIN):
            return None
        try:
            numbers = _decode_numbers(b"[%b]" % texts)
        except msgspec.DecodeError:
            return None
        # a text with a comma in it is not two samples
        if len(numbers) != len(parts) or max(numbers) > _LARGEST or min(numbers) < -_LARGEST:
            return None
        return MeasuredValues(
            connector_id=self.connector_id,
            transaction_id=self.transaction_id,
            measured=metering.placed(shape.places, numbers, parse(time.decode())),
        )


class RequestReader:
    """Reads the requests of one charge point's link; :meth:`read` is what a link is given."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        # by what stands before the time: connector and transaction, for nearly all
        self._known: dict[bytes, _Known] = {}

    def read(self, action: str, payload: bytes) -> Request | None:
        """What is asked, if it is long and comes all the time (:data:`chargemon_edge.ocpp.link.Read`)."""
        if action != MeterValuesRequest.action:
            return None
        parts = payload.split(_VALUE)
        head = parts[0]
        begin = head[: head.find(_TIME)]
        known = self._known.get(begin)
        if known is not None:
            found = known.read(len(payload), parts)
            if found is not None:
                return found
        request = codec.read_request(action, payload)
        if isinstance(request, MeterValuesRequest):
            learned = _learned(request, payload)
            if learned is not None:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[begin] = learned
        return request


def _learned(request: MeterValuesRequest, payload: bytes) -> _Known | None:
    """What the next one like *payload* will be; None: it is not written as nearly all are."""
    head, *parts = payload.split(_VALUE)
    samples = request.meter_value[0].sampled_value
    once = len(request.meter_value) == 1 and payload.count(_TIME[:-2]) == 1
    if not once or not samples or payload.count(_VALUE[:-2]) != len(samples) or b"\\" in payload:
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
    return _Known(
        connector_id=request.connector_id,
        transaction_id=request.transaction_id,
        time_from=len(before) + len(name),
        after_time=quote + after,
        shape=_shape(quote + after, tuple(tails), metering.places(samples)),
    )


def _shape(after_time: bytes, tails: tuple[bytes, ...], places: Places) -> _Shape:
    shape = _SHAPES.get((after_time, tails))
    if shape is None:
        fixed = len(tails) * len(_VALUE) + sum(map(len, tails)) - (len(tails) - 1)
        shape = _Shape(tails, places, fixed)
        if len(_SHAPES) < _SHAPES_MAX:
            _SHAPES[after_time, tails] = shape
    return shape
