"""What a virtual charge point answers to the central system's CALLs: one small function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from chargemon_edge.sim.charging_profiles import MAX, TRANSACTION, ProfileError, read_profile

if TYPE_CHECKING:
    # the charger needs the table below; the functions need only the charger's type
    from chargemon_edge.sim.charger import Charger

Payload = dict[str, Any]


def _status(status: str) -> Payload:
    return {"status": status}


def _yes(yes: bool) -> Payload:
    return _status("Accepted" if yes else "Rejected")


class CallRefused(Exception):
    """The answer is a CALLERROR with this code."""


def _set_profile(charger: Charger, payload: Payload) -> Payload:
    try:
        profile = read_profile(payload["connectorId"], payload["csChargingProfiles"], charger.personality.phases)
    except (KeyError, ProfileError):
        return _yes(False)
    if not _in_its_form(charger, payload["csChargingProfiles"]["chargingSchedule"]):
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


def _in_its_form(charger: Charger, schedule: Payload) -> bool:
    """Whether the limits are written the way this model insists on."""
    if charger.personality.takes_unit not in ("", schedule["chargingRateUnit"]):
        return False
    periods = schedule["chargingSchedulePeriod"]
    return not charger.personality.wants_number_phases or all("numberPhases" in period for period in periods)


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
    id_tag = payload["idTag"]
    for outlet in charger.outlets_of(payload.get("connectorId")):
        if outlet.session is not None or not outlet.available:
            continue
        if charger.reservations.keeps_out(outlet.number, id_tag, None):
            continue
        profile = payload.get("chargingProfile")
        if profile is not None:
            try:
                charger.profiles.put(read_profile(outlet.number, profile, charger.personality.phases))
            except ProfileError:
                return _yes(False)
        charger.timers.after("remote start", 1.0, partial(charger.drivers.start_remotely, outlet, id_tag))
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
    outlets = charger.outlets_of(payload["connectorId"])
    if not outlets:
        return _yes(False)
    for outlet in outlets:
        outlet.set_available(payload["type"] == "Operative")
    return _status("Scheduled" if any(outlet.session for outlet in outlets) else "Accepted")


def _get_configuration(charger: Charger, payload: Payload) -> Payload:
    answer = charger.configuration.read(payload.get("key") or ())
    if answer is None:
        raise CallRefused("OccurrenceConstraintViolation")
    return answer


def _change_configuration(charger: Charger, payload: Payload) -> Payload:
    change = charger.configuration.change(payload["key"], payload["value"])
    if change.crashes:
        charger.timers.after("crash", charger.personality.answer_delay_s + 0.5, charger.reboot)
    elif change.status == "Accepted":
        charger.configured(payload["key"])
    return _status(change.status)


def _trigger(charger: Charger, payload: Payload) -> Payload:
    what, outlets = payload["requestedMessage"], charger.outlets_of(payload.get("connectorId"))
    if not outlets:
        return _yes(False)
    actions: dict[str, Callable[[], None]] = {
        "Heartbeat": charger.say_heartbeat,
        "StatusNotification": lambda: charger.say_statuses_of(outlets),
        "MeterValues": lambda: charger.say_values_of(outlets),
        "BootNotification": charger.say_boot,
        "FirmwareStatusNotification": lambda: charger.upkeep.say("firmware"),
        "DiagnosticsStatusNotification": lambda: charger.upkeep.say("diagnostics"),
        "LogStatusNotification": lambda: charger.upkeep.say("log"),
    }
    if what not in actions:
        return _status("NotImplemented")
    charger.timers.after(f"trigger {what}", charger.personality.answer_delay_s + 0.1, actions[what])
    return _yes(True)


def _local_list(charger: Charger, payload: Payload) -> Payload:
    if not charger.configuration.truth("LocalAuthListEnabled"):
        return _status("NotSupported")
    entries = payload.get("localAuthorizationList") or ()
    return _status(charger.local_list.send(payload["listVersion"], payload["updateType"], entries))


def _local_list_version(charger: Charger, _payload: Payload) -> Payload:
    enabled = charger.configuration.truth("LocalAuthListEnabled")
    return {"listVersion": charger.local_list.version if enabled else -1}


def _clear_cache(charger: Charger, _payload: Payload) -> Payload:
    charger.local_list.clear_cache()
    return _yes(charger.configuration.truth("AuthorizationCacheEnabled"))


def _update_firmware(charger: Charger, payload: Payload) -> Payload:
    charger.upkeep.update(payload)
    return {}


def _get_diagnostics(charger: Charger, payload: Payload) -> Payload:
    return {"fileName": charger.upkeep.diagnostics(payload)}


def _get_log(charger: Charger, payload: Payload) -> Payload:
    return {"status": "Accepted", "filename": charger.upkeep.log(payload)}


def _update_signed(charger: Charger, payload: Payload) -> Payload:
    if not payload["firmware"]["signingCertificate"].lstrip().startswith("-----BEGIN CERTIFICATE-----"):
        return _status("InvalidCertificate")
    charger.upkeep.update_signed(payload)
    return _yes(True)


def _install_certificate(charger: Charger, payload: Payload) -> Payload:
    status = charger.certificates.install(payload["certificateType"], payload["certificate"])
    if status == "Rejected":
        charger.say_security_event("InvalidCentralSystemCertificate")
    return _status(status)


def _certificate_ids(charger: Charger, payload: Payload) -> Payload:
    found = charger.certificates.ids(payload["certificateType"])
    return {"status": "Accepted", "certificateHashData": found} if found else _status("NotFound")


def _delete_certificate(charger: Charger, payload: Payload) -> Payload:
    return _status(charger.certificates.delete(payload["certificateHashData"]))


def _certificate_signed(charger: Charger, payload: Payload) -> Payload:
    status = charger.certificates.signed(payload["certificateChain"])
    if status == "Rejected":
        charger.say_security_event("InvalidChargePointCertificate")
    return _status(status)


ANSWERS: Mapping[str, Callable[[Charger, Payload], Payload]] = {
    "CancelReservation": lambda charger, payload: _yes(charger.reservations.cancel(payload["reservationId"])),
    "CertificateSigned": _certificate_signed,
    "ChangeAvailability": _availability,
    "ChangeConfiguration": _change_configuration,
    "ClearCache": _clear_cache,
    "ClearChargingProfile": _clear_profile,
    "DataTransfer": lambda _charger, _payload: _status("UnknownVendorId"),
    "DeleteCertificate": _delete_certificate,
    "ExtendedTriggerMessage": _trigger,
    "GetCompositeSchedule": _composite,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _get_diagnostics,
    "GetInstalledCertificateIds": _certificate_ids,
    "GetLocalListVersion": _local_list_version,
    "GetLog": _get_log,
    "InstallCertificate": _install_certificate,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": lambda charger, payload: _status(charger.reservations.reserve(payload)),
    "Reset": _reset,
    "SendLocalList": _local_list,
    "SetChargingProfile": _set_profile,
    "SignedUpdateFirmware": _update_signed,
    "TriggerMessage": _trigger,
    "UnlockConnector": _unlock,
    "UpdateFirmware": _update_firmware,
}
