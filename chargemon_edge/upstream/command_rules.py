"""What is asked, whether it may be, until when, and what a restart in the middle of it means: the rules. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from chargemon_edge.ocpp import timestamps
from chargemon_edge.ocpp.v16.messages import TO_CHARGE_POINT
from chargemon_edge.upstream import requests
from chargemon_edge.upstream.requests import Command

# of commands: in a second, and at once
RATE_PER_S = 10.0
BURST = 50
UNKNOWN_ID = "unknown"

AfterCrash = Literal["repeat", "look", "unknown"]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be asked for."""

    action: str | None
    """The message of OCPP; None: one of our own, or any that the arguments name."""
    expires_s: int
    """After its ``ts``, unless it says itself."""
    after_crash: AfterCrash = "unknown"
    """When it may have been sent: do it again, look whether it had its effect, or say that nobody knows."""


def _ocpp(action: str, expires_s: int = 300, after_crash: AfterCrash = "unknown") -> Operation:
    return Operation(action=action, expires_s=expires_s, after_crash=after_crash)


_DAY_S = 86_400
_SHORT: dict[str, Operation] = {
    "start": _ocpp("RemoteStartTransaction", 60, "look"),
    "stop": _ocpp("RemoteStopTransaction", 300, "look"),
    "unlock": _ocpp("UnlockConnector", 60),
    "reset": _ocpp("Reset"),
    "reserve": _ocpp("ReserveNow"),
    "cancel_reserve": _ocpp("CancelReservation", 300, "repeat"),
    "trigger": _ocpp("TriggerMessage", 60, "repeat"),
    "availability": _ocpp("ChangeAvailability", 300, "repeat"),
    "config_get": _ocpp("GetConfiguration", _DAY_S, "repeat"),
    "config_set": _ocpp("ChangeConfiguration", _DAY_S, "repeat"),
    "clear_cache": _ocpp("ClearCache", _DAY_S, "repeat"),
    "local_list": _ocpp("SendLocalList", _DAY_S),
    "local_list_version": _ocpp("GetLocalListVersion", 300, "repeat"),
    "firmware": _ocpp("UpdateFirmware", 7 * _DAY_S),
    "diagnostics": _ocpp("GetDiagnostics", 7 * _DAY_S),
    "profile_set": _ocpp("SetChargingProfile", 300, "repeat"),
    "profile_clear": _ocpp("ClearChargingProfile", 300, "repeat"),
    "composite_schedule": _ocpp("GetCompositeSchedule", 60, "repeat"),
}
_OWN: dict[str, Operation] = {
    "limit": Operation(action=None, expires_s=300, after_crash="repeat"),
    "limit_clear": Operation(action=None, expires_s=300, after_crash="repeat"),
    "ocpp": Operation(action=None, expires_s=60),
    "birth": Operation(action=None, expires_s=60, after_crash="repeat"),
    "ping": Operation(action=None, expires_s=60, after_crash="repeat"),
}


def _in_snake_case(action: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()


def _operations() -> dict[str, Operation]:
    short = {operation.action for operation in _SHORT.values()}
    rest = {_in_snake_case(action): _ocpp(action) for action in TO_CHARGE_POINT if action not in short}
    return {**_SHORT, **dict(sorted(rest.items())), **_OWN}


OPERATIONS: Mapping[str, Operation] = _operations()
"""Everything that can be asked for: each message of OCPP 1.6 to a charge point, and a few of ours."""


def allowed(op: str, commands: Sequence[str]) -> bool:
    """Whether an upstream with this list may ask for *op*; ``*`` is everything but the bare ``ocpp``."""
    return op in commands or ("*" in commands and op != "ocpp")


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """It is not carried out."""

    id: str
    op: str
    state: Literal["rejected", "expired"] = "rejected"
    code: str
    message: str
    by: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """It may be carried out."""

    command: Command
    operation: Operation
    digest: bytes
    expires_utc_ms: int
    body: str
    """As it came."""

    @property
    def by(self) -> str | None:
        """Who asked, as far as upstream says."""
        return _by(self.command)


def read(
    payload: bytes, *, retained: bool, commands: Sequence[str], received_utc_ms: int, clock_synced: bool
) -> Asked | Refusal:
    """What a message on ``in/cmd`` asks for."""
    command = requests.read(payload, Command)
    if isinstance(command, str):
        if len(payload) > requests.PAYLOAD_MAX_BYTES:
            return _refused("too_large", command)
        return _refused("malformed", command, id=_id_of(payload))
    if retained:
        return _refused("retained", "commands are not carried out from a retained message", command)
    operation = OPERATIONS.get(command.op)
    if operation is None:
        return _refused("unknown_op", f"there is no operation {command.op!r}; info.ops lists them", command)
    if not allowed(command.op, commands):
        return _refused("not_allowed", f"{command.op} is not allowed to this upstream", command)
    expires_utc_ms = _expiry(command, operation, received_utc_ms)
    if expires_utc_ms is None:
        return _refused("malformed", "ts or exp is no time", command)
    timed = command.exp is not UNSET or command.ts is not UNSET
    if timed and not clock_synced and command.op != "stop":
        return _refused("clock_unsynced", "our clock is not set: nobody can tell whether it has expired", command)
    if expires_utc_ms <= received_utc_ms:
        return Refusal(
            id=command.id, op=command.op, state="expired", code="expired", message="it came too late", by=_by(command)
        )
    return Asked(
        command=command,
        operation=operation,
        digest=digest_of(payload),
        expires_utc_ms=expires_utc_ms,
        body=payload.decode(),
    )


def again(body: str, taken_utc_ms: int) -> Asked | None:
    """A command that was taken before a restart, from its record; None: a release that knows it no more."""
    payload = body.encode()
    command = requests.read(payload, Command)
    if isinstance(command, str):
        return None
    operation = OPERATIONS.get(command.op)
    if operation is None:
        return None
    expires_utc_ms = _expiry(command, operation, taken_utc_ms)
    return Asked(
        command=command,
        operation=operation,
        digest=digest_of(payload),
        expires_utc_ms=taken_utc_ms if expires_utc_ms is None else expires_utc_ms,
        body=body,
    )


def digest_of(payload: bytes) -> bytes:
    """The same for two messages that say the same, however they are written. *payload* is JSON."""
    return hashlib.sha256(msgspec.json.encode(msgspec.json.decode(payload), order="deterministic")).digest()


def _expiry(command: Command, operation: Operation, received_utc_ms: int) -> int | None:
    if command.exp is not UNSET:
        return timestamps.parse(str(command.exp))
    given = received_utc_ms if command.ts is UNSET else timestamps.parse(str(command.ts))
    return None if given is None else given + operation.expires_s * 1000


def _id_of(payload: bytes) -> str:
    """Whose verdict it is, if that much can be read."""
    try:
        found: Any = msgspec.json.decode(payload)
    except requests.UNREADABLE:
        return UNKNOWN_ID
    named = found.get("id") if isinstance(found, dict) else None
    return named[:64] if isinstance(named, str) and named else UNKNOWN_ID


def _refused(code: str, message: str, command: Command | None = None, *, id: str = UNKNOWN_ID) -> Refusal:
    if command is None:
        return Refusal(id=id, op="", code=code, message=message)
    return Refusal(id=command.id, op=command.op, code=code, message=message, by=_by(command))


def _by(command: Command) -> str | None:
    return None if command.by is UNSET else str(command.by)
