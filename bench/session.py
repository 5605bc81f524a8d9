"""One charging session as a charge point sends it: 20 messages, the load of every throughput figure.

1 BootNotification, 4 StatusNotification, 1 Authorize, 1 StartTransaction, 10 MeterValues of 12 samples, 2 Heartbeat and
1 StopTransaction; on average about 0.9 kB a message.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

MESSAGES = 20
ID_TAG = "BENCHTAG01"
# Stands in the StopTransaction until the answer to the StartTransaction names the real id
TRANSACTION_ID_PLACE = b'"@transaction@"'

_SAMPLES = (
    ("Energy.Active.Import.Register", None, "Outlet", "Wh", "1042750"),
    ("Power.Active.Import", None, "Outlet", "W", "11040.0"),
    ("Current.Import", "L1", "Outlet", "A", "16.02"),
    ("Current.Import", "L2", "Outlet", "A", "15.98"),
    ("Current.Import", "L3", "Outlet", "A", "16.00"),
    ("Voltage", "L1-N", "Outlet", "V", "230.4"),
    ("Voltage", "L2-N", "Outlet", "V", "229.8"),
    ("Voltage", "L3-N", "Outlet", "V", "231.1"),
    ("Current.Offered", None, "Outlet", "A", "16.0"),
    ("Power.Offered", None, "Outlet", "W", "11040"),
    ("Frequency", None, "Outlet", None, "50.01"),
    ("Temperature", None, "Body", "Celsius", "31.5"),
)


def _sample(measurand: str, phase: str | None, location: str, unit: str | None, value: str) -> dict[str, str]:
    sample = {"value": value, "context": "Sample.Periodic", "format": "Raw", "measurand": measurand}
    if phase is not None:
        sample["phase"] = phase
    sample["location"] = location
    if unit is not None:
        sample["unit"] = unit
    return sample


def messages(number: int) -> Iterator[tuple[str, bytes]]:
    """Action and payload of each message of a charge point's session *number* (counted from 0), in order.

    Energy and time differ from session to session, so that none is taken for a repeat of another.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    meter_start = 1_000_000 + 100 * number
    values = _written(_meter_values(now))
    heartbeat = ("Heartbeat", b"{}")
    session: list[tuple[str, bytes]] = [
        _written(_BOOT),
        _written(_status(0, "Available", now)),
        _written(_status(1, "Available", now)),
        _written(("Authorize", {"idTag": ID_TAG})),
        _written(_status(1, "Preparing", now)),
        _written(_start(meter_start, now)),
        _written(_status(1, "Charging", now)),
        *[values] * 5,
        heartbeat,
        *[values] * 5,
        heartbeat,
        _written(_stop(meter_start + 90, now)),
    ]
    assert len(session) == MESSAGES
    return iter(session)


def _written(message: tuple[str, object]) -> tuple[str, bytes]:
    action, payload = message
    return action, json.dumps(payload, separators=(",", ":")).encode()


_BOOT = (
    "BootNotification",
    {
        "chargePointVendor": "Bench",
        "chargePointModel": "Closed loop",
        "chargePointSerialNumber": "B-0001",
        "firmwareVersion": "1.0.0",
        "meterType": "MID",
    },
)


def _status(connector: int, state: str, now: str) -> tuple[str, object]:
    payload = {"connectorId": connector, "errorCode": "NoError", "status": state, "timestamp": now}
    return "StatusNotification", payload


def _meter_values(now: str) -> tuple[str, object]:
    sampled = [{"timestamp": now, "sampledValue": [_sample(*sample) for sample in _SAMPLES]}]
    return "MeterValues", {"connectorId": 1, "transactionId": "@transaction@", "meterValue": sampled}


def _start(meter_start: int, now: str) -> tuple[str, object]:
    return "StartTransaction", {"connectorId": 1, "idTag": ID_TAG, "meterStart": meter_start, "timestamp": now}


def _stop(meter_stop: int, now: str) -> tuple[str, object]:
    payload = {
        "transactionId": "@transaction@",
        "idTag": ID_TAG,
        "meterStop": meter_stop,
        "timestamp": now,
        "reason": "Local",
    }
    return "StopTransaction", payload
