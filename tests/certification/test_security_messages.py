"""Security: root certificates, security events, security log and signed firmware."""

from __future__ import annotations

from typing import Any

import pytest

from tests.certification import certificates
from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECURITY_PROFILE = 2

MANUFACTURER, CENTRAL_SYSTEM = "ManufacturerRootCertificate", "CentralSystemRootCertificate"
LOCATION = "https://files.example/firmware/post-2.0.bin"
UPLOADS = "https://files.example/logs/"


def _hash_data(algorithm: str = "SHA256") -> dict[str, Any]:
    """Of a certificate, in the charge point's own spelling: upper case and leading zeros are to come back."""
    digits = {"SHA256": 64, "SHA384": 96, "SHA512": 128}[algorithm]
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "0A1b" * (digits // 4),
        "issuerKeyHash": "00fF" * (digits // 4),
        "serialNumber": "00d1F3",
    }


async def _installed_ids(
    laboratory: Laboratory, charge_point: ChargePoint, use: str, *found: dict[str, Any]
) -> list[dict[str, Any]]:
    answer: dict[str, Any] = {"status": "Accepted", "certificateHashData": list(found)}
    operated = await laboratory.sent_as_given(
        charge_point,
        "GetInstalledCertificateIds",
        {"certificateType": use},
        **(answer if found else {"status": "NotFound"}),
    )
    ids: list[dict[str, Any]] = operated.result.get("certificateHashData", [])
    return ids


async def _install(laboratory: Laboratory, charge_point: ChargePoint, use: str) -> None:
    root = certificates.Authority("root").pem
    payload = {"certificateType": use, "certificate": root}
    operated = await laboratory.sent_as_given(charge_point, "InstallCertificate", payload, status="Accepted")
    assert list(operated.sent.payload) == ["certificateType", "certificate"]
    assert await _installed_ids(laboratory, charge_point, use, _hash_data()) == [_hash_data()]


async def test_075_1_install_the_manufacturers_root(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _install(laboratory, charge_point, MANUFACTURER)


async def test_075_2_install_the_central_systems_root(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _install(laboratory, charge_point, CENTRAL_SYSTEM)


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_076_delete_a_certificate(laboratory: Laboratory, charge_point: ChargePoint, algorithm: str) -> None:
    """Revision 2025 plays it for each of the three."""
    (found,) = await _installed_ids(laboratory, charge_point, MANUFACTURER, _hash_data(algorithm))
    operated = await laboratory.sent_as_given(
        charge_point, "DeleteCertificate", {"certificateHashData": found}, status="Accepted"
    )
    assert operated.sent.payload["certificateHashData"] == _hash_data(algorithm)
    assert await _installed_ids(laboratory, charge_point, MANUFACTURER) == []


async def _security_event(laboratory: Laboratory, charge_point: ChargePoint, kind: str) -> None:
    assert await charge_point.call("SecurityEventNotification", type=kind, timestamp=now()) == {}
    (recorded,) = await laboratory.events(charge_point, "SecurityEventReported", 1)
    assert recorded["event"] == kind


async def test_077_invalid_charge_point_certificate(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    foreign = certificates.Authority("nobody knows it").signed(charge_point.identity, certificates.new_key())
    payload = {"certificateChain": certificates.pem(foreign)}
    await laboratory.sent_as_given(charge_point, "CertificateSigned", payload, status="Rejected")
    await _security_event(laboratory, charge_point, "InvalidChargePointCertificate")


async def test_078_invalid_central_system_certificate(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    payload = {"certificateType": CENTRAL_SYSTEM, "certificate": certificates.Authority("unsafe").pem}
    await laboratory.sent_as_given(charge_point, "InstallCertificate", payload, status="Rejected")
    await _security_event(laboratory, charge_point, "InvalidCentralSystemCertificate")


async def test_079_security_log(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    wish = {"logType": "SecurityLog", "log": {"remoteLocation": UPLOADS, "oldestTimestamp": now(days=-7)}}
    answer = {"status": "Accepted", "filename": "security.log"}
    operated = await laboratory.operate(charge_point, "GetLog", wish, **answer)
    request_id = operated.sent.payload["requestId"]
    assert operated.sent.payload == wish | {"requestId": request_id}
    for status in ("Uploading", "Uploaded"):
        assert await charge_point.call("LogStatusNotification", status=status, requestId=request_id) == {}

    recorded = await laboratory.events(charge_point, "LogStatusReported", 2)
    assert [(one["status"], one["request_id"]) for one in recorded] == [
        ("Uploading", request_id),
        ("Uploaded", request_id),
    ]


async def _signed_update(laboratory: Laboratory, charge_point: ChargePoint, *, rightly: bool) -> int:
    """Start one; returns its number. The daemon passes a wrong signature on: to judge it is for the charge point."""
    maker = certificates.Authority("maker")
    key = certificates.new_key()
    firmware = {
        "location": LOCATION,
        "retrieveDateTime": now(),
        "signingCertificate": certificates.pem(maker.signed("firmware", key)),
        "signature": certificates.signature(key if rightly else certificates.new_key(), b"the file"),
    }
    operated = await laboratory.operate(charge_point, "SignedUpdateFirmware", {"firmware": firmware}, status="Accepted")
    assert operated.sent.payload["firmware"] == firmware
    number: int = operated.sent.payload["requestId"]
    return number


async def _progress(charge_point: ChargePoint, number: int, *statuses: str) -> None:
    for status in statuses:
        assert await charge_point.call("SignedFirmwareStatusNotification", status=status, requestId=number) == {}


async def test_080_signed_firmware_update(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    number = await _signed_update(laboratory, charge_point, rightly=True)
    before = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]
    await _progress(charge_point, number, *before)
    await charge_point.power_cut()

    async with laboratory.connected(charge_point.identity) as back:
        # in whatever order the charge point likes
        await _progress(back, number, "Installed")
        await _security_event(laboratory, back, "FirmwareUpdated")
        assert (await back.boot(firmwareVersion="2.0"))["status"] == "Accepted"
        recorded = await laboratory.events(back, "FirmwareStatusReported", 6)
        assert [one["status"] for one in recorded] == [*before, "Installed"]
        assert {(one["signed"], one["request_id"]) for one in recorded} == {(True, number)}


async def test_081_signed_firmware_update_with_an_invalid_signature(
    laboratory: Laboratory, charge_point: ChargePoint
) -> None:
    number = await _signed_update(laboratory, charge_point, rightly=False)
    await _progress(charge_point, number, "Downloading", "Downloaded", "InvalidSignature")
    await _security_event(laboratory, charge_point, "InvalidFirmwareSignature")
    recorded = await laboratory.events(charge_point, "FirmwareStatusReported", 3)
    assert recorded[-1]["status"] == "InvalidSignature"
