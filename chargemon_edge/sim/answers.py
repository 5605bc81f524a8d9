"""What a virtual charge point answers to the central system's CALLs: one small function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chargemon_edge.sim.charging_profiles import MAX, TRANSACTION, ProfileError, read_profile

if TYPE_CHECKING:
    # the charger needs the table below; the functions need only the charger's type
    from chargemon_edge.sim.charger import Charger
    from chargemon_edge.sim.outlet import Outlet

Payload = dict[str, Any]


def _status(status: str) -> Payload:
    return {"status": status}


def _yes(yes: bool) -> Payload:
    return _status("Accepted" if yes else "Rejected")


def _outlets(charger: Charger, number: int | None) -> list[Outlet]:
    if number in (None, 0):
        return list(charger.outlets.values())
    outlet = charger.outlets.get(number or 0)
    return [] if outlet is None else [outlet]


def _set_profile(charger: Charger, payload: Payload) -> Payload:
    try:
        profile = read_profile(payload["connectorId"], payload["csChargingProfiles"])
    except (KeyError, ProfileError):
        return _yes(False)
    if charger.personality.takes_profiles == "rejects" or profile.stack_level > charger.personality.stack_level_max:
        return _yes(False)
    if profile.connector != 0 and profile.connector not in charger.outlets:
        return _yes(False)
    if profile.purpose == TRANSACTION:
        outlet = charger.outlets.get(profile.connector)
        if outlet is None or outlet.session is None:
            return _yes(False)
        if profile.transaction_id is not None and profile.transaction_id != outlet.session.transaction_id:
            return _yes(False)
    if profile.purpose == MAX and profile.connector != 0:
        return _yes(False)
    charger.profiles.put(profile)
    charger.refresh_limits()
    return _yes(True)


def _clear_profile(charger: Charger, payload: Payload) -> Payload:
    gone = charger.profiles.clear(
        payload.get("id"),
        payload.get("connectorId"),
        payload.get("chargingProfilePurpose"),
        payload.get("stackLevel"),
    )
    charger.refresh_limits()
    return _status("Accepted" if gone else "Unknown")


def _composite(charger: Charger, payload: Payload) -> Payload:
    number, duration_s = payload["connectorId"], payload["duration"]
    outlet = charger.outlets.get(number)
    if outlet is None:
        return _yes(False)
    now_s = charger.now_utc_s()
    started_s = None if outlet.session is None else outlet.session.started_utc_s
    periods: list[Payload] = []
    at_s = now_s
    while at_s < now_s + duration_s and len(periods) < 24:
        limit_a, until_s = charger.profiles.limit_a(number, at_s, started_s)
        limit_a = outlet.max_ma / 1000 if limit_a is None else min(limit_a, outlet.max_ma / 1000)
        periods.append({"startPeriod": int(at_s - now_s), "limit": limit_a})
        at_s = until_s
    return {
        "status": "Accepted",
        "connectorId": number,
        "scheduleStart": charger.text_now(),
        "chargingSchedule": {
            "duration": duration_s,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }


def _reset(charger: Charger, payload: Payload) -> Payload:
    reason = "HardReset" if payload["type"] == "Hard" else "SoftReset"
    charger.timers.after("reset", charger.personality.answer_delay_s + 1.0, lambda: charger.reboot(reason))
    return _yes(True)


def _remote_start(charger: Charger, payload: Payload) -> Payload:
    for outlet in _outlets(charger, payload.get("connectorId")):
        if outlet.vehicle is not None and outlet.session is None:
            charger.timers.after("remote start", 1.0, partial(charger.begin, outlet, payload["idTag"]))
            return _yes(True)
    return _yes(False)


def _remote_stop(charger: Charger, payload: Payload) -> Payload:
    for outlet in charger.outlets.values():
        if outlet.session is not None and outlet.session.transaction_id == payload["transactionId"]:
            charger.timers.after("remote stop", 1.0, partial(charger.end, outlet, "Remote"))
            return _yes(True)
    return _yes(False)


def _unlock(charger: Charger, payload: Payload) -> Payload:
    outlet = charger.outlets.get(payload["connectorId"])
    if outlet is None:
        return _status("NotSupported")
    charger.end(outlet, "UnlockCommand")
    return _status("Unlocked")


def _availability(charger: Charger, payload: Payload) -> Payload:
    outlets = _outlets(charger, payload["connectorId"])
    if not outlets:
        return _yes(False)
    for outlet in outlets:
        outlet.set_available(payload["type"] == "Operative")
    return _status("Scheduled" if any(outlet.session for outlet in outlets) else "Accepted")


def _keys(charger: Charger) -> Mapping[str, tuple[bool, str]]:
    profiles = "Core,SmartCharging,RemoteTrigger"
    return {
        "HeartbeatInterval": (False, str(charger.settings["HeartbeatInterval"])),
        "MeterValueSampleInterval": (False, str(charger.settings["MeterValueSampleInterval"])),
        "NumberOfConnectors": (True, str(len(charger.outlets))),
        "SupportedFeatureProfiles": (True, profiles),
        "ChargeProfileMaxStackLevel": (True, str(charger.personality.stack_level_max)),
        "ChargingScheduleAllowedChargingRateUnit": (True, "Current"),
        "ChargingScheduleMaxPeriods": (True, "24"),
        "MaxChargingProfilesInstalled": (True, "20"),
    }


def _get_configuration(charger: Charger, payload: Payload) -> Payload:
    known = _keys(charger)
    asked = payload.get("key") or list(known)
    return {
        "configurationKey": [
            {"key": key, "readonly": known[key][0], "value": known[key][1]} for key in asked if key in known
        ],
        "unknownKey": [key for key in asked if key not in known],
    }


def _change_configuration(charger: Charger, payload: Payload) -> Payload:
    key, value = payload["key"], payload["value"]
    if key not in charger.settings:
        return _status("NotSupported")
    if not value.isdecimal():
        return _yes(False)
    charger.settings[key] = int(value)
    return _yes(True)


def _trigger(charger: Charger, payload: Payload) -> Payload:
    what, outlets = payload["requestedMessage"], _outlets(charger, payload.get("connectorId"))
    if not outlets:
        return _yes(False)
    actions: dict[str, Callable[[], None]] = {
        "Heartbeat": charger.say_heartbeat,
        "StatusNotification": lambda: charger.say_statuses_of(outlets),
        "MeterValues": lambda: charger.say_values_of(outlets),
    }
    if what not in actions:
        return _status("NotImplemented")
    charger.timers.after(f"trigger {what}", charger.personality.answer_delay_s + 0.1, actions[what])
    return _yes(True)


# what the charger does not do, though the specification knows it
ERRORS: Mapping[str, str] = dict.fromkeys(
    ("UpdateFirmware", "GetDiagnostics", "ReserveNow", "CancelReservation", "SendLocalList"), "NotSupported"
)

ANSWERS: Mapping[str, Callable[[Charger, Payload], Payload]] = {
    "ChangeAvailability": _availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": lambda _charger, _payload: _yes(True),
    "ClearChargingProfile": _clear_profile,
    "DataTransfer": lambda _charger, _payload: _status("UnknownVendorId"),
    "GetCompositeSchedule": _composite,
    "GetConfiguration": _get_configuration,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "Reset": _reset,
    "SetChargingProfile": _set_profile,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
}
