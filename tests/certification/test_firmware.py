"""Firmware management: updates and diagnostics."""

from __future__ import annotations

import pytest

from tests.certification.charge_point import ChargePoint, now
from tests.certification.laboratory import Laboratory

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOCATION = "ftp://files.example/firmware/post-2.0.bin"
UPLOADS = "ftp://files.example/diagnostics/"


async def _update(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    payload = {"location": LOCATION, "retrieveDate": now()}
    await laboratory.sent_as_given(charge_point, "UpdateFirmware", payload)


async def _progress(charge_point: ChargePoint, *statuses: str) -> None:
    for status in statuses:
        assert await charge_point.call("FirmwareStatusNotification", status=status) == {}


async def _recorded(laboratory: Laboratory, charge_point: ChargePoint, count: int = 4) -> list[str]:
    return [one["status"] for one in await laboratory.events(charge_point, "FirmwareStatusReported", count)]


async def test_044_1_firmware_update(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.boot(firmwareVersion="1.0")
    await _update(laboratory, charge_point)
    await _progress(charge_point, "Downloading", "Downloaded")
    await charge_point.status(1, "Unavailable")
    await charge_point.status(2, "Unavailable")
    await _progress(charge_point, "Installing")
    await charge_point.power_cut()

    async with laboratory.connected(charge_point.identity) as back:
        assert (await back.boot(firmwareVersion="2.0"))["status"] == "Accepted"
        await back.status(1, "Available")
        await back.status(2, "Available")
        await _progress(back, "Installed")
        assert await laboratory.states(back) == {1: "available", 2: "available"}
        assert (await laboratory.shown(back))["firmware_version"] == "2.0"
        assert await _recorded(laboratory, back) == ["Downloading", "Downloaded", "Installing", "Installed"]


async def test_044_2_firmware_download_fails(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _update(laboratory, charge_point)
    await _progress(charge_point, "Downloading", "DownloadFailed")
    assert await _recorded(laboratory, charge_point, 2) == ["Downloading", "DownloadFailed"]


async def test_044_3_firmware_installation_fails(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await charge_point.boot(firmwareVersion="1.0")
    await _update(laboratory, charge_point)
    await _progress(charge_point, "Downloading", "Downloaded", "Installing", "InstallationFailed")
    await charge_point.power_cut()

    async with laboratory.connected(charge_point.identity) as back:
        assert (await back.boot(firmwareVersion="1.0"))["status"] == "Accepted"
        await back.status(1, "Available")
        assert (await laboratory.shown(back))["firmware_version"] == "1.0"
        assert await _recorded(laboratory, back) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"]


async def _diagnostics(laboratory: Laboratory, charge_point: ChargePoint, *statuses: str) -> None:
    payload = {"location": UPLOADS, "startTime": now(days=-1), "stopTime": now()}
    operated = await laboratory.sent_as_given(charge_point, "GetDiagnostics", payload, fileName="diagnostics.zip")
    assert list(operated.sent.payload) == ["location", "startTime", "stopTime"]
    for status in statuses:
        assert await charge_point.call("DiagnosticsStatusNotification", status=status) == {}
    recorded = await laboratory.events(charge_point, "DiagnosticsStatusReported", len(statuses))
    assert [one["status"] for one in recorded] == list(statuses)


async def test_045_1_diagnostics(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _diagnostics(laboratory, charge_point, "Uploading", "Uploaded")


async def test_045_2_diagnostics_upload_fails(laboratory: Laboratory, charge_point: ChargePoint) -> None:
    await _diagnostics(laboratory, charge_point, "Uploading", "UploadFailed")
