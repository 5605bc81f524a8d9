"""The tolerant reading of a payload that the strict decoder refused.

Real chargers pad numbers with blanks, write them as text, leave members empty or too long. Refusing that costs a
session; guessing costs a fuse. So: guided by the message's own types, what has exactly one sensible meaning is repaired
and reported in words; a member that nothing rests on is left out; everything else is refused with the specification's
code. Nothing here is on the good path, and nothing here may change a number's value, but for the rounding of a
transaction's register to whole watt-hours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from chargemon_edge.ocpp.v16.core import (
    BootNotificationRequest,
    DataTransferRequest,
    DataTransferResponse,
    StartTransactionRequest,
    StatusNotificationRequest,
    StopTransactionRequest,
)
from chargemon_edge.ocpp.v16.firmware_management import GetDiagnosticsResponse
from chargemon_edge.ocpp.v16.payload_error import PayloadError, code_of
from chargemon_edge.ocpp.v16.security import (
    GetLogResponse,
    LogStatusNotificationRequest,
    SecurityEventNotificationRequest,
    SignedFirmwareStatusNotificationRequest,
)
from chargemon_edge.ocpp.v16.types import MeterValue, SampledValue

Message = TypeVar("Message", bound=msgspec.Struct)

WHOLE_MAX: Final = 500
"""Characters kept of a text that is longer than the specification allows."""

_HARMLESS: Final[Mapping[type, Mapping[str, str]]] = {
    BootNotificationRequest: {"chargePointVendor": "", "chargePointModel": ""},
    MeterValue: {"timestamp": ""},
    SampledValue: {"value": ""},
    SecurityEventNotificationRequest: {"timestamp": ""},
    StartTransactionRequest: {"timestamp": ""},
    StatusNotificationRequest: {"errorCode": "NoError"},
    StopTransactionRequest: {"timestamp": ""},
}
"""Required members that may be missing all the same, and what is put there: nothing that is ever computed with."""

_DISPENSABLE: Final[Mapping[type, frozenset[str]]] = {
    BootNotificationRequest: frozenset(
        {
            "chargeBoxSerialNumber",
            "chargePointSerialNumber",
            "firmwareVersion",
            "iccid",
            "imsi",
            "meterSerialNumber",
            "meterType",
        }
    ),
    GetDiagnosticsResponse: frozenset({"fileName"}),
    GetLogResponse: frozenset({"filename"}),
    LogStatusNotificationRequest: frozenset({"requestId"}),
    SecurityEventNotificationRequest: frozenset({"techInfo"}),
    SignedFirmwareStatusNotificationRequest: frozenset({"requestId"}),
    StartTransactionRequest: frozenset({"reservationId"}),
    StatusNotificationRequest: frozenset({"info", "timestamp", "vendorId", "vendorErrorCode"}),
    StopTransactionRequest: frozenset({"idTag", "transactionData"}),
}
"""Optional members that are left out when unreadable: a start, a stop or a status must not be lost for their sake."""

_OTHERWISE: Final[Mapping[tuple[type, str], str]] = {(StopTransactionRequest, "reason"): "Other"}
"""What an unknown choice is read as."""

_REGISTERS: Final = frozenset({"meterStart", "meterStop"})
"""Integers that may come with a fraction, in Wh."""

_ANY_JSON: Final = frozenset(
    {(DataTransferRequest, "data"), (DataTransferResponse, "data"), (SecurityEventNotificationRequest, "techInfo")}
)
"""Text members in which some send JSON itself."""

_INTEGER = re.compile(r"[+-]?\d{1,18}(?:\.0*)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d*)?", re.ASCII)
_MEMBER = re.compile(r"at `\$\.(\w+)")
_node_of = cache(inspect.type_info)


def read(message_type: type[Message], payload: bytes, on_repair: Callable[[str], None] | None) -> Message:
    """*payload* as a message of that type; *on_repair* is told each repair. Raises PayloadError."""
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError("FormationViolation", f"not JSON: {error}") from None
    look = _Look(message_type)
    fitted = look.fit_struct(value, _node_of(message_type), "")
    message: Message = look.convert(fitted)
    if on_repair is not None:
        for repair in look.repairs:
            on_repair(repair)
    return message


class _Look:
    """One payload under repair."""

    def __init__(self, message_type: type[Any]) -> None:
        self._message_type = message_type
        # In words, each once; a dict keeps their order.
        self.repairs: dict[str, None] = {}
        # Over-long texts of the message itself, by Python name: put back after the constraints were checked.
        self._whole: dict[str, str] = {}

    def convert(self, fitted: object) -> Any:
        """The message; members that nothing rests on are left out one by one until the rest is sound."""
        while True:
            try:
                message = msgspec.convert(fitted, self._message_type)
            except msgspec.ValidationError as error:
                member = _MEMBER.search(str(error))
                dispensable = _DISPENSABLE.get(self._message_type, frozenset())
                if member is None or member[1] not in dispensable or not isinstance(fitted, dict):
                    raise PayloadError(code_of(str(error)), str(error)) from None
                del fitted[member[1]]
                self._repaired(member[1], f"left out ({error})")
                continue
            whole = {name: text for name, text in self._whole.items() if getattr(message, name) is not None}
            return msgspec.structs.replace(message, **whole)

    def _repaired(self, path: str, what: str) -> None:
        self.repairs[f"{path or 'payload'}: {what}"] = None

    # ------------------------------------------------------------ containers

    def fit(self, value: Any, node: inspect.Type, path: str) -> Any:
        """*value* brought nearer to what *node* wants, or as it was."""
        if isinstance(node, inspect.UnionType):
            return self._fit_optional(value, node, path)
        if isinstance(node, inspect.StructType):
            return self.fit_struct(value, node, path)
        if isinstance(node, inspect.VarTupleType):
            return self._fit_list(value, node, path)
        if isinstance(node, inspect.IntType):
            return self._fit_int(value, path)
        if isinstance(node, inspect.FloatType):
            return self._fit_float(value, path)
        if isinstance(node, inspect.LiteralType):
            return self._fit_choice(value, node, path)
        if isinstance(node, inspect.StrType):
            return self._fit_text(value, node, path)
        return value

    def _fit_optional(self, value: Any, node: inspect.UnionType, path: str) -> Any:
        inner = next(one for one in node.types if not isinstance(one, inspect.NoneType))
        if value is None:
            return None
        if isinstance(value, str) and not value.strip() and not isinstance(inner, inspect.StrType):
            self._repaired(path, "empty, left out")
            return None
        return self.fit(value, inner, path)

    def fit_struct(self, value: Any, node: inspect.Type, path: str) -> Any:
        """An object's members one by one; *path* is empty for the message itself."""
        assert isinstance(node, inspect.StructType)
        if not isinstance(value, dict):
            if not path and not value and not any(field.required for field in node.fields):
                self._repaired(path, f"{msgspec.json.encode(value).decode()} read as empty")
                return {}
            return value
        harmless = _HARMLESS.get(node.cls, {})
        fitted: dict[str, Any] = {}
        for field in node.fields:
            name = field.encode_name
            member = f"{path}.{name}" if path else name
            if value.get(name) is not None:
                fitted[name] = self._fit_member(value[name], node, field, member)
            elif name in harmless:
                self._repaired(member, f"missing, read as {harmless[name]!r}")
                fitted[name] = harmless[name]
        return fitted

    def _fit_member(self, value: Any, node: inspect.StructType, field: inspect.Field, path: str) -> Any:
        name = field.encode_name
        if name in _REGISTERS:
            value = self._rounded(value, path)
        if (node.cls, name) in _ANY_JSON and isinstance(value, dict | list):
            self._repaired(path, "JSON where text belongs")
            return msgspec.json.encode(value).decode()
        value = self.fit(value, field.type, path)
        otherwise = _OTHERWISE.get((node.cls, name))
        if otherwise is not None and isinstance(value, str) and value not in _choices(field.type):
            self._repaired(path, f"unknown {value[:50]!r}, read as {otherwise}")
            return otherwise
        if path == name and isinstance(value, str):
            return self._shortened(value, field, path)
        return value

    def _shortened(self, text: str, field: inspect.Field, path: str) -> str:
        longest = _longest(field.type)
        if longest is None or longest > WHOLE_MAX or len(text) <= longest:
            # half a certificate is none
            return text
        self._repaired(path, f"{len(text)} characters where {longest} are allowed")
        self._whole[field.name] = text[:WHOLE_MAX]
        return text[:longest]

    def _fit_list(self, value: Any, node: inspect.VarTupleType, path: str) -> Any:
        if isinstance(value, dict):
            self._repaired(path, "one object where a list belongs")
            value = [value]
        if not isinstance(value, list):
            return value
        return [self.fit(item, node.item_type, path) for item in value]

    # ------------------------------------------------------------ values

    def _rounded(self, value: Any, path: str) -> Any:
        text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else ""
        if _NUMBER.fullmatch(text) is None or _INTEGER.fullmatch(text) is not None:
            return value
        self._repaired(path, f"{text} rounded to whole Wh")
        return round(float(text))

    def _fit_int(self, value: Any, path: str) -> Any:
        text = value.strip() if isinstance(value, str) else repr(value) if isinstance(value, float) else ""
        if _INTEGER.fullmatch(text) is None:
            return value
        self._repaired(path, f"{value!r} where an integer belongs")
        return int(text.partition(".")[0])

    def _fit_float(self, value: Any, path: str) -> Any:
        if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()) is None:
            return value
        self._repaired(path, "text where a number belongs")
        return float(value)

    def _fit_choice(self, value: Any, node: inspect.LiteralType, path: str) -> Any:
        if not isinstance(value, str) or value in node.values:
            return value
        plain = value.strip(" \t\r\n\"'").casefold()
        for choice in node.values:
            if str(choice).casefold() == plain:
                self._repaired(path, f"{value[:50]!r} read as {choice}")
                return choice
        return value

    def _fit_text(self, value: Any, node: inspect.StrType, path: str) -> Any:
        if isinstance(value, str):
            if node.max_length is not None and len(value) > node.max_length and len(value.strip()) <= node.max_length:
                self._repaired(path, "blanks cut off")
                return value.strip()
            return value
        if isinstance(value, bool | int | float):
            self._repaired(path, f"{type(value).__name__} where text belongs")
            return msgspec.json.encode(value).decode()
        return value


def _without_none(node: inspect.Type) -> inspect.Type:
    if isinstance(node, inspect.UnionType):
        return next(one for one in node.types if not isinstance(one, inspect.NoneType))
    return node


def _choices(node: inspect.Type) -> tuple[Any, ...]:
    inner = _without_none(node)
    return tuple(inner.values) if isinstance(inner, inspect.LiteralType) else ()


def _longest(node: inspect.Type) -> int | None:
    inner = _without_none(node)
    return inner.max_length if isinstance(inner, inspect.StrType) else None
