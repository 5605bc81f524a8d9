"""A simulated charger's configuration keys: what it has, what it takes, and how a bad value hurts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from chargemon_edge.sim.personality import Personality

Payload = dict[str, Any]
Kind = Literal["text", "number", "truth", "measurands"]

MEASURANDS: Mapping[str, str] = {
    "current": "Current.Import",
    "power": "Power.Active.Import",
    "energy": "Energy.Active.Import.Register",
}
"""What each of a personality's reports is called on the wire."""

# number of characters that OCPP 1.6 allows in a value (§7.29)
_VALUE_MAX = 500
_FEATURES = "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
_KEYS_AT_ONCE = 50


class Key(msgspec.Struct, frozen=True):
    """One configuration key."""

    value: str
    kind: Kind = "text"
    readonly: bool = False


class Change(msgspec.Struct, frozen=True):
    """What became of a ChangeConfiguration."""

    status: str
    crashes: bool = False
    """The firmware does not survive this value: it restarts."""


def measurands(personality: Personality) -> tuple[str, ...]:
    """Every measurand that it takes in a list, spelled its own way."""
    return personality.measurands or tuple(MEASURANDS[report] for report in personality.reports)


class Configuration:
    """The keys, as GetConfiguration shows them and ChangeConfiguration changes them."""

    def __init__(self, personality: Personality, connectors: int) -> None:
        self._personality = personality
        self._measurands = measurands(personality)
        self._fresh = {
            name: msgspec.structs.replace(key, readonly=key.readonly or name in personality.keys_readonly)
            for name, key in _ordinary(personality, connectors).items()
            if name not in personality.keys_missing
        }
        self.keys = dict(self._fresh)

    def number(self, name: str) -> float:
        """A numeric key's value; 0 when the charger has no such key."""
        key = self.keys.get(name)
        return 0.0 if key is None else float(key.value)

    def truth(self, name: str) -> bool:
        """A boolean key's value."""
        key = self.keys.get(name)
        return key is not None and key.value == "true"

    def text(self, name: str) -> str:
        """A key's value; empty when the charger has no such key."""
        key = self.keys.get(name)
        return "" if key is None else key.value

    def put(self, name: str, value: str) -> None:
        """What the charger sets by itself."""
        if name in self.keys:
            self.keys[name] = msgspec.structs.replace(self.keys[name], value=value)

    def read(self, asked: Sequence[str]) -> Payload | None:
        """GetConfiguration.conf; None: more keys at once than it can take (OCPP 1.6 §9.1.4)."""
        if len(asked) > _KEYS_AT_ONCE or not (asked or self._personality.keys_listed):
            return None
        names = asked or list(self.keys)
        secret = {"AuthorizationKey"}
        return {
            "configurationKey": [
                {"key": name, "readonly": self.keys[name].readonly}
                | ({} if name in secret else {"value": self.keys[name].value})
                for name in names
                if name in self.keys
            ],
            "unknownKey": [name for name in names if name not in self.keys],
        }

    def change(self, name: str, value: str) -> Change:
        """ChangeConfiguration."""
        key = self.keys.get(name)
        longest = self._personality.value_longest
        if longest and len(value) > longest:
            # the value runs over whatever lies behind it
            self.keys = dict(self._fresh)
            return Change("Accepted", crashes=True)
        if key is None:
            return Change("NotSupported")
        if name == "MeterValueSampleInterval" and value.isdecimal() and int(value) < self._personality.values_least_s:
            return Change("Rejected")
        if key.readonly or len(value) > _VALUE_MAX or not self._takes(key, value):
            return Change("Rejected")
        self.keys[name] = msgspec.structs.replace(key, value=value)
        lethal = set(self._personality.measurands_lethal)
        if key.kind == "measurands" and lethal & {one.strip() for one in value.split(",")}:
            return Change("Accepted", crashes=True)
        return Change("RebootRequired" if name in self._personality.keys_need_reboot else "Accepted")

    def sampled(self) -> frozenset[str]:
        """The reports (``current``, ``power``, ``energy``) that its meter values carry now."""
        listed = {one.strip() for one in self.text("MeterValuesSampledData").split(",")}
        if "MeterValuesSampledData" not in self.keys:
            return frozenset(self._personality.reports)
        return frozenset(
            report
            for report, measurand in MEASURANDS.items()
            if report in self._personality.reports and any(one.startswith(measurand) for one in listed)
        )

    def _takes(self, key: Key, value: str) -> bool:
        if key.kind == "number":
            return value.isdecimal()
        if key.kind == "truth":
            return value in ("true", "false")
        if key.kind == "measurands" and value:
            listed = [one.strip() for one in value.split(",")]
            most = self._personality.measurands_max
            return set(listed) <= set(self._measurands) and (most == 0 or len(listed) <= most)
        return True


def _ordinary(personality: Personality, connectors: int) -> dict[str, Key]:
    """OCPP 1.6 §9, and the security white paper's keys."""
    sampled = personality.sampled or ",".join(measurands(personality))
    writable = {
        "AllowOfflineTxForUnknownId": Key("true", "truth"),
        "AuthorizationCacheEnabled": Key("true", "truth"),
        "AuthorizationKey": Key(""),
        "AuthorizeRemoteTxRequests": Key("false", "truth"),
        "ClockAlignedDataInterval": Key("0", "number"),
        "ConnectionTimeOut": Key("60", "number"),
        "CpoName": Key(""),
        "HeartbeatInterval": Key("300", "number"),
        "LocalAuthListEnabled": Key("true", "truth"),
        "LocalAuthorizeOffline": Key("true", "truth"),
        "LocalPreAuthorize": Key("false", "truth"),
        "MeterValueSampleInterval": Key(str(personality.meter_values_s), "number"),
        "MeterValuesAlignedData": Key("", "measurands"),
        "MeterValuesSampledData": Key(sampled, "measurands"),
        "SecurityProfile": Key("0", "number"),
        "StopTransactionOnEVSideDisconnect": Key("true", "truth"),
        "StopTransactionOnInvalidId": Key("true", "truth"),
        "StopTxnSampledData": Key("", "measurands"),
        "TransactionMessageAttempts": Key("6", "number"),
        "TransactionMessageRetryInterval": Key("10", "number"),
        "UnlockConnectorOnEVSideDisconnect": Key("true", "truth"),
        "WebSocketPingInterval": Key("0", "number"),
    }
    fixed = {
        "ChargeProfileMaxStackLevel": str(personality.stack_level_max),
        "ChargingScheduleAllowedChargingRateUnit": personality.rate_units,
        "ChargingScheduleMaxPeriods": "24",
        "GetConfigurationMaxKeys": str(_KEYS_AT_ONCE),
        "LocalAuthListMaxLength": "100",
        "MaxChargingProfilesInstalled": "20",
        "NumberOfConnectors": str(connectors),
        "SendLocalListMaxLength": "20",
        "SupportedFeatureProfiles": _FEATURES,
        "SupportedFileTransferProtocols": personality.file_protocols,
    }
    return writable | {name: Key(value, readonly=True) for name, value in fixed.items()}
