"""What a person wrote → the request that goes out. The payload is OCPP's own; a few members of ours spare people work.

* ``chargingProfileName`` in RemoteStartTransaction and SetChargingProfile: a stored profile instead of one written out.
* ``transactionId`` in SetChargingProfile goes into the profile.
* ``reservationId`` in ReserveNow and ``requestId`` in GetLog and SignedUpdateFirmware may be left out.
* ``retries`` 0 in UpdateFirmware is left out: a common charge point takes it for "never", silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from chargemon_edge.ocpp.v16 import codec
from chargemon_edge.ocpp.v16 import messages as m

_PROFILE_MEMBER = {"RemoteStartTransaction": "chargingProfile", "SetChargingProfile": "csChargingProfiles"}
_NUMBERED = {"ReserveNow": "reservationId", "GetLog": "requestId", "SignedUpdateFirmware": "requestId"}


def read(action: str, body: bytes, profiles: Mapping[str, m.ChargingProfile], number: Callable[[], int]) -> m.Request:
    """The request that *body* (JSON; empty: no members) describes. *number* gives one that was never used.

    Raises PayloadError, in words for whoever wrote it; NotImplemented: there is no such action.
    """
    if action not in m.TO_CHARGE_POINT:
        return codec.decode_command(action, body)
    members = _members(body)
    if members is None:
        return codec.decode_command(action, body)
    if action in _PROFILE_MEMBER:
        _put_profile(action, members, profiles)
    if action == "UpdateFirmware" and members.get("retries") == 0:
        del members["retries"]
    unknown = sorted(members.keys() - set(m.TO_CHARGE_POINT[action].__struct_encode_fields__))
    if unknown:
        # people can be asked what they meant
        raise codec.PayloadError("FormationViolation", f"{action} has no member {', '.join(map(repr, unknown))}")
    numbered = _NUMBERED.get(action)
    if numbered is None or members.get(numbered) is not None:
        return codec.decode_command(action, msgspec.json.encode(members))
    # a number is used up only by what can be sent
    codec.decode_command(action, msgspec.json.encode({**members, numbered: 0}))
    return codec.decode_command(action, msgspec.json.encode({**members, numbered: number()}))


def _members(body: bytes) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(body.strip() or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _put_profile(action: str, members: dict[str, Any], profiles: Mapping[str, m.ChargingProfile]) -> None:
    member = _PROFILE_MEMBER[action]
    name = members.pop("chargingProfileName", None)
    if name is not None:
        if members.get(member) is not None:
            raise codec.PayloadError("OccurenceConstraintViolation", f"give chargingProfileName or {member}, not both")
        profile = profiles.get(name) if isinstance(name, str) else None
        if profile is None:
            raise codec.PayloadError("PropertyConstraintViolation", f"there is no charging profile named {name!r}")
        members[member] = msgspec.to_builtins(profile)
    transaction_id = members.pop("transactionId", None) if action == "SetChargingProfile" else None
    if transaction_id is not None and isinstance(members.get(member), dict):
        members[member].setdefault("transactionId", transaction_id)
