"""Every operation for charge points, driven over HTTP, received by a charge point that we did not write: PyPI ``ocpp``.

The client judges what it receives by the official schemas; what it answers is what the operator gets.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import websockets
from ocpp.exceptions import InternalError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action

from chargemon_edge.ocpp.v16.messages import TO_CHARGE_POINT
from tests.certification.charge_point import PASSWORD, basic
from tests.certification.laboratory import Laboratory, running
from tests.charge_point import online

WHEN = "2030-01-15T08:00:00.000Z"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
HASHES = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "01"}
PROFILE: dict[str, Any] = {
    "chargingProfileId": 41,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
    },
}
DEFAULT = {**PROFILE, "chargingProfilePurpose": "TxDefaultProfile", "validFrom": WHEN, "validTo": WHEN}


class Case(NamedTuple):
    """One operation as an operator gives it."""

    action: str
    payload: dict[str, Any]
    answer: dict[str, Any]


CASES = [
    Case("Reset", {"type": "Hard"}, {"status": "Accepted"}),
    Case("Reset", {"type": "Soft"}, {"status": "Rejected"}),
    Case("UnlockConnector", {"connectorId": 77}, {"status": "NotSupported"}),
    Case("ClearCache", {}, {"status": "Accepted"}),
    Case("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, {"status": "Scheduled"}),
    Case("GetConfiguration", {}, {"configurationKey": [{"key": "A", "readonly": True, "value": "1"}]}),
    Case("GetConfiguration", {"key": ["Nonsense"]}, {"unknownKey": ["Nonsense"]}),
    Case("ChangeConfiguration", {"key": "Nonsense", "value": "-1"}, {"status": "NotSupported"}),
    Case("RemoteStartTransaction", {"idTag": "T"}, {"status": "Accepted"}),
    Case(
        "RemoteStartTransaction", {"connectorId": 1, "idTag": "T", "chargingProfile": PROFILE}, {"status": "Rejected"}
    ),
    Case("RemoteStopTransaction", {"transactionId": 424242}, {"status": "Rejected"}),
    Case("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 3}, {"status": "Rejected"}),
    Case("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
    Case("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": DEFAULT}, {"status": "NotSupported"}),
    Case("GetCompositeSchedule", {"connectorId": 1, "duration": 300, "chargingRateUnit": "W"}, {"status": "Rejected"}),
    Case("ClearChargingProfile", {}, {"status": "Unknown"}),
    Case("ClearChargingProfile", {"id": 41}, {"status": "Accepted"}),
    Case(
        "ClearChargingProfile",
        {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 2},
        {"status": "Accepted"},
    ),
    Case("UpdateFirmware", {"location": "ftp://192.0.2.1/f", "retries": 1, "retrieveDate": WHEN}, {}),
    Case("GetDiagnostics", {"location": "ftp://192.0.2.1/", "startTime": WHEN}, {"fileName": "d.zip"}),
    Case("GetLocalListVersion", {}, {"listVersion": -1}),
    Case(
        "SendLocalList",
        {
            "listVersion": 5,
            "localAuthorizationList": [{"idTag": "T", "idTagInfo": {"expiryDate": WHEN, "status": "Accepted"}}],
            "updateType": "Differential",
        },
        {"status": "VersionMismatch"},
    ),
    Case(
        "ReserveNow",
        {"connectorId": 0, "expiryDate": WHEN, "idTag": "T", "parentIdTag": "P", "reservationId": 9},
        {"status": "Occupied"},
    ),
    Case("CancelReservation", {"reservationId": 1234}, {"status": "Rejected"}),
    Case(
        "DataTransfer",
        {"vendorId": "V", "messageId": "m", "data": "d"},
        {"status": "UnknownVendorId", "data": "e"},
    ),
    Case("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, {"status": "Accepted"}),
    Case(
        "GetLog",
        {"logType": "SecurityLog", "requestId": 7, "log": {"remoteLocation": "ftp://192.0.2.1/"}},
        {"status": "Accepted", "filename": "log.txt"},
    ),
    Case(
        "SignedUpdateFirmware",
        {
            "requestId": 8,
            "firmware": {
                "location": "http://192.0.2.1/f",
                "retrieveDateTime": WHEN,
                "signingCertificate": PEM,
                "signature": "AAAA",
            },
        },
        {"status": "InvalidCertificate"},
    ),
    Case(
        "InstallCertificate",
        {"certificateType": "CentralSystemRootCertificate", "certificate": PEM},
        {"status": "Rejected"},
    ),
    Case(
        "GetInstalledCertificateIds",
        {"certificateType": "ManufacturerRootCertificate"},
        {"status": "Accepted", "certificateHashData": [HASHES]},
    ),
    Case("DeleteCertificate", {"certificateHashData": HASHES}, {"status": "NotFound"}),
    Case("CertificateSigned", {"certificateChain": PEM}, {"status": "Rejected"}),
]


def snake(members: Any) -> Any:
    """Names as the client's own code writes them."""
    if isinstance(members, dict):
        return {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): snake(v) for name, v in members.items()}
    return [snake(one) for one in members] if isinstance(members, list) else members


class Client:
    """A charge point of the package ``ocpp`` that answers every action with what it is told."""

    def __init__(self, identity: str, socket: Any) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.answer: dict[str, Any] | Exception = {}
        handlers = {action.value: self._handler(action) for action in Action if action.value in TO_CHARGE_POINT}
        self.charge_point = type("Box", (ChargePoint,), handlers)(identity, socket)

    def _handler(self, action: Action) -> Callable[..., Any]:
        def handle(_box: object, **payload: Any) -> Any:
            self.received.append((action.value, payload))
            if isinstance(self.answer, Exception):
                raise self.answer
            return getattr(call_result, action.value)(**snake(self.answer))

        # the package finds handlers by their names
        handle.__name__ = action.value
        handler: Callable[..., Any] = on(action)(handle)
        return handler

    async def start(self) -> None:
        """Read its link."""
        await self.charge_point.start()


@contextlib.asynccontextmanager
async def connected(laboratory: Laboratory, identity: str = "CP1") -> AsyncIterator[Client]:
    """The client with a link to the daemon."""
    async with online(laboratory.url, identity, Client, password=PASSWORD) as client:
        yield client


async def operate(laboratory: Laboratory, action: str, payload: object) -> tuple[int, Any]:
    status, body = await laboratory.http("POST", f"/charge-points/CP1/operations/{action}", payload)
    return status, body


def test_there_is_a_case_for_every_action() -> None:
    assert {case.action for case in CASES} == set(TO_CHARGE_POINT)


async def test_every_operation_goes_out_as_given_and_its_answer_comes_back(tmp_path: Path) -> None:
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        for case in CASES:
            client.answer = case.answer
            answered = await operate(laboratory, case.action, case.payload)

            assert (case.action, *answered) == (case.action, 200, {"result": case.answer})
            assert client.received.pop() == (case.action, snake(case.payload))
            assert client.received == []


async def test_an_error_of_the_charge_point_is_an_answer(tmp_path: Path) -> None:
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        client.answer = InternalError(description="no", details={"why": "wet"})

        status, body = await operate(laboratory, "ClearCache", {})

    assert status == 200
    assert body == {"callError": {"code": "InternalError", "description": "no", "details": {"why": "wet"}}}


async def test_a_stored_profile_goes_out_with_its_own_id(tmp_path: Path) -> None:
    wish = {name: value for name, value in PROFILE.items() if name != "chargingProfileId"}
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        stored = await laboratory.put("/charging-profiles/night", wish)
        client.answer = {"status": "Accepted"}

        await operate(laboratory, "RemoteStartTransaction", {"idTag": "T", "chargingProfileName": "night"})
        _, started = client.received.pop()
        await operate(
            laboratory, "SetChargingProfile", {"connectorId": 1, "chargingProfileName": "night", "transactionId": 5}
        )
        _, put = client.received.pop()

    handle = stored["charging_profile_id"]
    assert handle >= 10_000
    assert started["charging_profile"]["charging_profile_id"] == handle
    assert put["cs_charging_profiles"] == snake({**PROFILE, "chargingProfileId": handle, "transactionId": 5})


async def test_named_profiles_outlast_a_restart_and_their_ids_are_not_given_again(tmp_path: Path) -> None:
    wish = {name: value for name, value in PROFILE.items() if name != "chargingProfileId"}
    async with running(tmp_path, ["CP1"]) as laboratory:
        night = await laboratory.put("/charging-profiles/night", wish)
        day = await laboratory.put("/charging-profiles/day", wish)
        assert (await laboratory.http("DELETE", "/charging-profiles/day")).status == 204
    async with running(tmp_path, ["CP1"]) as laboratory:
        assert await laboratory.get("/charging-profiles") == [night]
        again = await laboratory.put("/charging-profiles/day", wish)

    assert again["charging_profile_id"] > day["charging_profile_id"]


async def test_what_cannot_be_sent_is_said(tmp_path: Path) -> None:
    async with running(tmp_path, ["CP1", "CP2"]) as laboratory, connected(laboratory) as client:
        http = laboratory.http
        assert (await http("POST", "/charge-points/NOBODY/operations/Reset", {"type": "Soft"})).status == 404
        assert (await http("POST", "/charge-points/CP1/operations/Explode", {})).status == 404
        wrong = await http("POST", "/charge-points/CP1/operations/Reset", {"type": "Gentle"})
        absent = await http("POST", "/charge-points/CP2/operations/Reset", {"type": "Soft"})

        assert client.received == []
    assert (wrong.status, absent.status) == (400, 409)
    assert "Gentle" in wrong.body["detail"]
    assert absent.body["title"] == "not connected"


async def test_a_charge_point_that_never_answers_is_said_to(tmp_path: Path) -> None:
    async with (
        running(tmp_path, ["CP1"]) as laboratory,
        websockets.connect(
            f"{laboratory.url}/CP1",
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": basic("CP1", PASSWORD)},
        ) as socket,
    ):
        path = "/charge-points/CP1/operations/ClearCache?deadline_s=1"
        status, body = await laboratory.http("POST", path, {})
        assert '"ClearCache"' in str(await socket.recv())

    assert (status, body["title"]) == (504, "no answer")


@pytest.mark.parametrize("body", ["{", [], 5, {"type": "Soft", "Type": "Hard"}])
async def test_what_is_no_payload_is_refused(tmp_path: Path, body: object) -> None:
    async with running(tmp_path, ["CP1"]) as laboratory, connected(laboratory) as client:
        answer = await laboratory.http("POST", "/charge-points/CP1/operations/Reset", body)

        assert client.received == []
    assert answer.status == 400
