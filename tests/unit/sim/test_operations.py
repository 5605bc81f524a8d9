"""Every operation of OCPP 1.6 at a simulated charger, each answer checked against the official schemas."""

from __future__ import annotations

import asyncio
import datetime
import json
from typing import Any

import pytest
from msgspec.structs import replace

from chargemon_edge.ocpp.v16.messages import TO_CHARGE_POINT
from chargemon_edge.sim.answers import ANSWERS
from chargemon_edge.sim.charger import Charger
from chargemon_edge.sim.personality import personality
from chargemon_edge.sim.vehicle import Car, Vehicle
from tests.unit.ocpp.schemas import complaints
from tests.unit.sim.central_system import EPOCH_S, CentralSystem
from tests.unit.sim.test_charger import tell

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
LOCATION = "http://192.0.2.1/fw-2.7.bin"


def wrong(name: str, payload: dict[str, Any]) -> list[str]:
    """What the schema of that name has against *payload*."""
    return complaints(name, json.dumps(payload).encode())


def in_seconds(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(EPOCH_S + seconds, datetime.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def profile(purpose: str) -> dict[str, Any]:
    return {
        "chargingProfileId": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7.0}],
        },
    }


GOOD: dict[str, dict[str, Any]] = {
    "CancelReservation": {"reservationId": 3},
    "CertificateSigned": {"certificateChain": PEM},
    "ChangeAvailability": {"connectorId": 0, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "MeterValueSampleInterval", "value": "60"},
    "ClearCache": {},
    "ClearChargingProfile": {},
    "DataTransfer": {"vendorId": "nobody"},
    "DeleteCertificate": {
        "certificateHashData": {
            "hashAlgorithm": "SHA256",
            "issuerNameHash": "1",
            "issuerKeyHash": "2",
            "serialNumber": "3",
        }
    },
    "ExtendedTriggerMessage": {"requestedMessage": "Heartbeat"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
    "GetConfiguration": {},
    "GetDiagnostics": {"location": "ftp://192.0.2.1/up"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "ftp://192.0.2.1/up"}},
    "InstallCertificate": {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
    "RemoteStartTransaction": {"idTag": "CARD"},
    "RemoteStopTransaction": {"transactionId": 1},
    "ReserveNow": {"connectorId": 1, "expiryDate": in_seconds(600), "idTag": "CARD", "reservationId": 3},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": profile("TxDefaultProfile")},
    "SignedUpdateFirmware": {
        "requestId": 9,
        "firmware": {
            "location": LOCATION,
            "retrieveDateTime": in_seconds(0),
            "signingCertificate": PEM,
            "signature": "good",
        },
    },
    "TriggerMessage": {"requestedMessage": "MeterValues", "connectorId": 1},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": LOCATION, "retrieveDate": in_seconds(0)},
}


def test_it_answers_every_operation_there_is() -> None:
    assert set(ANSWERS) == set(GOOD)
    assert set(TO_CHARGE_POINT) <= set(ANSWERS)


@pytest.mark.parametrize("action", sorted(GOOD))
def test_its_answer_is_what_the_schema_wants(action: str) -> None:
    async def story(central: CentralSystem, _charger: Charger) -> None:
        kind, _, answer = (await central.call(action, GOOD[action]))[:3]
        assert kind == 3
        assert wrong(f"{action}Response", answer) == []
        await asyncio.sleep(120)

    central = tell(story)

    assert [complaint for action, payload in central.heard for complaint in wrong(action, payload)] == []


async def statuses(central: CentralSystem, *asked: tuple[str, dict[str, Any]]) -> list[str]:
    return [(await central.call(action, payload))[2]["status"] for action, payload in asked]


def test_firmware_chain_reboot_and_the_new_version() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await central.call("UpdateFirmware", GOOD["UpdateFirmware"])
        await asyncio.sleep(120)

    central = tell(story)

    chain = [payload["status"] for payload in central.said("FirmwareStatusNotification")]
    assert chain == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert [boot["firmwareVersion"] for boot in central.said("BootNotification")] == ["1.0", "fw-2.7"]


@pytest.mark.parametrize(
    ("location", "outcome", "chain"),
    [
        ("sftp://192.0.2.1/fw.bin", "works", ["Downloading", "DownloadFailed"]),
        (LOCATION, "download-fails", ["Downloading", "DownloadFailed"]),
        (LOCATION, "install-fails", ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
        (LOCATION, "stuck", ["Downloading", "Downloaded", "Installing"]),
    ],
)
def test_firmware_that_does_not_arrive(location: str, outcome: str, chain: list[str]) -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await central.call("UpdateFirmware", {"location": location, "retrieveDate": in_seconds(0)})
        await asyncio.sleep(120)

    central = tell(story, replace(personality("obedient"), firmware_update=outcome))

    assert [payload["status"] for payload in central.said("FirmwareStatusNotification")] == chain
    assert len(central.said("BootNotification")) == 1


def test_signed_firmware_with_a_bad_signature() -> None:
    request = {"requestId": 9, "firmware": GOOD["SignedUpdateFirmware"]["firmware"] | {"signature": "bad"}}

    async def story(central: CentralSystem, charger: Charger) -> None:
        await central.call("SignedUpdateFirmware", request)
        await asyncio.sleep(60)

    central = tell(story)

    assert central.said("SignedFirmwareStatusNotification")[-1] == {"status": "InvalidSignature", "requestId": 9}
    assert [event["type"] for event in central.said("SecurityEventNotification")] == ["InvalidFirmwareSignature"]


def test_the_local_list_has_versions_and_starts_sessions_without_asking() -> None:
    good, bad = {"status": "Accepted"}, {"status": "Blocked"}

    async def story(central: CentralSystem, charger: Charger) -> None:
        full = {
            "listVersion": 4,
            "updateType": "Full",
            "localAuthorizationList": [{"idTag": "CARD", "idTagInfo": good}, {"idTag": "BAD", "idTagInfo": bad}],
        }
        more = {
            "listVersion": 5,
            "updateType": "Differential",
            "localAuthorizationList": [{"idTag": "BAD"}, {"idTag": "Card", "idTagInfo": good}],
        }
        assert await statuses(central, ("SendLocalList", full), ("SendLocalList", more), ("SendLocalList", more)) == [
            "Accepted",
            "Accepted",
            "VersionMismatch",
        ]
        assert (await central.call("GetLocalListVersion", {}))[2] == {"listVersion": 5}
        assert charger.local_list.entries == {"card": good}
        await central.call("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(20)
        await central.call("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
        assert await statuses(central, ("SendLocalList", full)) == ["NotSupported"]
        assert (await central.call("GetLocalListVersion", {}))[2] == {"listVersion": -1}

    central = tell(story)

    assert central.said("Authorize") == []
    assert [start["idTag"] for start in central.said("StartTransaction")] == ["CARD"]


def test_a_reservation_keeps_others_out_and_is_used_up_by_its_card() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        reserve = GOOD["ReserveNow"]
        assert await statuses(central, ("ReserveNow", reserve)) == ["Accepted"]
        await asyncio.sleep(1)
        assert central.said("StatusNotification")[-1]["status"] == "Reserved"
        charger.plug(1, Vehicle(Car(), 20_000), "OTHER")
        await asyncio.sleep(20)
        assert central.said("StartTransaction") == []
        charger.unplug(1)
        await asyncio.sleep(5)
        assert charger.outlets[1].status == "Reserved"
        charger.plug(1, Vehicle(Car(), 20_000), "card")
        await asyncio.sleep(20)
        assert await statuses(
            central, ("CancelReservation", {"reservationId": 3}), ("ReserveNow", {**reserve, "reservationId": 4})
        ) == ["Rejected", "Occupied"]

    central = tell(story)

    assert [start["reservationId"] for start in central.said("StartTransaction")] == [3]


def test_a_reservation_admits_its_parent_and_expires() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        info = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
        central.answers["Authorize"] = lambda _: info
        reserve = {**GOOD["ReserveNow"], "parentIdTag": "FLEET", "expiryDate": in_seconds(120)}
        await central.call("ReserveNow", {**reserve, "connectorId": 2, "reservationId": 8})
        await central.call("ReserveNow", reserve)
        charger.plug(1, Vehicle(Car(), 20_000), "COUSIN")
        await asyncio.sleep(20)
        assert charger.outlets[1].session is not None
        assert charger.outlets[2].status == "Reserved"
        await asyncio.sleep(120)
        assert charger.outlets[2].status == "Available"

    tell(story)


def test_remote_start_before_the_cable() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await central.call("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "true"})
        start = {"idTag": "CARD", "connectorId": 1, "chargingProfile": profile("TxProfile")}
        assert await statuses(central, ("RemoteStartTransaction", start)) == ["Accepted"]
        await asyncio.sleep(70)
        assert [one["status"] for one in central.said("StatusNotification")][-2:] == ["Preparing", "Available"]
        await central.call("RemoteStartTransaction", start)
        await asyncio.sleep(5)
        charger.plug(1, Vehicle(Car(dead_time_s=1.0), 20_000), "NOBODY")
        await asyncio.sleep(20)
        assert charger.outlets[1].drawn_ma == 7_000

    central = tell(story)

    assert [one["idTag"] for one in central.said("Authorize")] == ["CARD", "CARD"]
    assert [one["idTag"] for one in central.said("StartTransaction")] == ["CARD"]


def test_certificates_come_and_go() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        use = {"certificateType": "CentralSystemRootCertificate"}
        rubbish = {**use, "certificate": "rubbish"}
        assert await statuses(
            central, ("InstallCertificate", rubbish), ("InstallCertificate", GOOD["InstallCertificate"])
        ) == ["Rejected", "Accepted"]
        (data,) = (await central.call("GetInstalledCertificateIds", use))[2]["certificateHashData"]
        delete = {"certificateHashData": data}
        assert await statuses(
            central,
            ("DeleteCertificate", delete),
            ("DeleteCertificate", delete),
            ("GetInstalledCertificateIds", use),
            ("CertificateSigned", {"certificateChain": "rubbish"}),
        ) == ["Accepted", "NotFound", "NotFound", "Rejected"]

    central = tell(story)

    kinds = [event["type"] for event in central.said("SecurityEventNotification")]
    assert kinds == ["InvalidCentralSystemCertificate", "InvalidChargePointCertificate"]


def test_it_pings_and_beats_as_configured() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await central.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "20"})
        await central.call("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "Current.Import"})
        assert await statuses(
            central, ("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": "Current.Import,Moonlight"})
        ) == ["Rejected"]
        charger.plug(1, Vehicle(Car(), 20_000), "CARD")
        await asyncio.sleep(70)

    central = tell(story)

    assert len(central.said("Heartbeat")) == 3
    measurands = {
        one["measurand"] for values in central.said("MeterValues") for one in values["meterValue"][0]["sampledValue"]
    }
    assert measurands == {"Current.Import"}
