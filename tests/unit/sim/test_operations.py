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
from chargemon_edge.sim.firmware_file import made
from chargemon_edge.sim.personality import personality
from chargemon_edge.sim.vehicle import Car, Vehicle
from tests.certification.certificates import Authority, new_key, pem, signature
from tests.unit.ocpp.schemas import complaints
from tests.unit.sim.central_system import EPOCH_S, CentralSystem
from tests.unit.sim.test_charger import tell

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
# where nobody listens
LOCATION = "http://127.0.0.1:9/fw-2.7.bin"


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
    "GetDiagnostics": {"location": "ftp://127.0.0.1:9/up"},
    "GetInstalledCertificateIds": {"certificateType": "CentralSystemRootCertificate"},
    "GetLocalListVersion": {},
    "GetLog": {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "ftp://127.0.0.1:9/up"}},
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


async def update(central: CentralSystem, image: bytes = b"any", name: str = "fw-2.7.bin") -> None:
    central.files["fw-2.7.bin"] = image
    await central.call("UpdateFirmware", {"location": central.folder + name, "retrieveDate": in_seconds(0)})
    await asyncio.sleep(120)


def chain(central: CentralSystem) -> list[str]:
    return [payload["status"] for payload in central.said("FirmwareStatusNotification")]


def versions(central: CentralSystem) -> list[str]:
    return [boot["firmwareVersion"] for boot in central.said("BootNotification")]


GOOD_CHAIN = ["Downloading", "Downloaded", "Installing", "Installed"]


def test_firmware_is_really_fetched_and_boots_with_the_version_in_it() -> None:
    image = made("3.1", 200_000)

    async def story(central: CentralSystem, charger: Charger) -> None:
        await update(central, image)
        assert charger.upkeep.fetched == [image]

    central = tell(story)

    assert (chain(central), versions(central)) == (GOOD_CHAIN, ["1.0", "3.1"])


def test_a_file_that_is_no_image_gives_it_its_name() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await update(central)

    assert versions(tell(story)) == ["1.0", "fw-2.7"]


@pytest.mark.parametrize(
    ("changes", "ends", "boots"),
    [
        ({"firmware_update": "download-fails"}, ["Downloading", "DownloadFailed"], ["1.0"]),
        ({"url_longest": 30}, ["Downloading", "DownloadFailed"], ["1.0"]),
        ({"file_protocols": "FTP"}, ["Downloading", "DownloadFailed"], ["1.0"]),
        ({"firmware_update": "install-fails"}, [*GOOD_CHAIN[:3], "InstallationFailed"], ["1.0"]),
        ({"firmware_update": "refuses-image"}, [*GOOD_CHAIN[:3], "InstallationFailed"], ["1.0"]),
        ({"firmware_update": "stuck"}, GOOD_CHAIN[:3], ["1.0"]),
        ({"firmware_update": "old-version"}, GOOD_CHAIN, ["1.0", "1.0"]),
        ({"firmware_update": "dead"}, GOOD_CHAIN, ["1.0"]),
    ],
)
def test_firmware_goes_wrong_in_every_way_there_is(changes: dict[str, Any], ends: list[str], boots: list[str]) -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await update(central, made("3.1"))

    central = tell(story, replace(personality("obedient"), **changes))

    assert (chain(central), versions(central)) == (ends, boots)


def test_a_damaged_image_and_one_that_is_not_there() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        await update(central, made("3.1")[:-1])
        await update(central, name="other.bin")

    assert chain(tell(story)) == [*GOOD_CHAIN[:3], "InstallationFailed", "Downloading", "DownloadFailed"]


def test_it_tries_as_often_as_it_is_told() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        request = {"location": f"{central.folder}late.bin", "retrieveDate": in_seconds(0)}
        await central.call("UpdateFirmware", {**request, "retries": 0})
        await asyncio.sleep(60)
        assert chain(central) == []
        await central.call("UpdateFirmware", {**request, "retries": 2, "retryInterval": 30})
        await asyncio.sleep(20)
        central.files["late.bin"] = made("4.0")
        await asyncio.sleep(100)

    assert versions(tell(story)) == ["1.0", "4.0"]


@pytest.mark.parametrize("good", [True, False])
def test_signed_firmware(good: bool) -> None:
    key = new_key()
    image = made("5.0")

    async def story(central: CentralSystem, charger: Charger) -> None:
        central.files["new.bin"] = image
        firmware = GOOD["SignedUpdateFirmware"]["firmware"] | {
            "location": f"{central.folder}new.bin",
            "signature": signature(key, image if good else image[:-1]),
            "signingCertificate": pem(Authority("Maker").signed("Maker", key)),
        }
        await central.call("SignedUpdateFirmware", {"requestId": 9, "firmware": firmware})
        await asyncio.sleep(120)

    central = tell(story)
    last = central.said("SignedFirmwareStatusNotification")[-1]
    events = [event["type"] for event in central.said("SecurityEventNotification")]

    assert last["requestId"] == 9
    if good:
        assert (last["status"], versions(central), events) == ("InstallRebooting", ["1.0", "5.0"], [])
    else:
        assert (last["status"], versions(central)) == ("InvalidSignature", ["1.0"])
        assert events == ["InvalidFirmwareSignature"]


def test_diagnostics_and_logs_are_really_delivered() -> None:
    async def story(central: CentralSystem, charger: Charger) -> None:
        name = (await central.call("GetDiagnostics", {"location": central.folder}))[2]["fileName"]
        await asyncio.sleep(20)
        assert central.files[name].count(b"\n") == 200
        log = {"remoteLocation": central.folder}
        answer = await central.call("GetLog", {"logType": "SecurityLog", "requestId": 7, "log": log})
        await asyncio.sleep(20)
        assert answer[2]["filename"] in central.files

    central = tell(story)

    assert [one["status"] for one in central.said("DiagnosticsStatusNotification")] == ["Uploading", "Uploaded"]
    assert central.said("LogStatusNotification")[-1] == {"status": "Uploaded", "requestId": 7}


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
